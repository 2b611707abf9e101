"""Discrete draws follow their probabilities.

Samples are held to chi-square tests that reject right draws once in 1e6 or
1e9; the seeds are fixed.
"""

import copy
import itertools
import pickle
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from logderiv.identity import Bernoulli, Categorical, Family, Poisson
from logderiv.sampling import measure_valued, score_function

Array = np.ndarray

LEAST_P_VALUE = 1e-6


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def normalised(weights: Array) -> Array:
    return np.asarray(weights) / np.sum(weights)


def follows(draws: Array, p: Array, least: float = LEAST_P_VALUE) -> bool:
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
    return bool(stats.chi2.sf(miss, max(kept.sum() - 1, 1)) > least)


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
    """So that blocks change nothing; nor does a copy of the distribution."""
    dist, source = Categorical(np.sin(np.arange(9.0))), rng(4)
    whole = dist.sample(100, rng(4))
    pieces = [dist.sample(n, source) for n in (1, 10, 89)]
    assert np.array_equal(np.concatenate(pieces), whole)
    assert not np.array_equal(np.concatenate(pieces), dist.sample(100, rng(5)))
    for other in (copy.deepcopy(dist), pickle.loads(pickle.dumps(dist))):
        assert np.array_equal(other.sample(100, rng(4)), whole)


def test_a_uniform_on_the_edge_belongs_to_the_outcome_above() -> None:
    """Uniforms are from [0, 1): 0 is no draw of an arm without a chance."""
    assert Categorical([-1e6, 0.0]).transform(np.zeros(1)).tolist() == [1]
    halves = Categorical([0.0, 0.0]).transform(np.array([0.0, 0.5]))
    assert halves.tolist() == [0, 1]
    assert Bernoulli(0.0).transform(np.array([0.0, 0.5])).tolist() == [1, 0]


NEVER = -1e9
TIES = (0.0, 1.0, 2.0, NEVER)


def softmax(logits: Array) -> Array:
    return normalised(np.exp(logits - np.max(logits)))


@pytest.mark.parametrize("size", range(1, 7))
def test_ties_and_arms_that_never_come_up(size: int) -> None:
    """Every table over these logits. Where weights tie, what one arm has to
    spare and another is short of tie, too: an alias table may mix them up.
    """
    source = rng(3)
    for logits in itertools.product(TIES, repeat=size):
        draws = Categorical(logits).sample(20_000, source)
        assert follows(draws, softmax(np.array(logits)), 1e-9), logits


TIED = [
    [2.0, 2.0, 0.0, 0.0],
    [0.0, 0.0, NEVER, NEVER],
    np.log([0.3, 0.3, 0.2, 0.2]),
    np.log([3.0, 1.0, 1.0, 1.0, 2.0, 4.0]),
    [0.0, NEVER, NEVER, NEVER],
]


@pytest.mark.parametrize("logits", TIED)
def test_the_other_arms_tie_as_well(logits: Array) -> None:
    """What a measure-valued pair draws: the arm, and one of the others."""
    p, n = softmax(np.array(logits)), 200_000
    for arm, pair in enumerate(Categorical(logits).weak_derivatives()):
        plus, minus = pair.sides(n, rng(arm))
        assert (plus == arm).all()
        others = np.where(np.arange(len(p)) == arm, 0, p)
        if others.any():
            assert follows(minus, normalised(others))


@pytest.mark.parametrize("estimate", [score_function, measure_valued])
@pytest.mark.parametrize("logits", TIED[:-1])
def test_gradients_where_weights_tie(logits: Array, estimate: Callable) -> None:
    dist, f = Categorical(logits), np.array([1.0, 3.0, 0.0, 2.0, 5.0, -1.0])
    p = dist.probabilities
    exact = p * (f[: len(p)] - p @ f[: len(p)])
    found = estimate(lambda x: f[x], dist, 400_000, rng(1))
    error = found.standard_error + 1e-12
    assert (np.abs(found.gradient - exact) < 5 * error).all()
    assert not (np.abs(found.gradient + exact) < 5 * error).all()


@pytest.mark.parametrize("rate", [1e2, 1e6, 1e8, 1e10])
def test_the_inverse_of_a_large_rate_is_as_wide_as_it_should_be(
    rate: float,
) -> None:
    """A grid of uniforms, turned into counts, standardised: its first two
    moments, and its quantiles against those of the normal law.
    """
    u = (np.arange(200_000) + 0.5) / 200_000
    z = (Poisson(rate).transform(u) - rate) / np.sqrt(rate)
    assert abs(z.mean()) < 1e-5
    assert abs(z.var() - 1) < 2e-5
    skew = (stats.norm.ppf(u) ** 2 - 1) / (6 * np.sqrt(rate))
    off = np.abs(z - stats.norm.ppf(u) - skew)
    assert off.max() < 1 / np.sqrt(rate) + 1e-4


@pytest.mark.parametrize("rate", [5e12, 1e10, 1e7])
def test_large_rates_are_drawn_with_their_variance(rate: float) -> None:
    z = (Poisson(rate).sample(2_000_000, rng()) - rate) / np.sqrt(rate)
    assert abs(z.var() - 1) < 5 * np.sqrt(2 / len(z))


@pytest.mark.parametrize("rate", [1e13, 3e14, 1e15])
def test_larger_rates_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=r"at most 5e\+12"):
        Poisson(rate).sample(10, rng())
