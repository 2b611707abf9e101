"""The books around the loop: what it begins with, what is kept of it.

``logderiv.reinforce.loop`` learns; here are the arguments, the clock, the
evaluation and the checkpoint.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from os import PathLike
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import VectorEnv
from torch import Tensor, nn

from logderiv import __version__, checks
from logderiv.checks import Floats
from logderiv.memory import keep_freed
from logderiv.reinforce import loop
from logderiv.reinforce.checkpoint import Checkpoint
from logderiv.reinforce.door import action_space
from logderiv.reinforce.episodes import (
    Rollouts,
    by_chance,
    make_envs,
    rollouts,
)
from logderiv.reinforce.loop import Weights
from logderiv.reinforce.policies import make_policy
from logderiv.reinforce.returns import advantages, checked_weights

keep_freed()

LEARNING_RATE = {"mlp": 0.03, "linear": 0.2}
CHECK_EVERY = 2000
CHECK_EPISODES = 100
MOST_ROWS = 1000  # stepped together when a policy is evaluated
CHANCE, TRAINING, CHECKING, FRESH = range(4)  # streams of random numbers
NUMBERS = (
    "solved",
    "solved_steps",
    "solved_cpu_seconds",
    "env_steps",
    "cpu_seconds",
)


class Update(NamedTuple):
    """One line of a training's history."""

    env_steps: int
    mean_return: float


@dataclass(eq=False)
class TrainResult:
    """What `train` returns.

    CPU seconds and steps include the batch played by chance; they exclude
    evaluation, and the seconds exclude making environments and writing files,
    and what other threads do.
    ``solved_steps`` and ``solved_cpu_seconds`` are None until the first
    evaluation at or above the environment's reward threshold.
    """

    policy: nn.Module
    history: list[Update] = field(default_factory=list)
    solved: bool = False
    solved_steps: int | None = None
    solved_cpu_seconds: float | None = None
    env_steps: int = 0
    cpu_seconds: float = 0.0


def policy_gradient(
    policy: nn.Module,
    env_id: str,
    episodes: int,
    seed: int,
    weights: Weights = advantages,
) -> Tensor:
    """1/n sum_i sum_t weight_it * grad log policy(a_it | s_it), one batch.

    What `train` hands to its optimiser: for the initial policy and the same
    seed and episodes, its very first gradient.

    Args:
        policy: maps observations (n, features) to logits (n, K).
        env_id: a registered environment with discrete actions.
        episodes: episodes in the batch, >= 2.
        seed: of the environments and the actions.
        weights: maps (rewards, mask) to the weight of each log-probability.
    Returns:
        (p,), columns as ``policy.parameters()``; 0 where one is frozen.
    Raises:
        TypeError, ValueError: bad arguments, environments or policies.
    """
    episodes = checks.whole("episodes", episodes, 2)
    rng = stream(seed, TRAINING, 0)
    with one_thread(), closing(make_envs(env_id, episodes)) as envs:
        batch = rollouts(policy, envs, rng)
        value = loop.objective(policy, batch, checked_weights(weights))
        learned = [
            theta for theta in policy.parameters() if theta.requires_grad
        ]
        slopes = torch.autograd.grad(value, learned, materialize_grads=True)
    slope_of = dict(zip(learned, slopes, strict=True))
    parts = [
        slope_of.get(theta, torch.zeros_like(theta)).flatten()
        for theta in policy.parameters()
    ]
    return torch.cat(parts)


def evaluate(
    policy: nn.Module,
    episodes: int = 100,
    seed: int = 1,
    greedy: bool = False,
    env_id: str = "CartPole-v1",
) -> Floats:
    """R = sum_t r_t, the undiscounted returns of fresh episodes.

    Args:
        policy: maps observations (n, features) to logits (n, K).
        episodes: how many, >= 1.
        seed: of the environments and the actions.
        greedy: take the most probable action instead of a sampled one.
        env_id: a registered environment with discrete actions.
    Returns:
        (episodes,). The streams are not those of `train` with this seed.
    Raises:
        TypeError, ValueError: bad arguments, environments or policies.
    """
    episodes = checks.whole("episodes", episodes, 1)
    greedy = checks.boolean("greedy", greedy)
    rng = stream(seed, FRESH)
    returns = []
    with one_thread():
        for first in range(0, episodes, MOST_ROWS):
            rows = min(MOST_ROWS, episodes - first)
            with closing(make_envs(env_id, rows)) as envs:
                batch = rollouts(policy, envs, rng, greedy)
            returns.append(batch.rewards.sum(axis=1))
    return np.concatenate(returns)


def train(
    seed: int = 0,
    env_id: str = "CartPole-v1",
    policy: str = "mlp",
    updates: int = 60,
    episodes: int = 16,
    weights: Weights = advantages,
    learning_rate: float | None = None,
    checkpoint: str | PathLike | None = None,
) -> TrainResult:
    """theta <- theta + rate * Adam(grad J), with grad J from one batch.

    A fixed budget, no early stop: the last policy is the result. Each time
    CHECK_EVERY environment steps are done, and at the end, the policy plays
    CHECK_EPISODES fresh episodes with sampled actions, until their mean
    reaches the environment's reward threshold: it is solved. Without a
    threshold nothing is checked.

    Args:
        seed: of everything random; same seed, same numbers.
        env_id: a registered environment with discrete actions.
        policy: "mlp" or "linear".
        updates: gradient steps, >= 1.
        episodes: episodes in a batch, >= 2.
        weights: maps (rewards, mask) to the weight of each log-probability.
        learning_rate: Adam's, > 0; None takes the policy's own.
        checkpoint: a file, written after each update; if it is there, the
            training that it holds goes on. One process at a time.
    Returns:
        TrainResult.
    Raises:
        TypeError, ValueError: bad arguments; a reward, an observation or a
            parameter that is not finite, with the number of the update; a
            checkpoint that is damaged or of another training.
    Source: Williams (1992); the baseline, Kool, van Hoof and Welling (2019).
    """
    settings = _settings(
        seed, env_id, policy, updates, episodes, weights, learning_rate
    )
    with (
        one_thread(),
        closing(make_envs(env_id, episodes)) as envs,
        Checkpoint(checkpoint, settings) as file,
    ):
        result, optimizer = _begun(envs, settings, file.load())
        done = len(result.history)
        rngs = (stream(seed, TRAINING, k) for k in range(done, updates))
        batches = loop.updates(
            result.policy, envs, optimizer, checked_weights(weights), rngs
        )
        for update in range(done + 1, updates + 1):
            with _naming(f"update {update}"):
                _record(result, batches)
                _check_solved(result, envs.spec, seed, update == updates)
            file.save(_state(result, optimizer))
    return result


def _begun(
    envs: VectorEnv, settings: dict[str, Any], state: dict | None
) -> tuple[TrainResult, torch.optim.Optimizer]:
    """A fresh training, or one that goes on from ``state``."""
    result = begin(envs, settings["policy"], settings["seed"])
    optimizer = torch.optim.Adam(
        result.policy.parameters(), settings["learning_rate"], maximize=True
    )
    if state:
        result.policy.load_state_dict(state["policy"])
        optimizer.load_state_dict(state["optimizer"])
        result.history = [Update(*line) for line in state["history"]]
        for name in NUMBERS:
            setattr(result, name, state["numbers"][name])
    return result, optimizer


def _settings(
    seed: int,
    env_id: str,
    policy: str,
    updates: int,
    episodes: int,
    weights: Weights,
    learning_rate: float | None,
) -> dict[str, Any]:
    """The arguments of `train`, checked, as names and plain values."""
    if policy not in LEARNING_RATE:
        raise ValueError(f"policy must be 'mlp' or 'linear', got {policy!r}")
    if learning_rate is None:
        learning_rate = LEARNING_RATE[policy]
    return {
        "seed": checks.whole("seed", seed, 0),
        "env_id": str(env_id),
        "policy": str(policy),
        "updates": checks.whole("updates", updates, 1),
        "episodes": checks.whole("episodes", episodes, 2),
        "weights": _name(checks.function("weights", weights)),
        "learning_rate": _rate(learning_rate),
        "versions": f"logderiv {__version__}, torch {torch.__version__}",
    }


def _rate(learning_rate: float) -> float:
    rate = checks.real("learning_rate", learning_rate, positive=True)
    if rate > float(np.finfo(np.float32).max):
        raise ValueError(f"learning_rate must fit a float32, got {rate:g}")
    return rate


def _name(weights: Weights) -> str:
    """What tells one weights function from another after a restart."""
    return f"{weights.__module__}.{getattr(weights, '__qualname__', '<>')}"


def stream(seed: int, *key: int) -> np.random.Generator:
    """Random numbers that no other stream of this seed, or of another, has."""
    seed = checks.whole("seed", seed, 0)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


class _OneThread:
    """torch's number of threads is the process's: the first that comes in sets
    it to 1, the last that goes sets it back.
    """

    def __init__(self) -> None:
        self.lock, self.inside, self.threads = Lock(), 0, 1

    def __enter__(self) -> None:
        with self.lock:
            if not self.inside:
                self.threads = torch.get_num_threads()
            self.inside += 1
            torch.set_num_threads(1)

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                torch.set_num_threads(self.threads)


_ONE_THREAD = _OneThread()


def one_thread() -> AbstractContextManager[None]:
    """Sums then do not depend on how many threads torch would use."""
    return _ONE_THREAD


@contextmanager
def _naming(when: str) -> Iterator[None]:
    """Say when something went wrong."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{when}: {error}") from error


def begin(envs: VectorEnv, policy: str, seed: int) -> TrainResult:
    """A fresh policy, scaled by one batch that is played by chance.

    Args:
        envs: where it is to act; an episode a row is played.
        policy: "mlp" or "linear".
        seed: of the batch and of the initial weights.
    Returns:
        TrainResult without history, the batch counted.
    Raises:
        ValueError: another policy; what is not finite, as "before update 1".
    """
    began = time.thread_time()
    with _naming("before update 1"):
        batch = by_chance(envs, stream(seed, CHANCE))
    seen = batch.observations[torch.from_numpy(batch.mask)]
    actions = int(action_space(envs).n)
    return TrainResult(
        make_policy(policy, seen, actions, seed),
        env_steps=len(seen),
        cpu_seconds=time.thread_time() - began,
    )


def _check_finite(model: nn.Module) -> None:
    for name, value in model.named_parameters():
        if not torch.isfinite(value).all():
            bad = value[~torch.isfinite(value)][0].item()
            raise ValueError(f"parameter {name} must be finite, got {bad}")


def _record(result: TrainResult, batches: Iterator[Rollouts]) -> None:
    """Make the next update, and write down what it was."""
    began = time.thread_time()
    batch = next(batches)
    _check_finite(result.policy)
    result.cpu_seconds += time.thread_time() - began
    result.env_steps += int(batch.mask.sum())
    mean_return = float(batch.rewards.sum(axis=1).mean())
    result.history.append(Update(result.env_steps, mean_return))


def _check_solved(
    result: TrainResult, spec: EnvSpec | None, seed: int, last: bool
) -> None:
    """Evaluate each time CHECK_EVERY more steps are done, and at the end."""
    before = result.history[-2].env_steps if len(result.history) > 1 else 0
    due = result.env_steps // CHECK_EVERY > before // CHECK_EVERY
    if spec is None or spec.reward_threshold is None:
        return
    if result.solved or not (due or last):
        return
    rng = stream(seed, CHECKING, len(result.history))
    with closing(make_envs(spec.id, CHECK_EPISODES)) as envs:
        returns = rollouts(result.policy, envs, rng).rewards.sum(axis=1)
    if returns.mean() >= spec.reward_threshold:
        result.solved = True
        result.solved_steps = result.env_steps
        result.solved_cpu_seconds = result.cpu_seconds


def _state(result: TrainResult, optimizer: torch.optim.Optimizer) -> dict:
    """All that a later update depends on, in plain values and tensors."""
    return {
        "policy": result.policy.state_dict(),
        "optimizer": optimizer.state_dict(),
        "history": [tuple(update) for update in result.history],
        "numbers": {name: getattr(result, name) for name in NUMBERS},
    }
