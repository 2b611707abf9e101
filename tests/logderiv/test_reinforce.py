"""REINFORCE by hand, by enumeration, and on CartPole.

Policy gradients of small problems are z-tested against the exact gradient
with the exact variance of the estimate, over all pairs of episodes, |z| < 6:
once in 1e8 seeds. CartPole's episode lengths are z-tested against an
independent simulation of its equations of motion, whose spread gives the
standard error: once in 1e6 seeds, as lengths are a little skewed. The seeds
are fixed.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import product
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from logderiv import reinforce
from logderiv.expectation import all_trajectories, policy_gradient_exact
from logderiv.reinforce import (
    Rollouts,
    TrainResult,
    advantages,
    evaluate,
    full_return,
    leave_one_out,
    log_probs,
    main,
    make_envs,
    make_policy,
    objective,
    policy_gradient,
    rewards_to_go,
    rollouts,
    summary,
    train,
)
from logderiv.trajectories import (
    MDP,
    SoftmaxPolicy,
    coins,
    dynamics_log_prob,
    policy_log_prob,
    rewards,
    short_corridor,
    trajectory_score,
)

Weights = Callable[[np.ndarray, np.ndarray], np.ndarray]
Batch = tuple[np.ndarray, np.ndarray]

reward = st.floats(-10, 10)
episode = st.lists(reward, min_size=1, max_size=6)
batches = st.lists(episode, min_size=1, max_size=5)


def padded(episodes: list[list[float]], filler: float = 0.0) -> Batch:
    """Rewards and mask, (episode, time), of episodes of any length."""
    longest = max(map(len, episodes))
    rows = [row + [filler] * (longest - len(row)) for row in episodes]
    real = [[t < len(row) for t in range(longest)] for row in episodes]
    return np.array(rows), np.array(real)


def naive_to_go(
    episodes: list[list[float]], discount: float
) -> list[list[float]]:
    return [
        [
            sum(discount ** (u - t) * row[u] for u in range(t, len(row)))
            for t in range(len(row))
        ]
        for row in episodes
    ]


@pytest.mark.parametrize(
    ("episodes", "discount", "expected"),
    [
        ([[1, 2, 3]], 1.0, [[6, 5, 3]]),
        ([[1, 2, 3]], 0.0, [[1, 2, 3]]),
        ([[1, 2, 4]], 0.5, [[3, 4, 4]]),
        ([[-1, -1, -1]], 1.0, [[-3, -2, -1]]),
        ([[2, -3]], 0.5, [[0.5, -3]]),
        ([[7]], 1.0, [[7]]),
        ([[1, 1], [5]], 1.0, [[2, 1], [5, 0]]),
        ([[4], [1, 2]], 0.5, [[4, 0], [2, 2]]),
    ],
)
def test_rewards_to_go_by_hand(
    episodes: list[list[float]],
    discount: float,
    expected: list[list[float]],
) -> None:
    got = rewards_to_go(*padded(episodes), discount)
    assert got.tolist() == expected


@given(episodes=batches, discount=st.floats(0, 1))
def test_rewards_to_go_is_the_naive_double_loop(
    episodes: list[list[float]], discount: float
) -> None:
    want, mask = padded(naive_to_go(episodes, discount))
    got = rewards_to_go(*padded(episodes), discount)
    assert np.allclose(got, want, atol=1e-10)
    assert (got[~mask] == 0).all()


@given(episodes=batches)
def test_full_return_is_the_first_reward_to_go_at_every_step(
    episodes: list[list[float]],
) -> None:
    data, mask = padded(episodes)
    first = rewards_to_go(data, mask)[:, :1]
    assert np.allclose(full_return(data, mask), first * mask, atol=1e-10)


@pytest.mark.parametrize("filler", [99.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("weights", [rewards_to_go, full_return, advantages])
def test_rewards_beyond_the_mask_are_ignored(
    filler: float, weights: Weights
) -> None:
    episodes = [[1.0, 2.0, 3.0], [4.0], [5.0, 6.0]]
    got = weights(*padded(episodes, filler))
    assert np.array_equal(got, weights(*padded(episodes)))


def test_arguments_are_left_as_they_were() -> None:
    data, mask = padded([[1.0, 2.0], [3.0]], np.nan)
    before = data.copy(), mask.copy()
    for weights in (rewards_to_go, full_return, advantages):
        weights(data, mask)
    assert np.array_equal(data, before[0], equal_nan=True)
    assert np.array_equal(mask, before[1])


real = np.array([[True, True, False]])
BAD_EPISODES: list[tuple[object, object, str]] = [
    (np.ones((1, 3)), np.array([[True, False, True]]), "gap"),
    (np.ones((1, 3)), np.array([[False, True, True]]), "no real step"),
    (np.ones((1, 3)), np.zeros((1, 3), dtype=bool), "(1, 3)"),
    (np.ones((2, 0)), np.zeros((2, 0), dtype=bool), "(2, 0)"),
    (np.ones((0, 3)), np.zeros((0, 3), dtype=bool), "(0, 3)"),
    (np.ones(3), np.ones(3, dtype=bool), "(3,)"),
    (np.ones((1, 2)), real, "(1, 2)"),
    (np.ones(3), real, "(3,)"),
    (np.ones((1, 3)), np.array([[1, 1, 0]]), "int64"),
    (np.ones((1, 3)), np.array([[1.0, 1.0, 0.0]]), "float64"),
    ([[1.0, np.nan, 0.0]], real, "nan"),
    ([[1.0, -np.inf, 0.0]], real, "-inf"),
]


@pytest.mark.parametrize("weights", [rewards_to_go, full_return, advantages])
@pytest.mark.parametrize(("data", "mask", "said"), BAD_EPISODES)
def test_bad_episodes_are_refused_with_what_they_were(
    weights: Weights, data: object, mask: object, said: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        weights(data, mask)


@pytest.mark.parametrize("discount", [-0.1, 1.1, np.nan, "1", True])
def test_bad_discounts_are_refused(discount: object) -> None:
    with pytest.raises((TypeError, ValueError), match=f"{discount}"):
        rewards_to_go(np.ones((1, 3)), real, discount)


@given(episodes=batches)
def test_leave_one_out_is_the_mean_of_the_others_still_running(
    episodes: list[list[float]],
) -> None:
    returns, mask = padded(naive_to_go(episodes, 1.0))
    got = leave_one_out(returns, mask)
    for i, t in np.argwhere(mask):
        others = [
            returns[j, t] for j in range(len(returns)) if j != i and mask[j, t]
        ]
        assert np.isclose(got[i, t], np.mean(others) if others else 0.0)
    assert (got[~mask] == 0).all()
    data, mask = padded(episodes)
    weight = advantages(data, mask)
    assert np.allclose(weight, returns - got, atol=1e-10)


@given(
    others=st.lists(episode, min_size=1, max_size=4),
    one=episode,
    other=episode,
)
def test_no_episode_has_a_say_in_its_own_baseline(
    others: list[list[float]], one: list[float], other: list[float]
) -> None:
    """Its own length included: the baselines of common steps agree."""
    both = []
    for own in (one, other):
        returns, mask = padded(naive_to_go([own, *others], 1.0))
        both.append(leave_one_out(returns, mask)[0])
    common = min(len(one), len(other))
    assert np.allclose(both[0][:common], both[1][:common], atol=1e-9)


class Tabular(gym.Env):
    """An MDP of chapter 2 as an environment; ``first`` is its action 0."""

    def __init__(self, mdp: MDP, seen: list[int], first: int = 0) -> None:
        self.mdp, self.seen, self.first = mdp, seen, first
        actions = mdp.reward.shape[1]
        self.observation_space = gym.spaces.Discrete(max(seen) + 1, start=first)
        self.action_space = gym.spaces.Discrete(actions, start=first)

    def reset(
        self, *, seed: int | None = None, options: dict | None = None
    ) -> tuple[int, dict]:
        super().reset(seed=seed)
        self.state = self.np_random.choice(
            len(self.mdp.start), p=self.mdp.start
        )
        return self.seen[self.state] + self.first, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict]:
        now, action = self.state, int(action) - self.first
        chance = self.mdp.transition[now, action]
        self.state = self.np_random.choice(len(chance), p=chance)
        return (
            self.seen[self.state] + self.first,
            float(self.mdp.reward[now, action]),
            bool(self.mdp.terminal[self.state]),
            False,
            {},
        )


HORIZON = 5
SEEN = {"Coins": [0], "Corridor": [0, 1, 0, 0]}
PROBLEMS: dict[str, tuple[MDP, SoftmaxPolicy]] = {
    "Coins": (coins(), SoftmaxPolicy([[0.2, -0.6]], SEEN["Coins"])),
    "Corridor": (
        short_corridor(),
        SoftmaxPolicy([[0.0, 1.0], [0.0, 0.0]], SEEN["Corridor"]),
    ),
}
any_problem = pytest.mark.parametrize("name", list(PROBLEMS))


def countdown() -> MDP:
    """Ends by itself at the very step where the time is up."""
    size = HORIZON + 1
    moves = np.zeros((size, 2, size))
    moves[np.arange(HORIZON), :, np.arange(1, size)] = 1
    moves[HORIZON, :, HORIZON] = 1
    terminal = np.arange(size) == HORIZON
    return MDP(np.eye(size)[0], moves, np.ones((size, 2)), terminal)


def broken_coins() -> MDP:
    mdp = coins()
    mdp.reward = np.full((1, 2), np.nan)
    return mdp


@pytest.fixture(scope="module", autouse=True)
def environments() -> Iterator[None]:
    """The small problems, for gymnasium, under names of their own."""
    makers = {
        "Coins-v0": lambda: Tabular(coins(), SEEN["Coins"]),
        "Shifted-v0": lambda: Tabular(coins(), SEEN["Coins"], first=5),
        "Corridor-v0": lambda: Tabular(short_corridor(), SEEN["Corridor"]),
        "Countdown-v0": lambda: Tabular(countdown(), [0] * (HORIZON + 1)),
        "Broken-v0": lambda: Tabular(broken_coins(), SEEN["Coins"]),
    }
    for env_id, make in makers.items():
        gym.register(
            env_id,
            entry_point=make,
            max_episode_steps=HORIZON,
            reward_threshold=4.5,
            disable_env_checker=True,
        )
    yield
    for env_id in makers:
        del gym.registry[env_id]


def as_module(policy: SoftmaxPolicy) -> nn.Module:
    rows, actions = policy.logits.shape
    module = nn.Linear(rows, actions, bias=False)
    module.weight.data = torch.tensor(policy.logits.T, dtype=torch.float32)
    return module


def step_scores(policy: SoftmaxPolicy, states, actions, mask) -> np.ndarray:
    """The score of each step, (n, T, p)."""
    now = states[:, :-1]
    rows, count = policy.logits.shape
    step = np.eye(count)[actions] - np.exp(policy.log_probs())[now]
    seen = np.eye(rows)[policy.observation[now]] * mask[..., None]
    return np.einsum("nto,nta->ntoa", seen, step).reshape(*mask.shape, -1)


def moments_of_pairs(name: str, weights: Weights) -> tuple[np.ndarray, ...]:
    """Mean and variance of the estimate from a batch of two episodes."""
    mdp, policy = PROBLEMS[name]
    paths = all_trajectories(mdp, HORIZON)
    scores, paid = step_scores(policy, *paths), rewards(mdp, paths)
    assert np.allclose(scores.sum(axis=1), trajectory_score(policy, paths))
    p = np.exp(dynamics_log_prob(mdp, paths) + policy_log_prob(policy, paths))
    chance, terms = [], []
    for pair in product(range(len(p)), repeat=2):
        rows = list(pair)
        weight = weights(paid[rows], paths.mask[rows])
        terms.append(np.einsum("et,etp->p", weight, scores[rows]) / 2)
        chance.append(p[rows].prod())
    terms, chance = np.array(terms), np.array(chance)
    mean = chance @ terms
    return mean, chance @ (terms - mean) ** 2


def per_step_mean(paid: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return rewards_to_go(paid, mask) / mask.sum(axis=1, keepdims=True)


def pairing_lost(paid: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """mean(log_probs) * sum(weights), an episode at a time."""
    total = advantages(paid, mask).sum(axis=1, keepdims=True)
    return total / mask.sum(axis=1, keepdims=True) * mask


def own_mean(paid: np.ndarray, mask: np.ndarray) -> np.ndarray:
    returns = rewards_to_go(paid, mask)
    running = np.maximum(mask.sum(axis=0), 1)
    return (returns - returns.sum(axis=0) / running) * mask


def reward_alone(paid: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return paid * mask


@any_problem
@pytest.mark.parametrize("weights", [rewards_to_go, full_return, advantages])
def test_weights_do_not_bias_by_enumeration(
    name: str, weights: Weights
) -> None:
    exact = policy_gradient_exact(*PROBLEMS[name], HORIZON)
    assert np.allclose(moments_of_pairs(name, weights)[0], exact, atol=1e-12)


WRONG = [
    ("Coins", per_step_mean),
    ("Corridor", per_step_mean),
    ("Coins", pairing_lost),
    ("Coins", own_mean),
    ("Corridor", own_mean),
    ("Corridor", reward_alone),
]


@pytest.mark.parametrize(("name", "weights"), WRONG)
def test_enumeration_rejects_wrong_weights(name: str, weights: Weights) -> None:
    exact = policy_gradient_exact(*PROBLEMS[name], HORIZON)
    wrong = moments_of_pairs(name, weights)[0]
    assert not np.allclose(wrong, exact, atol=1e-2)


SEEDS = 400


@cache
def mean_gradient(name: str, weights: Weights) -> np.ndarray:
    """The mean of policy_gradient over many batches of two, as (O * A,)."""
    module = as_module(PROBLEMS[name][1])
    total = sum(
        policy_gradient(module, f"{name}-v0", 2, seed, weights)
        for seed in range(SEEDS)
    )
    return (total / SEEDS).numpy().reshape(module.weight.shape).T.ravel()


@any_problem
@pytest.mark.parametrize("weights", [advantages, full_return])
def test_policy_gradient_agrees_with_the_exact_gradient(
    name: str, weights: Weights, agrees
) -> None:
    exact = policy_gradient_exact(*PROBLEMS[name], HORIZON)
    _, variance = moments_of_pairs(name, weights)
    assert agrees(
        mean_gradient(name, weights), exact, np.sqrt(variance / SEEDS)
    )


@pytest.mark.parametrize(("name", "weights"), WRONG)
def test_z_test_rejects_wrong_weights(
    name: str, weights: Weights, agrees
) -> None:
    exact = policy_gradient_exact(*PROBLEMS[name], HORIZON)
    mean, variance = moments_of_pairs(name, weights)
    error = np.sqrt(variance / SEEDS)
    got = mean_gradient(name, weights)
    assert agrees(got, mean, error)
    assert not agrees(got, exact, error)


def uniform() -> nn.Module:
    module = nn.Linear(4, 2)
    nn.init.zeros_(module.weight)
    nn.init.zeros_(module.bias)
    return module


class Rule(nn.Module):
    """Push right where angle + angular velocity > 0, else left."""

    def forward(self, observation: Tensor) -> Tensor:
        lean = observation[..., 2] + observation[..., 3]
        return torch.stack([-lean, lean], dim=-1)


class Constant(nn.Module):
    """Always the same action, given by its logits."""

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, observation: Tensor) -> Tensor:
        return self.logits.expand(*observation.shape[:-1], -1)


def played(
    policy: nn.Module, rows: int, greedy: bool = False, seed: int = 0
) -> Rollouts:
    envs = make_envs("CartPole-v1", rows)
    envs.reset(seed=seed)
    batch = rollouts(policy, envs, np.random.default_rng(seed), greedy)
    envs.close()
    return batch


@pytest.fixture(scope="module")
def batch() -> Rollouts:
    return played(uniform(), 500)


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


def test_a_row_is_one_episode_from_its_start(batch: Rollouts) -> None:
    mask = batch.mask
    assert mask[:, 0].all()
    assert (mask[:, 1:] <= mask[:, :-1]).all()
    assert mask[:, -1].any()
    assert (batch.observations[:, 0].abs() <= 0.05).all()


def test_every_real_step_pays_one(batch: Rollouts) -> None:
    assert np.array_equal(batch.rewards, 1.0 * batch.mask)
    assert set(np.unique(batch.actions[batch.mask])) == {0, 1}


def motion_errors(batch: Rollouts, actions: np.ndarray) -> np.ndarray:
    """|next observation - equations of motion|, where both are real."""
    state = batch.observations.numpy().astype(float)
    expected = moved(state[:, :-1], actions[:, :-1])
    return np.abs(state[:, 1:] - expected)[batch.mask[:, 1:]]


def test_observations_and_actions_obey_the_equations_of_motion(
    batch: Rollouts,
) -> None:
    """Up to float32; a shifted action, or a reset between, would show."""
    actions = batch.actions.numpy()
    assert motion_errors(batch, actions).max() < 1e-5
    shifted = np.roll(actions, 1, axis=1)
    assert motion_errors(batch, shifted).max() > 0.1


def test_an_episode_ends_where_the_pole_falls_and_not_before(
    batch: Rollouts,
) -> None:
    state = batch.observations.numpy().astype(float)
    rows, last = np.arange(len(state)), batch.mask.sum(axis=1) - 1
    assert not fallen(state[batch.mask]).any()
    final = moved(state[rows, last], batch.actions.numpy()[rows, last])
    assert fallen(final)[~batch.truncated].all()


@pytest.mark.parametrize(
    ("kind", "policy", "greedy", "printed", "half_digit"),
    [
        ("uniform", uniform(), False, 22.20, 0.04),
        ("constant", Constant([0.0, 1.0]), True, 9.36, 0.005),
        ("rule", Rule(), True, 485, 0.5),
    ],
)
def test_episode_lengths(
    kind: str,
    policy: nn.Module,
    greedy: bool,
    printed: float,
    half_digit: float,
    agrees,
) -> None:
    rows, n = 10_000 if kind == "rule" else 100_000, 2000
    simulated = simulated_lengths(kind, rows)
    spread = simulated.std()
    returns = evaluate(policy, n, seed=3, greedy=greedy)
    error = spread * np.sqrt(1 / n + 1 / rows)
    assert agrees(returns.mean(), simulated.mean(), error)
    assert not agrees(1.2 * returns.mean(), simulated.mean(), error)
    known = np.hypot(spread / np.sqrt(rows), half_digit)
    assert agrees(simulated.mean(), printed, known)


def test_only_the_time_limit_truncates() -> None:
    batch = played(Rule(), 60, greedy=True)
    length = batch.mask.sum(axis=1)
    assert batch.mask.shape[1] == 500
    assert 0 < batch.truncated.sum() < 60
    assert (length[batch.truncated] == 500).all()
    assert (length[~batch.truncated] < 500).all()


def test_an_episode_that_ends_as_time_is_up_is_not_truncated() -> None:
    envs = make_envs("Countdown-v0", 3)
    batch = rollouts(nn.Linear(1, 2), envs, np.random.default_rng(0))
    envs.close()
    assert batch.mask.shape == (3, HORIZON)
    assert not batch.truncated.any()


def test_nothing_is_truncated_in_short_episodes(batch: Rollouts) -> None:
    assert not batch.truncated.any()


def test_greedy_takes_the_likeliest_action_and_sampling_does_not(
    agrees,
) -> None:
    policy = Constant([1.0, 0.0])
    greedy = played(policy, 50, greedy=True)
    assert not greedy.actions[greedy.mask].any()
    sampled = played(policy, 500)
    taken = sampled.actions.numpy()[sampled.mask]
    p = 1 / (1 + np.e)
    assert agrees(taken.mean(), p, np.sqrt(p * (1 - p) / len(taken)))


def test_rewards_and_observations_of_a_discrete_environment() -> None:
    envs = make_envs("Corridor-v0", 40)
    policy = as_module(PROBLEMS["Corridor"][1])
    batch = rollouts(policy, envs, np.random.default_rng(0))
    envs.close()
    assert batch.observations.shape == (40, HORIZON, 2)
    assert (batch.observations.sum(dim=-1) == 1).all()
    assert np.array_equal(batch.rewards, -1.0 * batch.mask)
    length = batch.mask.sum(axis=1)
    assert (length[batch.truncated] == HORIZON).all()
    assert (length[~batch.truncated] >= 3).all()


def test_spaces_that_do_not_start_at_zero_make_no_difference() -> None:
    module = as_module(PROBLEMS["Coins"][1])
    plain, shifted = (
        policy_gradient(module, env_id, 3, seed=0)
        for env_id in ("Coins-v0", "Shifted-v0")
    )
    assert torch.equal(plain, shifted)


class Opaque(nn.Module):
    """A policy of which nothing is known but what it answers."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, observation: Tensor) -> Tensor:
        return self.inside(observation)


class Contrary(nn.Sequential):
    """A sequence of layers that does more than its layers do."""

    def forward(self, observation: Tensor) -> Tensor:
        return -super().forward(observation)


@pytest.mark.parametrize(
    "layers",
    [
        nn.Linear(4, 2),
        nn.Linear(4, 2, bias=False),
        nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)),
        nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)),
        Contrary(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)),
    ],
)
def test_rollouts_play_the_policy_whatever_it_is_made_of(
    layers: nn.Module,
) -> None:
    rng = np.random.default_rng(0)
    for leaf in layers.parameters():
        leaf.data = torch.tensor(rng.normal(size=leaf.shape)).float()
    known, opaque = played(layers, 20), played(Opaque(layers), 20)
    assert torch.equal(known.actions, opaque.actions)
    assert torch.equal(known.observations, opaque.observations)


def test_log_probs_are_those_of_the_actions_taken(batch: Rollouts) -> None:
    policy = make_policy("mlp", make_envs("CartPole-v1", 1), seed=0)
    got = log_probs(policy, batch).detach()
    logits = policy(batch.observations).detach()
    twin = torch.distributions.Categorical(logits=logits)
    want = twin.log_prob(batch.actions)
    mask = torch.tensor(batch.mask)
    assert torch.allclose(got[mask], want[mask], atol=1e-5)
    assert (got[~mask] == 0).all()


def explicit_gradient(
    policy: nn.Module, batch: Rollouts, weight: np.ndarray
) -> Tensor:
    """The mean over episodes, a step and a backward pass at a time."""
    total = 0.0
    for row, length in enumerate(batch.mask.sum(axis=1)):
        for t in range(length):
            logits = policy(batch.observations[row, t])
            log_prob = torch.log_softmax(logits, 0)[batch.actions[row, t]]
            parts = torch.autograd.grad(log_prob, list(policy.parameters()))
            total = total + weight[row, t] * torch.cat(
                [part.flatten() for part in parts]
            )
    return total / len(batch.mask)


@pytest.mark.parametrize("weights", [advantages, rewards_to_go])
def test_policy_gradient_is_the_mean_of_its_episodes_gradients(
    weights: Weights, batches: list[Rollouts]
) -> None:
    policy = make_policy("linear", make_envs("CartPole-v1", 1), seed=0)
    got = policy_gradient(policy, "CartPole-v1", 4, 0, weights)
    (batch,) = batches
    weight = weights(batch.rewards, batch.mask)
    want = explicit_gradient(policy, batch, weight)
    size = want.abs().max()
    assert ((got - want).abs() < 1e-4 * size).all()
    per_step = want * 4 / int(batch.mask.sum())
    assert not ((got - per_step).abs() < 1e-4 * size).all()


def test_objective_is_the_surrogate_over_episodes(batch: Rollouts) -> None:
    policy = uniform()
    value = objective(policy, batch, rewards_to_go).item()
    weight = rewards_to_go(batch.rewards, batch.mask)
    want = -np.log(2) * weight.sum() / len(weight)
    assert np.isclose(value, want, rtol=1e-5)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[Rollouts]:
    """Every batch that is rolled out from here on."""
    seen = []

    def spy(*args: object, **kwargs: object) -> Rollouts:
        seen.append(rollouts(*args, **kwargs))
        return seen[-1]

    monkeypatch.setattr(reinforce, "rollouts", spy)
    return seen


Step = tuple[list[Tensor], Tensor]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """Parameters and gradient before every step of an optimiser."""
    seen = []

    class Spy(torch.optim.Adam):
        def step(self, *args: object) -> None:
            leaves = self.param_groups[0]["params"]
            before = [leaf.detach().clone() for leaf in leaves]
            parts = [leaf.grad.flatten() for leaf in leaves]
            seen.append((before, torch.cat(parts)))
            super().step(*args)

    monkeypatch.setattr(torch.optim, "Adam", Spy)
    return seen


def test_every_step_gets_the_gradient_of_its_own_batch(
    batches: list[Rollouts], steps: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reinforce, "CHECK_EVERY", 10**9)
    policy = train(seed=5, updates=3, episodes=4).policy
    assert len(steps) == 3
    for (before, gradient), batch in zip(steps, batches[:3], strict=True):
        for leaf, value in zip(policy.parameters(), before, strict=True):
            leaf.data = value
        value = objective(policy, batch, advantages)
        parts = torch.autograd.grad(value, list(policy.parameters()))
        assert torch.equal(torch.cat([p.flatten() for p in parts]), gradient)


def test_policy_gradient_is_what_the_optimiser_gets(steps: list[Step]) -> None:
    policy = train(seed=5, updates=1, episodes=4).policy
    before, gradient = steps[0]
    for leaf, value in zip(policy.parameters(), before, strict=True):
        leaf.data = value
    again = policy_gradient(policy, "CartPole-v1", 4, seed=5)
    assert torch.equal(again, gradient)


def test_learning_rate_sets_the_size_of_the_first_step(
    steps: list[Step],
) -> None:
    """Adam's first step is the learning rate, whatever the gradient."""
    result = train(seed=5, updates=1, episodes=4, learning_rate=0.01)
    before = torch.cat([value.flatten() for value in steps[0][0]])
    moved = (weights_of(result) - before).detach().abs()
    assert torch.allclose(moved, torch.tensor(0.01), rtol=1e-3)


def test_every_seed_starts_from_a_policy_of_its_own(steps: list[Step]) -> None:
    for seed in (5, 5, 6):
        train(seed, updates=1, episodes=2)
    first, again, other = (step[0][0] for step in steps)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_every_batch_starts_from_states_of_its_own(
    batches: list[Rollouts], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reinforce, "CHECK_EVERY", 10**9)
    train(seed=5, updates=3, episodes=4)
    starts = [batch.observations[:, 0] for batch in batches[:3]]
    assert len(torch.cat(starts).unique(dim=0)) == 3 * 4


def test_same_seed_same_gradient_bit_for_bit() -> None:
    policy = make_policy("mlp", make_envs("CartPole-v1", 1), seed=0)
    first, again, other = (
        policy_gradient(policy, "CartPole-v1", 4, seed) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    size = sum(leaf.numel() for leaf in policy.parameters())
    assert first.shape == (size,)


def test_same_seed_same_evaluation() -> None:
    first, again, other = (evaluate(uniform(), 50, seed) for seed in (1, 1, 2))
    assert first.shape == (50,)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def tiny(seed: int = 0, **changes: object) -> TrainResult:
    return train(seed, **({"updates": 4, "episodes": 4} | changes))


def weights_of(result: TrainResult) -> Tensor:
    return torch.cat([leaf.flatten() for leaf in result.policy.parameters()])


@pytest.mark.parametrize("policy", ["mlp", "linear"])
def test_same_seed_same_training_bit_for_bit(policy: str) -> None:
    torch.manual_seed(1)
    first = tiny(3, policy=policy)
    torch.manual_seed(2)
    again, other = tiny(3, policy=policy), tiny(4, policy=policy)
    assert first.history == again.history
    assert torch.equal(weights_of(first), weights_of(again))
    assert first.history != other.history
    assert not torch.equal(weights_of(first), weights_of(other))


def test_training_leaves_the_global_generators_alone() -> None:
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1]
    tiny()
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)


def test_evaluation_does_not_alter_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs, asked = [], []

    def counting(*args: object, **kwargs: object) -> np.ndarray:
        asked.append(kwargs["seed"])
        return evaluate(*args, **kwargs)

    monkeypatch.setattr(reinforce, "evaluate", counting)
    for every in (1, 10**9):
        monkeypatch.setattr(reinforce, "CHECK_EVERY", every)
        runs.append(tiny())
    assert len(asked) == 4 + 1
    assert len({0, *asked[:4]}) == 5
    assert runs[0].history == runs[1].history
    assert torch.equal(weights_of(runs[0]), weights_of(runs[1]))


def test_history_counts_real_steps_only() -> None:
    result = tiny()
    steps = [update.env_steps for update in result.history]
    returns = [update.mean_return for update in result.history]
    assert len(steps) == 4
    assert np.allclose(np.cumsum(returns) * 4, steps)
    assert result.env_steps == steps[-1]
    assert result.cpu_seconds > 0


def test_an_untrained_policy_is_not_solved() -> None:
    result = tiny()
    assert not result.solved
    assert result.solved_steps is None
    assert result.solved_cpu_seconds is None


def test_training_learns_a_coin_and_says_when(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Solved is 4.5 heads of 5 on average, in a check of 100 episodes."""
    monkeypatch.setattr(reinforce, "CHECK_EVERY", 100)
    result = train(0, "Coins-v0", policy="linear", updates=40, episodes=8)
    assert result.solved
    assert 0 < result.solved_steps < result.env_steps == 40 * 8 * HORIZON
    assert result.solved_steps % (8 * HORIZON) == 0
    assert 0 < result.solved_cpu_seconds < result.cpu_seconds
    greedy = evaluate(result.policy, 10, greedy=True, env_id="Coins-v0")
    assert greedy.tolist() == [HORIZON] * 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_training_solves_cartpole(seed: int) -> None:
    result = train(seed)
    assert result.solved
    assert result.solved_steps <= result.env_steps
    assert len(result.history) == 60


@pytest.mark.parametrize("env_id", ["Pendulum-v1", "MountainCarContinuous-v0"])
def test_continuous_actions_are_refused(env_id: str) -> None:
    for call in (
        lambda: train(env_id=env_id),
        lambda: policy_gradient(uniform(), env_id, 2, 0),
        lambda: evaluate(uniform(), 2, env_id=env_id),
    ):
        with pytest.raises(TypeError, match=f"{env_id} has Box"):
            call()


def test_a_reward_that_is_no_number_stops_the_training() -> None:
    with pytest.raises(ValueError, match=r"rewards must be finite.*got nan"):
        train(0, "Broken-v0", updates=1, episodes=2)


BAD_CALLS: list[tuple[Callable[[], object], str]] = [
    (lambda: train(policy="cnn"), "'cnn'"),
    (lambda: train(policy=None), "None"),
    (lambda: train(seed=-1), "-1"),
    (lambda: train(seed=0.5), "0.5"),
    (lambda: train(seed="0"), "'0'"),
    (lambda: train(updates=0), "0"),
    (lambda: train(episodes=1), "1"),
    (lambda: train(learning_rate=0.0), "0.0"),
    (lambda: train(learning_rate=-0.1), "-0.1"),
    (lambda: train(learning_rate=np.nan), "nan"),
    (lambda: train(learning_rate="fast"), "'fast'"),
    (lambda: policy_gradient(uniform(), "CartPole-v1", 1, 0), "got 1"),
    (lambda: policy_gradient(uniform(), "CartPole-v1", True, 0), "True"),
    (lambda: policy_gradient(uniform(), "CartPole-v1", 2, None), "None"),
    (lambda: evaluate(uniform(), 0), "got 0"),
    (lambda: evaluate(uniform(), 2.5), "2.5"),
    (lambda: evaluate(uniform(), 2, seed=-3), "-3"),
]


@pytest.mark.parametrize(("call", "said"), BAD_CALLS)
def test_bad_arguments_are_refused_with_what_they_were(
    call: Callable[[], object], said: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        call()


KEYS = [
    "seed",
    "solved",
    "solved_steps",
    "solved_cpu_seconds",
    "env_steps",
    "cpu_seconds",
    "greedy_mean",
    "sampled_mean",
]


def test_command_writes_a_line_a_seed(
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    short = partial(train, updates=1, episodes=2)
    monkeypatch.setattr(reinforce, "train", short)
    out = tmp_path / "out.jsonl"
    assert main(["--seeds", "2", "--json", str(out)]) == 1
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["seed"] for line in lines] == [0, 1]
    for line in lines:
        assert list(line) == KEYS
        assert line["solved"] is False
        assert line["solved_steps"] is line["solved_cpu_seconds"] is None
        assert line["env_steps"] > 0
        assert 8 <= line["greedy_mean"] <= 500
        assert 8 <= line["sampled_mean"] <= 500
    text = capsys.readouterr().out
    assert text == "solved 0 of 2 seeds; not solved: seeds [0, 1]\n"


def test_report_evaluates_greedy_and_sampled_actions_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fake(
        policy: nn.Module, episodes: int, seed: int, greedy: bool = False
    ) -> np.ndarray:
        return np.full(episodes, 500.0 if greedy else 480.0)

    result = TrainResult(nn.Linear(4, 2), solved=True, solved_steps=12)
    monkeypatch.setattr(reinforce, "train", lambda seed: result)
    monkeypatch.setattr(reinforce, "evaluate", fake)
    line = reinforce.report(7)
    assert line["seed"] == 7
    assert (line["greedy_mean"], line["sampled_mean"]) == (500.0, 480.0)
    assert (line["solved"], line["solved_steps"]) == (True, 12)


def test_command_without_a_file_prints_its_summary_only(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = {
        "seed": 0,
        "solved": True,
        "solved_steps": 12_000,
        "solved_cpu_seconds": 1.25,
    }
    monkeypatch.setattr(reinforce, "report", lambda seed: line)
    assert main(["--seeds", "1"]) == 0
    assert capsys.readouterr().out == (
        "solved 1 of 1 seeds; first solved after 12,000 steps "
        "(median; 12,000 to 12,000), 1.25 CPU s\n"
    )


def test_summary_names_the_failures() -> None:
    lines = [
        {
            "seed": seed,
            "solved": seed != 1,
            "solved_steps": 1000 * (seed + 1),
            "solved_cpu_seconds": 1.0 + seed,
        }
        for seed in range(3)
    ]
    assert summary(lines) == (
        "solved 2 of 3 seeds; first solved after 2,000 steps "
        "(median; 1,000 to 3,000), 2.00 CPU s; not solved: seeds [1]"
    )
