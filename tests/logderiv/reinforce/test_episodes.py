"""Whole episodes, against one environment at a time and against mechanics.

Episodes of environments without a vectorised version are compared, bit for
bit, with the same environment alone, the same seed and the same actions.
CartPole's episode lengths are z-tested against an independent simulation of
its equations of motion, whose spread gives the standard error: once in 1e6
seeds, as lengths are a little skewed. The seeds are fixed.
"""

import re
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.envs.classic_control import CartPoleEnv
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from torch import Tensor, nn

from logderiv.reinforce import (
    Rollouts,
    evaluate,
    make_envs,
    make_policy,
    policy_gradient,
    rollouts,
    train,
)
from logderiv.reinforce.episodes import by_chance

LIMIT = 6
ROWS = 60


class Walk(gym.Env):
    """A walk of random length that can only be stepped as far as it goes.

    A reward names its step, its action, and how many episodes came before.
    """

    def __init__(
        self, space: gym.Space, limit: int = LIMIT, cut: float = 0.0
    ) -> None:
        self.observation_space, self.limit, self.cut = space, limit, cut
        self.action_space = Discrete(3, start=5)
        self.over = True

    def reset(
        self, *, seed: int | None = None, options: dict | None = None
    ) -> tuple[object, dict]:
        super().reset(seed=seed)
        self.episode = 1 if seed is not None else self.episode + 1
        self.time, self.over = 0, False
        return self._seen(), {}

    def step(self, action: int) -> tuple[object, float, bool, bool, dict]:
        if self.over or not self.action_space.contains(action):
            raise RuntimeError(f"{self.over = }, {action = }")
        self.time += 1
        ended = self.np_random.random() < 0.1 * (action - 4)
        cut = self.np_random.random() < self.cut
        self.over = ended or cut or self.time == self.limit
        reward = 100.0 * self.episode + self.time + (action - 5) / 4
        return self._seen(), reward, ended, cut, {}

    def _seen(self) -> object:
        """Something new at every step, by the environment's own generator."""
        space = self.observation_space
        if isinstance(space, Discrete):
            return int(space.start + self.np_random.integers(space.n))
        if space.dtype.kind == "f":
            return self.np_random.normal(size=space.shape).astype(space.dtype)
        return self.np_random.integers(0, 100, space.shape, space.dtype)


SPACES = {
    "Discrete-v0": Discrete(7, start=3),
    "Negative-v0": Discrete(4, start=-2),
    "Matrix-v0": Box(-np.inf, np.inf, (2, 3), np.float32),
    "Double-v0": Box(-np.inf, np.inf, (2,), np.float64),
    "Single-v0": Box(-np.inf, np.inf, (), np.float32),
    "Bytes-v0": Box(0, 255, (4,), np.uint8),
    "Integers-v0": Box(-500, 500, (2, 2), np.int64),
}
MODES = {f"{mode.name.title()}-v1": mode for mode in AutoresetMode}


@pytest.fixture(scope="module", autouse=True)
def walks(register: Callable[..., None]) -> None:
    for env_id, space in SPACES.items():
        make = partial(Walk, space)
        register(env_id, entry_point=make, max_episode_steps=LIMIT)
    matrix = SPACES["Matrix-v0"]
    register("Endless-v0", partial(Walk, matrix, 0))
    register("Cut-v0", partial(Walk, matrix, 0, 0.3), max_episode_steps=LIMIT)
    for env_id, mode in MODES.items():
        register(env_id, vector_entry_point=partial(walking, mode))


def walking(mode: AutoresetMode, num_envs: int) -> VectorEnv:
    """Walks together, with another rule for what follows an episode."""
    make = partial(gym.make, "Matrix-v0")
    return SyncVectorEnv([make] * num_envs, autoreset_mode=mode)


class Episode(NamedTuple):
    """What one environment alone shows and pays, and how it ends."""

    seen: np.ndarray
    paid: list[float]
    ended: bool
    cut: bool


def flat(space: gym.Space, seen: object) -> np.ndarray:
    if isinstance(space, Discrete):
        return np.eye(space.n)[seen - space.start]
    return np.float32(seen).ravel()


def alone(env_id: str, seed: int, actions: np.ndarray) -> Episode | None:
    """Play one environment to its end; None if there are too few actions."""
    env = gym.make(env_id)
    shown, paid = [], []
    seen, _ = env.reset(seed=seed)
    for action in actions:
        shown.append(flat(env.observation_space, seen))
        seen, reward, ended, cut, _ = env.step(action + env.action_space.start)
        paid.append(reward)
        if ended or cut:
            return Episode(np.array(shown), paid, ended, cut)
    return None


def each_alone(batch: Rollouts, env_id: str, seed: int) -> list[Episode | None]:
    """The rows of a batch again, by their actions, those of the padding too."""
    first = int(np.random.default_rng(seed).integers(2**31))
    return [
        alone(env_id, first + row, actions)
        for row, actions in enumerate(batch.actions.numpy())
    ]


def is_the_same(batch: Rollouts, row: int, episode: Episode | None) -> bool:
    if episode is None:
        return False
    length = len(episode.paid)
    padding = [0.0] * (batch.mask.shape[1] - length)
    seen = batch.observations[row, :length].numpy()
    return (
        np.array_equal(seen, episode.seen)
        and batch.rewards[row].tolist() == episode.paid + padding
        and batch.mask[row].tolist() == [True] * length + [False] * len(padding)
        and batch.truncated[row] == (episode.cut and not episode.ended)
    )


def are_the_same(batch: Rollouts, env_id: str, seed: int) -> bool:
    episodes = each_alone(batch, env_id, seed)
    return all(is_the_same(batch, row, e) for row, e in enumerate(episodes))


def linear(envs: VectorEnv) -> nn.Module:
    """A policy to which every feature matters."""
    features = gym.spaces.flatdim(envs.single_observation_space)
    actions = int(envs.single_action_space.n)
    return make_policy("linear", torch.ones(1, features), actions, seed=1)


def walked(env_id: str, seed: int = 0, greedy: bool = False) -> Rollouts:
    with closing(make_envs(env_id, ROWS)) as envs:
        policy = linear(envs)
        return rollouts(policy, envs, np.random.default_rng(seed), greedy)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("env_id", list(SPACES))
def test_a_row_is_what_one_environment_alone_would_give(
    env_id: str, seed: int
) -> None:
    batch = walked(env_id, seed)
    features = gym.spaces.flatdim(SPACES[env_id])
    assert batch.observations.shape == (ROWS, LIMIT, features)
    assert batch.observations.dtype == torch.float32
    assert are_the_same(batch, env_id, seed)
    assert not are_the_same(batch, env_id, seed + 1)


def test_episodes_end_in_every_way_there_is() -> None:
    """By themselves, by the time limit, and by both at the same step."""
    batch = walked("Matrix-v0")
    ends = [(e.ended, e.cut) for e in each_alone(batch, "Matrix-v0", seed=0)]
    both = [end == (True, True) for end in ends]
    assert set(ends) == {(True, False), (False, True), (True, True)}
    assert batch.truncated.tolist() == [end == (False, True) for end in ends]
    assert (batch.mask.sum(axis=1)[both] == LIMIT).all()
    assert len(set(batch.mask.sum(axis=1))) == LIMIT


def test_without_a_time_limit_nothing_is_truncated() -> None:
    batch = walked("Endless-v0")
    assert batch.mask.shape[1] > LIMIT
    assert not batch.truncated.any()
    assert are_the_same(batch, "Endless-v0", seed=0)


def test_what_cuts_the_next_episode_is_left_out() -> None:
    """Here episodes are cut early, too, those that are left out as well."""
    batch = walked("Cut-v0")
    length = batch.mask.sum(axis=1)
    assert 0 < batch.truncated.sum() < ROWS
    assert (length[batch.truncated] < LIMIT).any()
    assert are_the_same(batch, "Cut-v0", seed=0)


@pytest.mark.parametrize("env_id", list(MODES))
def test_what_follows_an_episode_does_not_matter(env_id: str) -> None:
    batch, reset_by_hand = walked(env_id), walked("Matrix-v0")
    assert are_the_same(batch, "Matrix-v0", seed=0)
    real = batch.mask
    assert np.array_equal(batch.rewards, reset_by_hand.rewards)
    assert np.array_equal(real, reset_by_hand.mask)
    assert np.array_equal(batch.truncated, reset_by_hand.truncated)
    for one, other in zip(batch[:2], reset_by_hand[:2], strict=True):
        assert torch.equal(one[real], other[real])


def collected(mode: AutoresetMode, grace: int) -> Rollouts:
    """A collector that takes ``grace`` steps too many into each episode."""
    envs, steps = walking(mode, ROWS), []
    rng = np.random.default_rng(0)
    seen, _ = envs.reset(seed=int(rng.integers(2**31)))
    over, cut = np.zeros((2, ROWS), dtype=bool)
    left = np.full(ROWS, grace)
    while (left >= 0).any():
        action = rng.integers(3, size=ROWS)
        after, reward, ended, late, _ = envs.step(action + 5)
        steps.append((seen, action, reward * (left >= 0), left >= 0))
        cut |= ~over & late & ~ended
        over |= ended | late
        left, seen = left - over, after
    envs.close()
    seen, actions, paid, mask = (
        np.array(part).swapaxes(0, 1) for part in zip(*steps, strict=True)
    )
    seen = seen.reshape(*mask.shape, -1)
    return Rollouts(torch.tensor(seen), torch.tensor(actions), paid, mask, cut)


@pytest.mark.parametrize(
    "mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP]
)
def test_a_collector_that_takes_a_step_too_many_is_rejected(
    mode: AutoresetMode,
) -> None:
    """The step that resets, or the first one of the next episode."""
    assert are_the_same(collected(mode, grace=0), "Matrix-v0", seed=0)
    for grace in (1, 2):
        batch = collected(mode, grace)
        assert not are_the_same(batch, "Matrix-v0", seed=0)
        assert not any(
            is_the_same(batch, row, episode)
            for row, episode in enumerate(each_alone(batch, "Matrix-v0", 0))
        )


WRONG: dict[str, Callable[[Rollouts], Rollouts]] = {
    "a reward": lambda b: b._replace(rewards=b.rewards + 0.25 * b.mask),
    "padding that pays": lambda b: b._replace(
        rewards=b.rewards + 100 * ~b.mask
    ),
    "an observation": lambda b: b._replace(observations=b.observations * 1.001),
    "flattened otherwise": lambda b: b._replace(
        observations=b.observations.unflatten(2, (2, 3)).mT.flatten(2)
    ),
    "observed a step late": lambda b: b._replace(
        observations=b.observations.roll(1, dims=1)
    ),
    "an action": lambda b: b._replace(actions=(b.actions + 1) % 3),
    "all truncated": lambda b: b._replace(truncated=b.mask[:, -1]),
    "none truncated": lambda b: b._replace(truncated=b.mask[:, -1] & False),
    "rows": lambda b: b._replace(rewards=b.rewards[::-1]),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_wrong_rows_are_rejected(
    change: Callable[[Rollouts], Rollouts],
) -> None:
    batch = walked("Matrix-v0")
    assert are_the_same(batch, "Matrix-v0", seed=0)
    assert not are_the_same(change(batch), "Matrix-v0", seed=0)


def test_single_environments_are_reset_by_hand() -> None:
    with closing(make_envs("Matrix-v0", 2)) as envs:
        assert isinstance(envs, SyncVectorEnv)
        assert envs.metadata["autoreset_mode"] is AutoresetMode.DISABLED


@pytest.mark.parametrize("env_id", ["CartPole-v1", "gymnasium:CartPole-v1"])
def test_cartpole_runs_natively(env_id: str) -> None:
    with closing(make_envs(env_id, 3)) as envs:
        assert isinstance(envs, CartPoleVectorEnv)
        assert envs.num_envs == 3


@pytest.mark.parametrize("env_id", ["Matrix-v0", "CartPole-v1"])
def test_what_was_played_before_does_not_matter(env_id: str) -> None:
    """The same environments again, or new ones, for the same generator."""
    with closing(make_envs(env_id, 8)) as envs:
        policy = linear(envs)
        first, _, again = (
            rollouts(policy, envs, np.random.default_rng(seed))
            for seed in (0, 1, 0)
        )
    with closing(make_envs(env_id, 8)) as envs:
        fresh = rollouts(policy, envs, np.random.default_rng(0))
    for batch in (again, fresh):
        for one, other in zip(first, batch, strict=True):
            assert np.array_equal(one, other)


def test_batches_of_one_generator_differ() -> None:
    rng = np.random.default_rng(0)
    with closing(make_envs("CartPole-v1", 8)) as envs:
        policy = linear(envs)
        starts = [rollouts(policy, envs, rng)[0][:, 0] for _ in range(3)]
    assert len(torch.cat(starts).unique(dim=0)) == 3 * 8


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Matrix-v0", "Discrete-v0"])
def test_by_chance_all_actions_are_equally_probable(env_id: str) -> None:
    """As for a policy of which all parameters are 0."""
    with closing(make_envs(env_id, 8)) as envs:
        policy = linear(envs)
        for leaf in policy.parameters():
            nn.init.zeros_(leaf)
        chance = by_chance(envs, np.random.default_rng(0))
        twin = rollouts(policy, envs, np.random.default_rng(0))
    for one, other in zip(chance, twin, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("env_id", ["Bytes-v0", "Negative-v0"])
def test_greedy_takes_the_likeliest_action_and_sampling_does_not(
    env_id: str,
) -> None:
    with closing(make_envs(env_id, 1)) as envs:
        policy = linear(envs)
    greedy, sampled = walked(env_id, greedy=True), walked(env_id)
    for batch, always in ((greedy, True), (sampled, False)):
        likeliest = policy(batch.observations).argmax(dim=-1)
        taken = (batch.actions == likeliest).numpy()
        assert taken[batch.mask].all() == always


class Spaces(gym.Env):
    """Spaces, and nothing behind them."""

    def __init__(self, seen: gym.Space, choices: gym.Space) -> None:
        self.observation_space, self.action_space = seen, choices


LINE, TWO = Box(-1, 1, (4,)), Discrete(2)
UNFIT = {
    "Push-v0": (
        LINE,
        Box(-1, 1, (1,)),
        "discrete action space, Push-v0 has Bo",
    ),
    "Two-v0": (LINE, MultiDiscrete([2, 2]), "Two-v0 has MultiDiscrete([2 2])"),
    "Bits-v0": (LINE, MultiBinary(2), "Bits-v0 has MultiBinary(2)"),
    "Named-v0": (Dict(x=LINE), TWO, "Box or Discrete, Named-v0 has Dict('x'"),
    "Many-v0": (MultiDiscrete([2, 2]), TWO, "Many-v0 has MultiDiscrete([2 2])"),
}
THEIRS = {
    "Pendulum-v1": "Pendulum-v1 has Box(-2.0, 2.0, (1,), float32)",
    "MountainCarContinuous-v0": "MountainCarContinuous-v0 has Box",
    "Blackjack-v1": "observations must be Box or Discrete, Blackjack-v1 has Tu",
}


@pytest.fixture(scope="module")
def unfit(register: Callable[..., None]) -> None:
    for env_id, (seen, choices, _) in UNFIT.items():
        register(env_id, entry_point=partial(Spaces, seen, choices))


@pytest.mark.usefixtures("unfit")
@pytest.mark.parametrize(
    ("env_id", "said"),
    [*((name, said) for name, (*_, said) in UNFIT.items()), *THEIRS.items()],
)
def test_spaces_that_do_not_fit_are_refused(env_id: str, said: str) -> None:
    policy = nn.Linear(4, 2)
    for call in (
        lambda: make_envs(env_id, 2),
        lambda: train(env_id=env_id),
        lambda: policy_gradient(policy, env_id, 2, 0),
        lambda: evaluate(policy, 2, env_id=env_id),
    ):
        with pytest.raises(TypeError, match=re.escape(said)):
            call()


@pytest.mark.parametrize(
    ("env_id", "error"),
    [
        ("Nowhere-v0", gym.error.NameNotFound),
        ("CartPole-v99", gym.error.VersionNotFound),
        ("nowhere/CartPole-v1", gym.error.NamespaceNotFound),
        ("no_such_module:CartPole-v1", ModuleNotFoundError),
    ],
)
def test_an_environment_that_does_not_exist_is_gymnasiums_error(
    env_id: str, error: type[Exception]
) -> None:
    for call in (
        lambda: make_envs(env_id, 2),
        lambda: train(env_id=env_id),
        lambda: evaluate(nn.Linear(4, 2), 2, env_id=env_id),
    ):
        with pytest.raises(error):
            call()


MODULE = """
import gymnasium

class Toss(gymnasium.Env):
    observation_space = gymnasium.spaces.Discrete(1)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return 0, {}

    def step(self, action):
        return 0, float(action), True, False, {}

gymnasium.register("Toss-v0", entry_point=Toss, reward_threshold=2.0)
"""


def test_an_environment_may_be_named_with_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "toss_of_a_coin.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    env_id = "toss_of_a_coin:Toss-v0"
    try:
        result = train(env_id=env_id, policy="linear", updates=2, episodes=3)
        returns = evaluate(result.policy, 20, env_id=env_id)
    finally:
        gym.registry.pop("Toss-v0", None)
        sys.modules.pop("toss_of_a_coin", None)
    assert result.env_steps == 3 + 2 * 3
    assert not result.solved
    assert set(returns) == {0.0, 1.0}


class Rule(nn.Module):
    """Push right where angle + angular velocity > 0, else left."""

    def forward(self, observation: Tensor) -> Tensor:
        lean = observation[..., 2] + observation[..., 3]
        return torch.stack([-lean, lean], dim=-1)


class Right(nn.Module):
    """Always push right."""

    def forward(self, observation: Tensor) -> Tensor:
        return torch.tensor([0.0, 1.0]).expand(*observation.shape[:-1], -1)


def played(
    policy: nn.Module, rows: int, greedy: bool = False, seed: int = 0
) -> Rollouts:
    with closing(make_envs("CartPole-v1", rows)) as envs:
        return rollouts(policy, envs, np.random.default_rng(seed), greedy)


@pytest.fixture(scope="module")
def long() -> Rollouts:
    """Episodes near the time limit, most of them cut by it."""
    return played(Rule(), 60, greedy=True)


def moved(state: np.ndarray, action: np.ndarray) -> np.ndarray:
    """CartPole's equations of motion, 0.02 s by Euler; (..., 4)."""
    _, speed, angle, turning = np.moveaxis(state, -1, 0)
    push = np.where(action == 1, 10.0, -10.0)
    shared = (push + 0.05 * turning**2 * np.sin(angle)) / 1.1
    bend = (9.8 * np.sin(angle) - np.cos(angle) * shared) / (
        0.5 * (4 / 3 - 0.1 * np.cos(angle) ** 2 / 1.1)
    )
    run = shared - 0.05 * bend * np.cos(angle) / 1.1
    change = np.stack([speed, run, turning, bend], axis=-1)
    return state + 0.02 * change


def fallen(state: np.ndarray) -> np.ndarray:
    return (np.abs(state[..., 0]) > 2.4) | (
        np.abs(state[..., 2]) > 12 * 2 * np.pi / 360
    )


def simulated_lengths(kind: str, rows: int) -> np.ndarray:
    """Episode lengths by `moved` alone, no environment involved."""
    rng = np.random.default_rng(7)
    state = rng.uniform(-0.05, 0.05, size=(rows, 4))
    length, running = np.zeros(rows), np.arange(rows)
    for _ in range(500):
        length[running] += 1
        if kind == "uniform":
            action = rng.integers(2, size=len(running))
        elif kind == "rule":
            action = state[:, 2] + state[:, 3] > 0
        else:
            action = np.ones(len(running))
        state = moved(state, action)
        upright = ~fallen(state)
        state, running = state[upright], running[upright]
    return length


def test_shapes_of_rollouts(batch: Rollouts) -> None:
    rows, steps = batch.mask.shape
    assert rows == 500
    assert batch.observations.shape == (rows, steps, 4)
    assert batch.actions.shape == batch.rewards.shape == (rows, steps)
    assert batch.truncated.shape == (rows,)
    assert batch.observations.dtype == torch.float32
    assert batch.actions.dtype == torch.int64
    assert batch.rewards.dtype == np.float64
    assert batch.mask.dtype == batch.truncated.dtype == bool


@pytest.mark.parametrize("name", ["batch", "long"])
def test_a_row_is_one_episode_from_its_start(
    name: str, request: pytest.FixtureRequest
) -> None:
    batch: Rollouts = request.getfixturevalue(name)
    mask = batch.mask
    assert mask[:, 0].all()
    assert (mask[:, 1:] <= mask[:, :-1]).all()
    assert mask[:, -1].any()
    assert mask.shape[1] <= 500
    assert (batch.observations[:, 0].abs() <= 0.05).all()


@pytest.mark.parametrize("name", ["batch", "long"])
def test_every_real_step_pays_one(
    name: str, request: pytest.FixtureRequest
) -> None:
    batch: Rollouts = request.getfixturevalue(name)
    assert np.array_equal(batch.rewards, 1.0 * batch.mask)
    assert set(np.unique(batch.actions[batch.mask])) == {0, 1}


def one_cartpole(start: np.ndarray, actions: np.ndarray) -> tuple[int, float]:
    """Steps and total reward of a single environment from ``start``."""
    env, total = CartPoleEnv(), 0.0
    env.reset()
    env.state = tuple(start)
    for time, action in enumerate(actions, 1):
        _, reward, ended, *_ = env.step(action)
        total += reward
        if ended:
            return time, total
    return len(actions) + 1, total


def test_cartpoles_rows_are_single_cartpoles(batch: Rollouts) -> None:
    """From the exact starting states, which observations round to float32."""
    seed = int(np.random.default_rng(0).integers(2**31))
    rng, _ = gym.utils.seeding.np_random(seed)
    starts = rng.uniform(-0.05, 0.05, size=(4, 500)).T
    shown = batch.observations[:, 0].numpy()
    assert np.array_equal(shown, starts.astype(np.float32))
    actions, length = batch.actions.numpy(), batch.mask.sum(axis=1)
    got = [one_cartpole(starts[row], actions[row]) for row in range(100)]
    assert [steps for steps, _ in got] == length[:100].tolist()
    assert [paid for _, paid in got] == batch.rewards[:100].sum(axis=1).tolist()
    mixed = [one_cartpole(starts[row], actions[row + 1]) for row in range(99)]
    assert [steps for steps, _ in mixed] != length[:99].tolist()


def motion_errors(batch: Rollouts, actions: np.ndarray) -> np.ndarray:
    """|next observation - equations of motion|, where both are real."""
    state = batch.observations.numpy().astype(float)
    expected = moved(state[:, :-1], actions[:, :-1])
    return np.abs(state[:, 1:] - expected)[batch.mask[:, 1:]]


@pytest.mark.parametrize("name", ["batch", "long"])
def test_observations_and_actions_obey_the_equations_of_motion(
    name: str, request: pytest.FixtureRequest
) -> None:
    """Up to float32; a shifted action, or a reset between, would show."""
    batch: Rollouts = request.getfixturevalue(name)
    actions = batch.actions.numpy()
    assert motion_errors(batch, actions).max() < 1e-5
    shifted = np.roll(actions, 1, axis=1)
    assert motion_errors(batch, shifted).max() > 0.1


def final_states(batch: Rollouts) -> np.ndarray:
    """Where the last real action leads, by the equations of motion."""
    state = batch.observations.numpy().astype(float)
    rows, last = np.arange(len(state)), batch.mask.sum(axis=1) - 1
    return moved(state[rows, last], batch.actions.numpy()[rows, last])


@pytest.mark.parametrize("name", ["batch", "long"])
def test_an_episode_ends_where_the_pole_falls_and_not_before(
    name: str, request: pytest.FixtureRequest
) -> None:
    batch: Rollouts = request.getfixturevalue(name)
    state = batch.observations.numpy().astype(float)
    assert not fallen(state[batch.mask]).any()
    fell = fallen(final_states(batch))
    assert np.array_equal(fell, ~batch.truncated)


@pytest.mark.parametrize(
    ("kind", "policy", "greedy", "printed", "half_digit"),
    [
        ("uniform", "uniform", False, 22.20, 0.04),
        ("constant", Right(), True, 9.36, 0.005),
        ("rule", Rule(), True, 485, 0.5),
    ],
)
def test_episode_lengths(
    kind: str,
    policy: nn.Module | str,
    greedy: bool,
    printed: float,
    half_digit: float,
    agrees,
    request: pytest.FixtureRequest,
) -> None:
    if policy == "uniform":
        policy = request.getfixturevalue(policy)
    rows, n = 10_000 if kind == "rule" else 100_000, 2000
    simulated = simulated_lengths(kind, rows)
    spread = simulated.std()
    length = played(policy, n, greedy, seed=3).mask.sum(axis=1)
    error = spread * np.sqrt(1 / n + 1 / rows)
    assert agrees(length.mean(), simulated.mean(), error)
    assert not agrees(1.2 * length.mean(), simulated.mean(), error)
    known = np.hypot(spread / np.sqrt(rows), half_digit)
    assert agrees(simulated.mean(), printed, known)


def test_only_the_time_limit_truncates(long: Rollouts) -> None:
    length = long.mask.sum(axis=1)
    assert long.mask.shape[1] == 500
    assert 0 < long.truncated.sum() < 60
    assert np.array_equal(length == 500, long.truncated)


def test_nothing_is_truncated_in_short_episodes(batch: Rollouts) -> None:
    assert not batch.truncated.any()


def test_a_row_that_is_done_rests(register: Callable[..., None]) -> None:
    """Single environments are stepped as often as their episode is long."""
    steps = []

    class Counted(gym.Env):
        observation_space = gym.spaces.Discrete(9)
        action_space = gym.spaces.Discrete(2)

        def reset(self, *, seed: int | None = None, options: None = None):
            super().reset(seed=seed)
            self.left = int(self.np_random.integers(1, 9))
            steps.append(0)
            return self.left, {}

        def step(self, action: int):
            steps.append(1)
            self.left -= 1
            return self.left, 1.0, self.left == 0, False, {}

    register("Counted-v0", entry_point=Counted)
    with closing(make_envs("Counted-v0", 6)) as envs:
        steps.clear()
        batch = by_chance(envs, np.random.default_rng(0))
    assert sum(steps) == batch.mask.sum()
    assert len(steps) - sum(steps) == 6
    assert batch.mask.sum() < batch.mask.size
