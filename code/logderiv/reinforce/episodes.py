"""Environments -> whole episodes."""

import importlib
from collections.abc import Callable
from typing import NamedTuple

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from torch import Tensor

from logderiv import checks
from logderiv.checks import Floats
from logderiv.reinforce.door import (
    Door,
    action_space,
    features,
    name_of,
    seen_space,
)
from logderiv.reinforce.policies import Policy, actor

MOST_STEPS = 10_000


class Rollouts(NamedTuple):
    """One whole episode a row, padded to the longest: (episode, time).

    observations (episode, time, features), actions, rewards and mask
    (episode, time); actions count from 0, mask is True on real steps.
    truncated (episode,) is True where the time limit cut the episode before
    it ended by itself.
    """

    observations: Tensor
    actions: Tensor
    rewards: Floats
    mask: np.ndarray
    truncated: np.ndarray


class InTurns(SyncVectorEnv):
    """Single environments; a row that is done rests until all start anew."""

    def __init__(self, makers: list[Callable[[], gym.Env]]) -> None:
        super().__init__(makers, autoreset_mode=AutoresetMode.DISABLED)
        self.spec = self.envs[0].spec

    def reset(  # type: ignore[override]
        self, *, seed: int, options: dict | None = None
    ) -> tuple[np.ndarray, dict]:
        """Row k starts from seed + k."""
        self.door = Door(seen_space(self), name_of(self))
        self.seen = [
            self.door.first(env.reset(seed=seed + row, options=options))
            for row, env in enumerate(self.envs)
        ]
        self.done = np.zeros(self.num_envs, dtype=bool)
        return np.stack(self.seen), {}

    def step(self, actions: np.ndarray) -> tuple:
        """As any vector environment; of rows at rest, reward 0 and no end."""
        rewards = np.zeros(self.num_envs)
        ended, cut = np.zeros((2, self.num_envs), dtype=bool)
        for row in np.flatnonzero(~self.done):
            step = self.door.step(self.envs[row].step(actions[row]))
            self.seen[row], rewards[row], ended[row], cut[row] = step
        self.done |= ended | cut
        return np.stack(self.seen), rewards, ended, cut, {}


def make_envs(env_id: str, rows: int) -> VectorEnv:
    """``rows`` environments stepped together, natively where possible.

    Where there is no native vector environment, single ones take turns.

    Raises:
        gymnasium.error.Error: no such environment.
        TypeError, ValueError: actions are not Discrete, or observations
            neither Box nor Discrete; env_id is no string, rows no whole
            number >= 1.
    """
    rows = checks.whole("rows", rows, 1)
    if not isinstance(env_id, str):
        raise TypeError(f"env_id must be a string, got {env_id!r}")
    if _is_native(env_id):
        envs = gym.make_vec(env_id, rows, "vector_entry_point")
    else:
        envs = InTurns([lambda: gym.make(env_id)] * rows)
    try:
        seen_space(envs), action_space(envs)
    except TypeError:
        envs.close()
        raise
    return envs


def _is_native(env_id: str) -> bool:
    module, _, name = env_id.rpartition(":")
    if module:
        importlib.import_module(module)
    spec = gym.spec(name)
    return spec.vector_entry_point is not None and not spec.additional_wrappers


@torch.no_grad()
def rollouts(
    policy: Policy,
    envs: VectorEnv,
    rng: np.random.Generator,
    greedy: bool = False,
) -> Rollouts:
    """One whole episode a row: the first N to finish would be the short ones.

    A native environment starts rows that are done anew and steps them along
    with the others; the mask leaves out whatever happens there, the autoreset's
    own step included.

    Requires: episodes end, by themselves or by a time limit, within
    MOST_STEPS steps if the environment is registered with no longer limit.
    What an environment does is a function of its seed and the actions.

    Args:
        policy: maps observations (n, features) to logits (n, K).
        envs: vector environment, a row an episode.
        rng: seeds the environments and draws the actions.
        greedy: take the most probable action instead of a sampled one.
    Returns:
        Rollouts, as long as the longest episode.
    Raises:
        TypeError, ValueError: what an environment hands in that its spaces
            forbid, with its name; an episode that does not end; logits that
            are misshapen; observations, logits or rewards that are not finite.
    """
    world = World(envs)
    act = actor(policy, (envs.num_envs, world.actions), rng, greedy)
    seen = world.reset(seed=int(rng.integers(2**31)))
    running = np.ones(envs.num_envs, dtype=bool)
    truncated, steps = ~running, []
    while running.any():
        logits, action = act(seen)
        after, reward, ended, cut = world.step(action)
        steps.append((seen, logits, action, reward, running))
        truncated |= running & cut & ~ended
        running = running & ~(ended | cut)
        seen = after
    batch = _stacked(steps, truncated)
    world.door.check_range(batch.observations.numpy(), batch.mask)
    return batch


class World:
    """A vector environment behind a door: features out, actions from 0 in.

    Attributes:
        door: through which its answers come.
        actions: how many there are.
    """

    def __init__(self, envs: VectorEnv) -> None:
        self.envs, self.space = envs, seen_space(envs)
        self.door = Door(self.space, name_of(envs), envs.num_envs)
        choices = action_space(envs)
        self.actions, self.start = int(choices.n), choices.start
        self.by_hand = _never_restarts(envs)
        limit = envs.spec.max_episode_steps if envs.spec else None
        self.taken, self.most = 0, max(MOST_STEPS, limit or 0)
        self.done = np.zeros(envs.num_envs, dtype=bool)

    def reset(self, seed: int) -> np.ndarray:
        """The first observations, (n, features)."""
        return features(self.space, self.door.first(self.envs.reset(seed=seed)))

    def step(self, action: np.ndarray) -> tuple[np.ndarray, ...]:
        """Observations (n, features), reward, terminated, truncated (n,)."""
        if self.taken == self.most:
            raise ValueError(
                f"{self.door.name}: an episode has not ended within "
                f"{self.most} steps; register the environment with "
                "max_episode_steps, if that is no mistake"
            )
        self.taken += 1
        if self.by_hand and self.done.any():
            self.door.first(self.envs.reset(options={"reset_mask": self.done}))
        answer = self.envs.step(action + self.start)
        observation, reward, ended, cut = self.door.step(answer)
        self.done = ended | cut
        return features(self.space, observation), reward, ended, cut


def by_chance(envs: VectorEnv, rng: np.random.Generator) -> Rollouts:
    """`rollouts` of the policy for which all actions are equally probable."""
    even = np.zeros((envs.num_envs, int(action_space(envs).n)))
    return rollouts(lambda seen: even, envs, rng)


def _never_restarts(envs: VectorEnv) -> bool:
    """Whether rows that are done must be reset before the next step."""
    if isinstance(envs, InTurns):
        return False
    return envs.metadata.get("autoreset_mode") is AutoresetMode.DISABLED


def _stacked(steps: list[tuple], truncated: np.ndarray) -> Rollouts:
    """Steps of all rows, one after the other, as (episode, time)."""
    seen, logits, actions, rewards, mask = (
        np.ascontiguousarray(np.array(part).swapaxes(0, 1))
        for part in zip(*steps, strict=True)
    )
    _check_finite("observations must be finite", seen, mask)
    _check_finite("policy must return finite logits", logits, mask)
    rewards = np.where(mask, rewards, 0.0).astype(float)
    return Rollouts(
        torch.from_numpy(seen),
        torch.from_numpy(actions),
        checks.bounded("rewards", rewards),
        mask,
        truncated,
    )


def _check_finite(wanted: str, values: np.ndarray, mask: np.ndarray) -> None:
    """Every value of a real step."""
    if np.isfinite(values).all():
        return
    real = values[mask]
    if not np.isfinite(real).all():
        bad = real[~np.isfinite(real)][0]
        raise ValueError(f"{wanted}, got {bad}")
