"""Weights of log-probabilities by hand, by naive loops, by definition."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logderiv.plain import mean_of_others
from logderiv.reinforce import (
    advantages,
    full_return,
    rewards_to_go,
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
def test_advantages_are_what_the_others_do_not_explain(
    episodes: list[list[float]],
) -> None:
    returns, mask = padded(naive_to_go(episodes, 1.0))
    wanted = returns - mean_of_others(returns, mask)
    data, mask = padded(episodes, np.nan)
    assert np.allclose(advantages(data, mask), wanted, atol=1e-10)


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
        both.append(mean_of_others(returns, mask)[0])
    common = min(len(one), len(other))
    assert np.allclose(both[0][:common], both[1][:common], atol=1e-9)
