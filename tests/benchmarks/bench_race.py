"""CartPole: our training against a library's, and its stages against floors.

The race has one rule for all. About every 2000 environment steps the policy
is frozen and plays 100 fresh episodes with sampled actions; it is solved at a
mean of 475. Evaluation and imports do not count. One process, one thread.
"""

import copy
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import cache
from typing import NamedTuple

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import VectorEnv
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from torch import Tensor, nn

from logderiv.reinforce import (
    advantages,
    evaluate,
    make_envs,
    objective,
    rollouts,
    train,
)
from logderiv.reinforce.policies import actor
from logderiv.reinforce.training import CHECK_EPISODES, CHECK_EVERY

Learner = Callable[[int], BaseAlgorithm]

RACE = "CartPole to the first solved evaluation, ours over theirs"
STAGES = "Training on CartPole, stage by stage"
SEEDS = range(10)
MOST_STEPS = 500_000
LEVEL = gym.spec("CartPole-v1").reward_threshold


class Finish(NamedTuple):
    """When a training was first solved; not finite: never."""

    cpu_seconds: float
    env_steps: float


class Referee(BaseCallback):
    """Stops the clock, evaluates, and stops the training if it is solved."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed, self.checked, self.paused = seed, 0, 0.0
        self.finish = Finish(np.inf, np.inf)

    def _on_training_start(self) -> None:
        self.began = time.process_time()

    def _on_step(self) -> bool:
        if self.num_timesteps // CHECK_EVERY == self.checked // CHECK_EVERY:
            return True
        self.checked = self.num_timesteps
        now = time.process_time()
        seconds = now - self.began - self.paused
        returns = evaluate(
            Logits(self.model), CHECK_EPISODES, 1000 * self.seed + self.n_calls
        )
        self.paused += time.process_time() - now
        if returns.mean() < LEVEL:
            return True
        self.finish = Finish(seconds, self.num_timesteps)
        return False


class Logits(nn.Module):
    """A library's policy as ours: observations to logits."""

    def __init__(self, model: BaseAlgorithm) -> None:
        super().__init__()
        self.policy = model.policy

    def forward(self, observations: Tensor) -> Tensor:
        return self.policy.get_distribution(observations).distribution.logits


def tuned_ppo(seed: int) -> BaseAlgorithm:
    """With the parameters of RL Baselines3 Zoo for CartPole-v1."""
    return PPO(
        "MlpPolicy",
        make_vec_env("CartPole-v1", n_envs=8, seed=seed),
        n_steps=32,
        batch_size=256,
        gae_lambda=0.8,
        gamma=0.98,
        n_epochs=20,
        ent_coef=0.0,
        learning_rate=lambda left: 0.001 * left,
        clip_range=lambda left: 0.2 * left,
        seed=seed,
        device="cpu",
    )


def default_ppo(seed: int) -> BaseAlgorithm:
    return PPO("MlpPolicy", "CartPole-v1", seed=seed, device="cpu")


def tuned_a2c(seed: int) -> BaseAlgorithm:
    """With the parameters of RL Baselines3 Zoo for CartPole-v1."""
    envs = make_vec_env("CartPole-v1", n_envs=8, seed=seed)
    return A2C("MlpPolicy", envs, ent_coef=0.0, seed=seed, device="cpu")


def theirs(
    make: Callable[[int], BaseAlgorithm], seed: int, most: int
) -> Finish:
    referee = Referee(seed)
    make(seed).learn(most, callback=referee)
    return referee.finish


def ours(seed: int) -> Finish:
    result = train(seed)
    if not result.solved:
        return Finish(np.inf, np.inf)
    return Finish(result.solved_cpu_seconds, result.solved_steps)


PEERS = {
    "PPO, tuned": (tuned_ppo, 100_000, 0.2),
    "PPO, defaults": (default_ppo, MOST_STEPS, None),
    "A2C, tuned": (tuned_a2c, MOST_STEPS, None),
}


@cache
def finishes(name: str) -> np.ndarray:
    """Ours and theirs in turns, so that a slow minute meets both.

    Returns:
        (2, seeds, 2): whose, seed, CPU seconds and environment steps.
    """
    make, most, _ = PEERS[name]
    pairs = [(ours(seed), theirs(make, seed, most)) for seed in SEEDS]
    return np.array(pairs).swapaxes(0, 1)


@pytest.mark.parametrize("what", ["CPU time", "environment steps", "solved"])
@pytest.mark.parametrize("name", PEERS)
def test_race(benchmark, name: str, what: str) -> None:
    mine, peers = benchmark.pedantic(finishes, args=(name,), rounds=1)
    solved = [int(np.isfinite(each[:, 0]).sum()) for each in (mine, peers)]
    column = 0 if what == "CPU time" else 1
    low, high = np.quantile(mine[:, column] / peers[:, column], [0.25, 0.75])
    middle = np.median(mine[:, column]) / np.median(peers[:, column])
    if what == "solved":
        low = middle = high = solved[1]
        what = f"solved, of {len(SEEDS)} (ours: {solved[0]})"
    benchmark.extra_info.update(
        group=RACE,
        row=f"stable-baselines3 {name}",
        column=what,
        ratio=float(middle),
        low=float(low),
        high=float(high),
        target=PEERS[name][2] if what == "CPU time" else None,
    )


def bare_seconds(envs: VectorEnv, actions: np.ndarray) -> float:
    """CPU seconds of stepping the environments, and nothing else."""
    envs.reset(seed=0)
    start = time.process_time()
    for action in actions:
        envs.step(action)
    return time.process_time() - start


@pytest.mark.parametrize("rows", [16, 32, 64])
def test_training_over_the_bare_environment(benchmark, rows: int) -> None:
    """CPU time a real step, all of training over stepping alone."""
    quotients = []
    with closing(make_envs("CartPole-v1", rows)) as envs:
        actions = np.random.default_rng(0).integers(0, 2, (4000, rows))

        def measure() -> None:
            for seed in range(5):
                before = bare_seconds(envs, actions)
                result = train(seed, episodes=rows)
                floor = (before + bare_seconds(envs, actions)) / 2
                mine = result.cpu_seconds / result.env_steps
                quotients.append(mine / (floor / actions.size))

        benchmark.pedantic(measure, rounds=1)
    low, middle, high = np.quantile(quotients, [0.25, 0.5, 0.75])
    benchmark.extra_info.update(
        group=STAGES,
        row="all of training, over stepping the bare environment",
        column=f"{rows} rows",
        ratio=middle,
        low=low,
        high=high,
        target=2,
    )


@cache
def trained() -> nn.Module:
    """A policy whose episodes all have 500 steps."""
    return train(0).policy


def rolling_out(envs: VectorEnv) -> tuple[Callable, Callable]:
    rng, actions = np.random.default_rng(0), np.zeros((500, envs.num_envs), int)
    return (
        lambda: rollouts(trained(), envs, rng),
        lambda: bare_seconds(envs, actions),
    )


def acting(envs: VectorEnv) -> tuple[Callable, Callable]:
    shape = (envs.num_envs, 2)
    act = actor(trained(), shape, np.random.default_rng(0), greedy=False)
    seen, _ = envs.reset(seed=0)
    _, first, _, last = trained()
    weights = [each.detach().numpy().T for each in (first.weight, last.weight)]
    return (
        lambda: act(seen),
        lambda: np.tanh(seen @ weights[0]) @ weights[1],
    )


def updating(envs: VectorEnv) -> tuple[Callable, Callable]:
    policy = copy.deepcopy(trained())
    batch = rollouts(policy, envs, np.random.default_rng(0))
    optimizer = torch.optim.Adam(policy.parameters(), lr=1e-9)

    def update() -> None:
        optimizer.zero_grad()
        objective(policy, batch, advantages).backward()
        optimizer.step()

    return update, lambda: policy(batch.observations)


@pytest.mark.parametrize("rows", [16, 32, 64])
@pytest.mark.parametrize(
    ("stage", "build"),
    [
        ("rollout, over stepping the bare environment", rolling_out),
        ("acting, over its two matrix products and tanh", acting),
        ("update, over one forward pass with the graph", updating),
    ],
    ids=["rollout", "acting", "update"],
)
def test_stages(ratio, stage: str, build: Callable, rows: int) -> None:
    with closing(make_envs("CartPole-v1", rows)) as envs:
        run, floor = build(envs)
        ratio(STAGES, stage, f"{rows} rows", run, floor)


PEAK = """
from logderiv.reinforce import report
report(0)
status = open("/proc/self/status").read()
print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""


def test_memory_of_a_training(benchmark) -> None:
    def peak_mib() -> float:
        command = [sys.executable, "-c", PEAK]
        return float(subprocess.check_output(command, text=True))

    peak = benchmark.pedantic(peak_mib, rounds=1)
    benchmark.extra_info.update(
        group="Peak memory of a process that trains and evaluates a seed, MiB",
        row="PyTorch and the 1000 episodes side by side included",
        column="MiB",
        ratio=peak,
        low=peak,
        high=peak,
        target=600,
    )
