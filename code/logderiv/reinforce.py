"""Chapter 4. REINFORCE: rollouts -> weights -> surrogate -> step.

    grad J = E[sum_t grad log policy(a_t | s_t) * (G_t - b_t)]

Plain: no critic, no clipping, no bootstrapping. Averages are over episodes,
never over time steps. The return is undiscounted.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from tqdm import tqdm

from logderiv import checks
from logderiv.checks import Floats
from logderiv.surrogate import surrogate

LEARNING_RATE = {"mlp": 0.05, "linear": 0.2}
CHECK_EVERY = 2000
CHECK_EPISODES = 100
FRESH = 1  # evaluation's streams are not those of the training with its seed

Weights = Callable[[Floats, np.ndarray], Floats]


class Rollouts(NamedTuple):
    """One whole episode a row, padded to the longest: (episode, time).

    observations (episode, time, features), actions, rewards and mask
    (episode, time); mask is True on real steps. truncated (episode,) is True
    where the time limit cut the episode before it ended by itself.
    """

    observations: Tensor
    actions: Tensor
    rewards: Floats
    mask: np.ndarray
    truncated: np.ndarray


class Update(NamedTuple):
    """One line of a training's history."""

    env_steps: int
    mean_return: float


@dataclass(eq=False)
class TrainResult:
    """What `train` returns; CPU seconds and steps exclude evaluation.

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


def rewards_to_go(
    rewards: ArrayLike, mask: ArrayLike, discount: float = 1.0
) -> Floats:
    """G_t = sum_{u >= t} discount^(u - t) r_u, the return from t on.

    Args:
        rewards: (episode, time).
        mask: (episode, time), True on real steps; each row real steps
            first, at least one.
        discount: in [0, 1].
    Returns:
        (episode, time), 0 where the step is not real.
    Raises:
        TypeError, ValueError: wrong shapes, NaN on a real step, an empty
            episode, a gap in the mask, a discount outside [0, 1].
    """
    rewards, mask = _episodes(rewards, mask)
    discount = checks.real("discount", discount)
    if not 0 <= discount <= 1:
        raise ValueError(f"discount must lie in [0, 1], got {discount}")
    result = np.zeros_like(rewards)
    running = np.zeros(len(rewards))
    for t in reversed(range(rewards.shape[1])):
        running = rewards[:, t] + discount * running
        result[:, t] = running
    return result * mask


def full_return(rewards: ArrayLike, mask: ArrayLike) -> Floats:
    """G_0 = sum_t r_t at every real step. Unbiased, usually noisier.

    Args, Returns, Raises: as `rewards_to_go`.
    """
    rewards, mask = _episodes(rewards, mask)
    return rewards.sum(axis=1, keepdims=True) * mask


def leave_one_out(returns: ArrayLike, mask: ArrayLike) -> Floats:
    """b_t of an episode: the mean G_t of the others still running at t.

    0 where no other is. It never sees its own episode, so it adds no bias.

    Args:
        returns: (episode, time), 0 where the step is not real.
        mask: (episode, time).
    Returns:
        (episode, time), 0 where the step is not real.
    Raises:
        TypeError, ValueError: as `rewards_to_go`.
    Source: Mnih and Rezende (2016); Kool, van Hoof and Welling (2019).
    """
    returns, mask = _episodes(returns, mask)
    others = returns.sum(axis=0) - returns
    running = mask.sum(axis=0) - mask
    mean = np.divide(
        others, running, out=np.zeros_like(returns), where=running > 0
    )
    return mean * mask


def advantages(rewards: ArrayLike, mask: ArrayLike) -> Floats:
    """G_t - b_t, the reward-to-go less the mean of the others.

    Args, Returns, Raises: as `rewards_to_go`.
    """
    returns = rewards_to_go(rewards, mask)
    return returns - leave_one_out(returns, mask)


def _episodes(rewards: ArrayLike, mask: ArrayLike) -> tuple[Floats, np.ndarray]:
    """Rewards (episode, time), 0 outside the mask, and the mask."""
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.ndim != 2:
        raise ValueError(
            "mask must be (episode, time) booleans, got "
            f"{mask.dtype} of shape {mask.shape}"
        )
    rewards = checks.numbers("rewards", rewards)
    if rewards.shape != mask.shape:
        raise ValueError(
            f"rewards {rewards.shape} and mask {mask.shape} differ in shape"
        )
    if mask.size == 0 or not mask[:, 0].all():
        raise ValueError(f"an episode has no real step, mask is {mask.shape}")
    if (mask[:, 1:] > mask[:, :-1]).any():
        raise ValueError("mask has a gap: real steps must come first")
    return checks.bounded("rewards", np.where(mask, rewards, 0.0)), mask


def make_envs(env_id: str, rows: int) -> gym.vector.VectorEnv:
    """``rows`` environments stepped together, natively where possible.

    Raises:
        TypeError: actions are not Discrete, or observations neither Box nor
            Discrete.
    """
    envs = gym.make_vec(env_id, num_envs=rows)
    seen, choices = envs.single_observation_space, envs.single_action_space
    if not isinstance(choices, gym.spaces.Discrete):
        raise TypeError(
            "REINFORCE here needs a discrete action space, "
            f"{env_id} has {choices}"
        )
    if not isinstance(seen, gym.spaces.Box | gym.spaces.Discrete):
        raise TypeError(
            f"observations must be Box or Discrete, {env_id} has {seen}"
        )
    return envs


def _features(space: gym.Space, observation: np.ndarray) -> np.ndarray:
    """Observations as float rows: one-hot if Discrete, else flattened."""
    if isinstance(space, gym.spaces.Discrete):
        observation = np.eye(space.n)[observation - space.start]
    rows = np.array(observation, dtype=np.float32)
    return rows.reshape(len(rows), -1)


def make_policy(kind: str, envs: gym.vector.VectorEnv, seed: int) -> nn.Module:
    """A torch module from observations (n, features) to logits (n, K).

    Args:
        kind: "mlp", one hidden layer of 32 tanh units, or "linear".
        envs: where it is to act; its spaces give features and K.
        seed: of the initial weights; torch's own generator stays untouched.
    Raises:
        ValueError: another kind.
    """
    space = envs.single_observation_space
    features = gym.spaces.flatdim(space)
    actions = int(envs.single_action_space.n)
    sequence = np.random.SeedSequence(checks.whole("seed", seed, 0))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(sequence.generate_state(1)[0]))
        if kind == "linear":
            return nn.Linear(features, actions)
        if kind == "mlp":
            return nn.Sequential(
                nn.Linear(features, 32), nn.Tanh(), nn.Linear(32, actions)
            )
    raise ValueError(f"policy must be 'mlp' or 'linear', got {kind!r}")


def _forward(policy: nn.Module) -> Callable[[np.ndarray], np.ndarray]:
    """The policy as a function of arrays, (n, features) -> (n, K).

    Linear and tanh layers run in NumPy on the same memory: at 16 rows most
    of the time of a torch call is not arithmetic.
    """
    layers = policy if type(policy) is nn.Sequential else [policy]
    if not all(_is_plain(layer) for layer in layers):
        return lambda rows: np.asarray(policy(torch.from_numpy(rows)))

    def forward(rows: np.ndarray) -> np.ndarray:
        for layer in layers:
            if isinstance(layer, nn.Tanh):
                rows = np.tanh(rows)
            else:
                rows = rows @ layer.weight.numpy().T + layer.bias.numpy()
        return rows

    return forward


def _is_plain(layer: nn.Module) -> bool:
    if type(layer) is nn.Linear:
        return layer.bias is not None
    return type(layer) is nn.Tanh


def _finite_logits(logits: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if logits.dtype.kind != "f" or logits.shape != shape:
        raise ValueError(
            f"policy must return floating-point logits of shape {shape}, "
            f"got {logits.dtype} of shape {logits.shape}"
        )
    if not np.isfinite(logits).all():
        bad = logits[~np.isfinite(logits)][0]
        raise ValueError(f"policy must return finite logits, got {bad}")
    return logits


@torch.no_grad()
def rollouts(
    policy: nn.Module,
    envs: gym.vector.VectorEnv,
    rng: np.random.Generator,
    greedy: bool = False,
) -> Rollouts:
    """One whole episode a row: the first N to finish would be the short ones.

    A row that is done goes on being stepped with the others; the mask leaves
    out whatever happens to it then, the autoreset's own step included.

    Requires: episodes end, by themselves or by a time limit.

    Args:
        policy: maps observations (n, features) to logits (n, K).
        envs: vector environment, a row an episode, seeded by an earlier reset.
        rng: source of the actions.
        greedy: take the most probable action instead of a sampled one.
    Returns:
        Rollouts, as long as the longest episode.
    Raises:
        ValueError: logits or rewards that are not finite or misshapen.
    """
    space, choices = envs.single_observation_space, envs.single_action_space
    shape = (envs.num_envs, int(choices.n))
    observation, _ = envs.reset()
    running = np.ones(envs.num_envs, dtype=bool)
    truncated = np.zeros(envs.num_envs, dtype=bool)
    forward, steps = _forward(policy), []
    while running.any():
        seen = _features(space, observation)
        preference = _finite_logits(forward(seen), shape)
        if not greedy:
            preference = preference + rng.gumbel(size=preference.shape)
        action = preference.argmax(axis=1)
        observation, reward, ended, cut, _ = envs.step(action + choices.start)
        steps.append((seen, action, reward, running))
        truncated |= running & cut & ~ended
        running = running & ~(ended | cut)
    return _stacked(steps, truncated)


def _stacked(steps: list[tuple], truncated: np.ndarray) -> Rollouts:
    """Steps of all rows, one after the other, as (episode, time)."""
    seen, actions, rewards, mask = (
        np.stack(part, axis=1) for part in zip(*steps, strict=True)
    )
    rewards = np.where(mask, rewards, 0.0).astype(float)
    return Rollouts(
        torch.from_numpy(seen),
        torch.from_numpy(actions),
        checks.bounded("rewards", rewards),
        mask,
        truncated,
    )


def log_probs(policy: nn.Module, batch: Rollouts) -> Tensor:
    """log policy(a_t | s_t), (episode, time); 0 where no step is real."""
    every = torch.log_softmax(policy(batch.observations), dim=-1)
    taken = every.gather(-1, batch.actions.unsqueeze(-1)).squeeze(-1)
    return taken * torch.from_numpy(batch.mask)


def objective(policy: nn.Module, batch: Rollouts, weights: Weights) -> Tensor:
    """1/n sum_i sum_t log policy(a_it | s_it) * weight_it.

    The surrogate of chapter 3, on n whole episodes.

    Raises:
        TypeError, ValueError: weights are not (episode, time) or not finite.
    """
    weight = checks.array(
        "weights(rewards, mask)",
        weights(batch.rewards.copy(), batch.mask.copy()),
        batch.mask.shape,
    )
    return surrogate(log_probs(policy, batch), torch.from_numpy(weight).float())


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
        (p,), columns as ``policy.parameters()``.
    Raises:
        TypeError, ValueError: bad arguments, environments or policies.
    """
    episodes = checks.whole("episodes", episodes, 2)
    batch = _one_batch(policy, env_id, episodes, (seed,))
    parts = torch.autograd.grad(
        objective(policy, batch, weights), list(policy.parameters())
    )
    return torch.cat([part.flatten() for part in parts])


def _one_batch(
    policy: nn.Module,
    env_id: str,
    episodes: int,
    entropy: tuple[int, ...],
    greedy: bool = False,
) -> Rollouts:
    with closing(make_envs(env_id, episodes)) as envs:
        return rollouts(policy, envs, _seeded(envs, *entropy), greedy)


def _seeded(envs: gym.vector.VectorEnv, *entropy: int) -> np.random.Generator:
    """Seed the environments; return an independent source of actions."""
    entropy = tuple(checks.whole("seed", number, 0) for number in entropy)
    actions, starts = np.random.SeedSequence(entropy).spawn(2)
    envs.reset(seed=int(starts.generate_state(1)[0]))
    return np.random.default_rng(actions)


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
    batch = _one_batch(policy, env_id, episodes, (seed, FRESH), greedy)
    return batch.rewards.sum(axis=1)


def train(
    seed: int = 0,
    env_id: str = "CartPole-v1",
    policy: str = "mlp",
    updates: int = 60,
    episodes: int = 16,
    weights: Weights = advantages,
    learning_rate: float | None = None,
) -> TrainResult:
    """theta <- theta + rate * Adam(grad J), with grad J from one batch.

    A fixed budget, no early stop: the last policy is the result. Each time
    CHECK_EVERY environment steps are done, the current policy is evaluated
    on CHECK_EPISODES fresh episodes with sampled actions, until it is solved.

    Args:
        seed: of everything random; same seed, same numbers.
        env_id: a registered environment with discrete actions.
        policy: "mlp" or "linear".
        updates: gradient steps, >= 1.
        episodes: episodes in a batch, >= 2.
        weights: maps (rewards, mask) to the weight of each log-probability.
        learning_rate: Adam's, > 0; None takes the policy's own.
    Returns:
        TrainResult.
    Raises:
        TypeError, ValueError: bad arguments; a reward that is not finite.
    Source: Williams (1992).
    """
    updates = checks.whole("updates", updates, 1)
    episodes = checks.whole("episodes", episodes, 2)
    with closing(make_envs(env_id, episodes)) as envs:
        rng = _seeded(envs, seed)
        model = make_policy(policy, envs, seed)
        optimizer = torch.optim.Adam(
            model.parameters(), lr=_rate(learning_rate, policy), maximize=True
        )
        result = TrainResult(model)
        for update in range(1, updates + 1):
            began = time.process_time()
            batch = rollouts(model, envs, rng)
            optimizer.zero_grad()
            objective(model, batch, weights).backward()
            optimizer.step()
            _record(result, batch, time.process_time() - began)
            _check_solved(result, envs.spec, seed, last=update == updates)
    return result


def _rate(learning_rate: float | None, policy: str) -> float:
    if learning_rate is None:
        return LEARNING_RATE[policy]
    return checks.real("learning_rate", learning_rate, positive=True)


def _record(result: TrainResult, batch: Rollouts, cpu_seconds: float) -> None:
    result.cpu_seconds += cpu_seconds
    result.env_steps += int(batch.mask.sum())
    mean_return = float(batch.rewards.sum(axis=1).mean())
    result.history.append(Update(result.env_steps, mean_return))


def _check_solved(
    result: TrainResult,
    spec: gym.envs.registration.EnvSpec,
    seed: int,
    last: bool,
) -> None:
    """Evaluate each time CHECK_EVERY more steps are done, and at the end."""
    before = result.history[-2].env_steps if len(result.history) > 1 else 0
    due = result.env_steps // CHECK_EVERY > before // CHECK_EVERY
    threshold = spec.reward_threshold
    if result.solved or threshold is None or not (due or last):
        return
    fresh = np.random.SeedSequence((seed, len(result.history)))
    returns = evaluate(
        result.policy,
        CHECK_EPISODES,
        seed=int(fresh.generate_state(1)[0]),
        env_id=spec.id,
    )
    if returns.mean() >= threshold:
        result.solved = True
        result.solved_steps = result.env_steps
        result.solved_cpu_seconds = result.cpu_seconds


def main(arguments: list[str] | None = None) -> int:
    """Train and evaluate seeds 0 to N - 1; one JSON line a seed.

    Returns:
        The command's exit code: 1 if a seed was never solved, else 0.
    """
    parser = argparse.ArgumentParser(
        prog="python -m logderiv.reinforce", description=main.__doc__
    )
    parser.add_argument("--seeds", type=int, default=5, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error(f"--seeds must be at least 1, got {options.seeds}")
    if options.json:
        options.json.write_text("")
    torch.set_num_threads(1)
    lines = []
    for seed in tqdm(range(options.seeds), unit="seed", disable=None):
        lines.append(report(seed))
        if options.json:
            with options.json.open("a") as file:
                print(json.dumps(lines[-1]), file=file)
    print(summary(lines))
    return int(any(not line["solved"] for line in lines))


def report(seed: int) -> dict:
    """Train one seed; evaluate 1000 greedy and 1000 sampled episodes."""
    result = train(seed)
    greedy = evaluate(result.policy, 1000, seed=seed, greedy=True)
    sampled = evaluate(result.policy, 1000, seed=seed)
    return {
        "seed": seed,
        "solved": result.solved,
        "solved_steps": result.solved_steps,
        "solved_cpu_seconds": result.solved_cpu_seconds,
        "env_steps": result.env_steps,
        "cpu_seconds": result.cpu_seconds,
        "greedy_mean": float(greedy.mean()),
        "sampled_mean": float(sampled.mean()),
    }


def summary(lines: list[dict]) -> str:
    """What a person wants to know of a sweep, failures by name."""
    solved = [line for line in lines if line["solved"]]
    failed = [line["seed"] for line in lines if not line["solved"]]
    text = f"solved {len(solved)} of {len(lines)} seeds"
    if solved:
        steps = [line["solved_steps"] for line in solved]
        seconds = [line["solved_cpu_seconds"] for line in solved]
        text += (
            f"; first solved after {np.median(steps):,.0f} steps (median; "
            f"{min(steps):,} to {max(steps):,}), "
            f"{np.median(seconds):.2f} CPU s"
        )
    if failed:
        text += f"; not solved: seeds {failed}"
    return text


if __name__ == "__main__":
    sys.exit(main())
