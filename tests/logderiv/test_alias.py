"""The alias table holds its probabilities, and draws follow them.

What the table holds is summed up exactly. Draws are held to chi-square tests
that reject right draws once in 1e6 seeds; the seeds are fixed.
"""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from logderiv.alias import AliasTable
from logderiv.identity import Bernoulli, Categorical, Family, Poisson

Array = np.ndarray

LEAST_P_VALUE = 1e-6


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class Told:
    """A source of randomness that says what it is told to say."""

    def __init__(self, uniforms: Array) -> None:
        self.uniforms = np.array(uniforms, dtype=float)

    def random(self, n: int) -> Array:
        assert n == len(self.uniforms)
        return self.uniforms.copy()


def held(threshold: Array, other: Array) -> Array:
    """The probability of each outcome, from the columns of a table."""
    size = len(threshold)
    assert ((threshold >= 0) & (threshold <= 1)).all()
    return (threshold + np.bincount(other, 1 - threshold, size)) / size


def exact(p: Array, threshold: Array, other: Array) -> bool:
    """Whether a table holds p, each to 1e-14, and no outcome that has none."""
    got = held(threshold, other)
    return bool(np.abs(got - p).max() <= 1e-14 and not got[p == 0].any())


def normalised(weights: Array) -> Array:
    return np.asarray(weights) / np.sum(weights)


def even(size: int, seed: int) -> Array:
    return np.ones(size)


def smooth(size: int, seed: int) -> Array:
    return rng(seed).random(size) + 1e-3


def skewed(size: int, seed: int) -> Array:
    """Weights that differ by a hundred powers of ten."""
    return np.exp(rng(seed).normal(size=size) * 50)


def sparse(size: int, seed: int) -> Array:
    """Many zeros."""
    weights = rng(seed).random(size) * (rng(seed + 1).random(size) < 0.3)
    weights[seed % size] += 0.5
    return weights


def geometric(size: int, seed: int) -> Array:
    return np.exp(-(seed % 7) * np.arange(size) / 2)


def nearly_even(size: int, seed: int) -> Array:
    return 1 + 1e-15 * rng(seed).integers(-3, 4, size)


def one_for_all(size: int, seed: int) -> Array:
    return np.eye(size)[seed % size]


SHAPES = [
    even,
    smooth,
    skewed,
    sparse,
    geometric,
    nearly_even,
    one_for_all,
]
Shape = Callable[[int, int], Array]


@settings(max_examples=400)
@given(
    shape=st.sampled_from(SHAPES),
    size=st.integers(1, 200),
    seed=st.integers(0, 2**31),
)
@example(even, 7, 0)
@example(even, 11, 0)
def test_the_table_holds_its_probabilities(
    shape: Shape, size: int, seed: int
) -> None:
    p = normalised(shape(size, seed))
    table = AliasTable(p)
    assert exact(p, table.threshold, table.other)


@pytest.mark.parametrize("shape", [smooth, skewed, sparse])
@pytest.mark.parametrize("size", [2, 3, 50, 200])
def test_the_sum_of_the_columns_sees_a_wrong_table(
    shape: Shape, size: int
) -> None:
    """The wrong twins: all turned round; a threshold a bit off; a wrong
    partner.
    """
    p = normalised(shape(size, 5))
    table = AliasTable(p)
    shared = (table.threshold < 1).argmax()
    bent, moved = table.threshold.copy(), table.other.copy()
    bent[shared] += 1e-11
    moved[shared] = (moved[shared] + 1) % size
    assert exact(p, table.threshold, table.other)
    assert not exact(p[::-1], table.threshold, table.other)
    assert not exact(p, bent, table.other)
    assert not exact(p, table.threshold, moved)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 11, 25, 100, 200, 1000])
def test_equal_arms_can_be_drawn(size: int) -> None:
    """K times 1 / K may round to less than 1 in every column."""
    draws = Categorical(np.zeros(size)).sample(1000, rng())
    assert ((draws >= 0) & (draws < size)).all()
    assert len(set(draws)) > size / 2


@given(
    shape=st.sampled_from([smooth, skewed, sparse, geometric]),
    size=st.integers(2, 60),
    seed=st.integers(0, 2**31),
)
def test_a_grid_of_uniforms_gives_the_probabilities(
    shape: Shape, size: int, seed: int
) -> None:
    """Each column is cut once, so that counts are off by 1 a column."""
    p, n = normalised(shape(size, seed)), 6000
    table = AliasTable(p)
    counts = np.bincount(table.draw(n, Told((np.arange(n) + 0.5) / n)))
    counts = np.append(counts, np.zeros(size - len(counts)))
    off = np.abs(counts - n * p).max()
    assert off <= 2 * size
    assert counts[p == 0].sum() == 0
    if np.abs(p - p[::-1]).max() * n > 4 * size:
        assert not np.abs(counts - n * p[::-1]).max() <= 2 * size


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 127, 128, 129, 1000])
def test_the_ends_of_the_unit_interval_are_outcomes(size: int) -> None:
    table = AliasTable(normalised(smooth(size, 0)))
    draws = table.draw(2, Told([0.0, 1 - 2.0**-53]))
    assert ((draws >= 0) & (draws < size)).all()


def follows(draws: Array, p: Array) -> bool:
    """The chi-square test; what is expected fewer than 5 times is pooled."""
    expected = len(draws) * p
    seen = np.bincount(draws, minlength=len(p)).astype(float)
    if len(seen) > len(p) or seen[p == 0].sum():
        return False
    rare = expected < 5
    if rare.any():
        seen = np.append(seen[~rare], seen[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    kept = expected > 0
    miss = ((seen - expected)[kept] ** 2 / expected[kept]).sum()
    return bool(stats.chi2.sf(miss, max(kept.sum() - 1, 1)) > LEAST_P_VALUE)


LOGITS = {
    "three": np.array([0.0, 0.5, -0.3]),
    "fifty, skewed": -0.2 * np.arange(50.0),
    "two hundred": np.sin(np.arange(200.0)),
    "one in a thousand": np.array([0.0, np.log(1e-3)]),
    "underflow": np.array([0.0, -800.0, 1.0, -1e6]),
}
WAYS: dict[str, Callable[[Categorical, int], Array]] = {
    "sample": lambda dist, n: dist.sample(n, rng(1)),
    "transform": lambda dist, n: dist.transform(dist.noise(n, rng(2))),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", LOGITS)
def test_both_ways_to_draw_follow_the_softmax(name: str, way: str) -> None:
    dist, n = Categorical(LOGITS[name]), 200_000
    p = normalised(np.exp(LOGITS[name] - LOGITS[name].max()))
    draws = WAYS[way](dist, n)
    assert draws.shape == (n,)
    assert draws.dtype.kind == "i"
    assert follows(draws, p)
    wrong = p.copy()
    wrong[p.argmax()] *= 1.5
    assert not follows(draws, normalised(wrong))
    assert not follows(draws, p[::-1])


@pytest.mark.parametrize("name", LOGITS)
def test_sample_and_transform_have_one_law(name: str) -> None:
    """Two samples, one law: their difference has twice the variance."""
    dist, n = Categorical(LOGITS[name]), 200_000
    one, two = (
        np.bincount(draw(dist, n), minlength=len(LOGITS[name])).astype(float)
        for draw in WAYS.values()
    )
    assert alike(one, two)
    assert not alike(one, two[::-1])


def alike(one: Array, two: Array) -> bool:
    both = one + two
    kept = both >= 10
    miss = ((one - two)[kept] ** 2 / both[kept]).sum()
    return bool(stats.chi2.sf(miss, max(kept.sum() - 1, 1)) > LEAST_P_VALUE)


@pytest.mark.parametrize(
    ("dist", "p"),
    [
        (Bernoulli(-0.7), normalised([1.0, np.exp(-0.7)])),
        (Poisson(2.5), stats.poisson.pmf(np.arange(60), 2.5)),
        (Poisson(300.0), stats.poisson.pmf(np.arange(900), 300.0)),
    ],
)
def test_other_discrete_families_transform_as_they_sample(
    dist: Family, p: Array
) -> None:
    n = 200_000
    for draws in (
        dist.sample(n, rng(1)),
        dist.transform(dist.noise(n, rng(2))),
    ):
        assert follows(draws, p)
        assert not follows(draws + 1, p)


@given(
    logits=st.lists(st.floats(-5, 5), min_size=1, max_size=30),
    u=st.floats(0, 1, exclude_max=True),
)
def test_transform_inverts_the_distribution_function(
    logits: list[float], u: float
) -> None:
    dist = Categorical(logits)
    (x,) = dist.transform(np.array([u]))
    below = np.concatenate([[0], np.cumsum(dist.probabilities)])
    assert below[x] <= u + 1e-12
    assert u <= below[x + 1] + 1e-12


def test_draws_in_pieces_are_draws_at_once() -> None:
    """One uniform a draw, so that blocks change nothing."""
    table, source = AliasTable(normalised(smooth(9, 0))), rng(4)
    pieces = [table.draw(n, source) for n in (1, 10, 89)]
    assert np.array_equal(np.concatenate(pieces), table.draw(100, rng(4)))
    assert not np.array_equal(np.concatenate(pieces), table.draw(100, rng(5)))


def test_the_probabilities_are_left_alone() -> None:
    p = normalised(smooth(20, 0))
    before = p.copy()
    AliasTable(p)
    assert np.array_equal(p, before)


def test_a_uniform_on_the_edge_belongs_to_the_outcome_above() -> None:
    """Uniforms are from [0, 1): 0 is no draw of an arm without a chance."""
    assert Categorical([-1e6, 0.0]).transform(np.zeros(1)).tolist() == [1]
    halves = Categorical([0.0, 0.0]).transform(np.array([0.0, 0.5]))
    assert halves.tolist() == [0, 1]
    assert Bernoulli(0.0).transform(np.array([0.0, 0.5])).tolist() == [1, 0]
