"""Blocks: nothing depends on them, neither the numbers nor the memory.

Nothing here is a statistical test, so nothing fails by chance: the same
samples are cut into other blocks, and sums are compared to rounding.
"""

import tracemalloc
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logderiv import memory
from logderiv.estimate import Estimate, RunningMoments
from logderiv.identity import (
    Bernoulli,
    Categorical,
    Exponential,
    Family,
    Gaussian,
    Poisson,
)
from logderiv.memory import blocks, rows_of
from logderiv.sampling import (
    finite_difference,
    measure_valued,
    pathwise,
    score_function,
)

Array = np.ndarray


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def moments_of(terms: Array, cuts: list[int]) -> RunningMoments:
    moments = RunningMoments()
    places = [0, *sorted({cut % len(terms) for cut in cuts} - {0}), len(terms)]
    for first, last in pairwise(places):
        moments.add(terms[first:last])
    return moments


cuts_of_rows = st.lists(st.integers(0, 10_000), max_size=12)


@given(
    rows=st.integers(2, 300),
    columns=st.integers(1, 4),
    cuts=cuts_of_rows,
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
    offset=st.sampled_from([0.0, 1.0, -300.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_running_moments_are_those_of_all_rows(
    rows: int,
    columns: int,
    cuts: list[int],
    scale: float,
    offset: float,
    seed: int,
) -> None:
    terms = scale * (rng(seed).normal(size=(rows, columns)) + offset)
    got = moments_of(terms, cuts).estimate(n=7, calls=9)
    assert (got.n, got.calls) == (7, 9)
    assert np.allclose(got.gradient, terms.mean(axis=0), rtol=1e-12, atol=1e-15)
    variance = terms.var(axis=0, ddof=1)
    assert np.allclose(got.variance, variance, rtol=1e-9, atol=0)
    assert not np.allclose(got.variance, 1.001 * variance, rtol=1e-9, atol=0)
    error = np.sqrt(variance / rows)
    assert np.allclose(got.standard_error, error, rtol=1e-9, atol=0)


@pytest.mark.parametrize("offset", [1e3, 1e6, 1e7, 1e9, -1e12])
@pytest.mark.parametrize("cuts", [[], [1], [500, 700], [*range(0, 1000, 7)]])
def test_running_moments_stand_a_huge_offset(
    offset: float, cuts: list[int]
) -> None:
    """Squared deviations from the mean keep what is in the terms. The wrong
    twin, the mean square less the squared mean, keeps nothing.
    """
    terms = rng().normal(size=(1000, 2)) + offset
    moments = moments_of(terms, cuts)
    exact = (terms - offset).var(axis=0, ddof=1)
    rounding = 1e-13 * abs(offset) + 1e-12
    assert np.allclose(moments.squares / 999, exact, rtol=rounding)
    naive = (terms**2).mean(axis=0) - terms.mean(axis=0) ** 2
    assert not np.allclose(naive, exact, rtol=rounding)


@pytest.mark.parametrize("offset", [1e3, 1e6, 1e7, 1e9])
def test_estimates_with_a_huge_mean_have_a_standard_error(
    offset: float,
) -> None:
    """A variance of 1 that every term shows is no rounding."""
    terms = rng().normal(size=(1000, 2)) + offset
    got = moments_of(terms, [300]).estimate(n=1000, calls=1000)
    assert np.allclose(got.variance, terms.var(axis=0, ddof=1), rtol=1e-3)
    assert not np.allclose(got.variance, 0.0)


@pytest.mark.parametrize("slope", [1e3, 1e5, 1e7, 1e9])
def test_pathwise_estimates_with_a_huge_mean_have_a_standard_error(
    slope: float,
) -> None:
    """f = slope x + sin x: the terms in the mean vary as cos x does."""
    dist, n = Gaussian(0.3, 1.0), 1000
    got = pathwise(
        lambda x: slope * x + np.sin(x),
        dist,
        n,
        rng(),
        lambda x: slope + np.cos(x),
    )
    wanted = np.cos(dist.sample(n, rng())).var(ddof=1)
    assert np.isclose(got.variance[0], wanted, rtol=1e-3)


def test_terms_that_are_all_equal_have_no_variance() -> None:
    for value in (0.1, 1e9, 1 / 3):
        terms = np.full((1000, 1), value)
        got = moments_of(terms, [3, 141, 700]).estimate(1000, 1000)
        assert got.variance.tolist() == [0.0]
        assert got.signal_to_noise.tolist() == [np.inf]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e200])
def test_terms_that_are_no_numbers_are_refused(bad: float) -> None:
    moments = RunningMoments()
    with pytest.raises(ValueError, match="a term of the estimate"):
        moments.add(np.array([[1.0], [bad]]))


# Blocks.


@given(
    n=st.integers(1, 300_000),
    rows=st.integers(1, 40_000),
    unit=st.integers(1, 5000),
)
def test_blocks_are_whole_units_that_sum_to_n(
    n: int, rows: int, unit: int
) -> None:
    whole = -(-n // unit) * unit
    sizes = list(blocks(whole, rows, unit))
    assert sum(sizes) == whole
    assert all(size > 0 and size % unit == 0 for size in sizes)
    assert len(set(sizes[:-1])) <= 1
    assert sizes[-1] <= sizes[0]
    assert sizes[0] <= max(rows, unit)
    assert sum(blocks(n, rows)) == n


@given(
    n=st.integers(1, 1000),
    width=st.integers(1, 50),
    block=st.integers(1, 5000),
)
def test_blocks_are_as_large_as_they_may_be(
    n: int, width: int, block: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "BLOCK", block)
        sizes = list(blocks(n, rows_of(width)))
    assert len(sizes) == -(-n // max(1, block // width))


FAMILIES: list[Family] = [
    Bernoulli(0.4),
    Categorical([0.0, 0.5, -0.3]),
    Categorical(-0.1 * np.arange(40)),
    Gaussian(1.3, 0.7),
    Gaussian([1.3, -0.2, 0.4], [0.7, 1.1, 0.5]),
    Poisson(2.5),
    Exponential(1.6),
]
BASELINES: dict[str, dict[str, object]] = {
    "none": {},
    "constant": {"baseline": 1.5},
    "leave-one-out": {"baseline": "leave-one-out"},
    "groups of 2": {"baseline": "leave-one-out", "group": 2},
    "groups of 100": {"baseline": "leave-one-out", "group": 100},
    "optimal": {"baseline": "optimal"},
}


def payoff(x: Array) -> Array:
    return np.cos(x.reshape(len(x), -1).sum(axis=1)) + 3.0


def same(one: Estimate, two: Estimate, rtol: float = 1e-10) -> bool:
    size = np.abs(one.gradient).max() + np.sqrt(one.variance.max())
    return bool(
        np.allclose(one.gradient, two.gradient, rtol=0, atol=rtol * size)
        and np.allclose(one.variance, two.variance, rtol=0, atol=rtol * size**2)
        and (one.n, one.calls) == (two.n, two.calls)
    )


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("dist", FAMILIES)
def test_score_function_does_not_depend_on_the_blocks(
    name: str, dist: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same draws, cut elsewhere. Other draws are no such thing."""
    found = []
    for block in (1, 200, 32_768, 10**9):
        monkeypatch.setattr(memory, "BLOCK", block)
        n = 2400
        found.append(score_function(payoff, dist, n, rng(), **BASELINES[name]))
    for other in found[1:]:
        assert same(found[0], other)
    assert not same(
        found[0], score_function(payoff, dist, n, rng(7), **BASELINES[name])
    )


@pytest.mark.parametrize("dist", [FAMILIES[3], FAMILIES[4], FAMILIES[6]])
def test_pathwise_does_not_depend_on_the_blocks(
    dist: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for block in (60, 32_768):
        monkeypatch.setattr(memory, "BLOCK", block)
        found.append(
            pathwise(
                lambda x: (x**2).reshape(len(x), -1).sum(axis=1),
                dist,
                1000,
                rng(),
                lambda x: 2 * x,
            )
        )
    assert same(*found)


ESTIMATORS: dict[str, Callable[..., Estimate]] = {
    **{
        name: lambda *common, settings=settings: score_function(
            *common, **settings
        )
        for name, settings in BASELINES.items()
    },
    "measure": measure_valued,
    "measure, independent": lambda *common: measure_valued(
        *common, coupled=False
    ),
    "difference": lambda *common: finite_difference(*common, 0.1),
    "pathwise": lambda *common: pathwise(*common, lambda x: -np.sin(x)),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_f_is_called_on_blocks_and_on_every_sample_once(name: str) -> None:
    asked, n = [], 100_000

    def f(x: Array) -> Array:
        asked.append(len(x))
        return np.cos(x)

    est = ESTIMATORS[name](f, Gaussian(1.0, 1.0), n, rng())
    if name == "pathwise":
        assert asked == [8, 8]
        return
    assert sum(asked) == est.calls
    assert max(asked) <= memory.BLOCK
    assert len(asked) > 2
    assert est.calls == (n if name in BASELINES else 4 * n)


@pytest.mark.slow
@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("size", [1, 30])
def test_memory_does_not_grow_with_n(name: str, size: int) -> None:
    """Ten times the samples, the same peak up to 1 MB; kept, the samples
    alone would take 20 MB more.
    """
    dist = Gaussian(np.ones(size), np.ones(size))

    def f(x: Array) -> Array:
        return (x**2).sum(axis=1)

    def run(n: int) -> int:
        tracemalloc.start()
        if name == "pathwise":
            pathwise(f, dist, n, rng(), lambda x: 2 * x)
        else:
            ESTIMATORS[name](f, dist, n, rng())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    paired = name.startswith(("measure", "difference"))
    few = 300_000 // size // (size if paired else 1)
    few = max(few // 100, 4) * 100
    run(400)
    assert run(10 * few) - run(few) < 1e6


@pytest.mark.slow
@pytest.mark.parametrize("baseline", [None, "leave-one-out", "optimal"])
def test_the_memory_of_three_million_samples(baseline: str | None) -> None:
    def kept(n: int, hold: bool) -> int:
        held = []

        def f(x: Array) -> Array:
            held.append(x if hold else None)
            return x**2

        tracemalloc.start()
        score_function(f, Gaussian(1.0, 1.0), n, rng(), baseline)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert abs(kept(3_000_000, False) - kept(300_000, False)) < 1e6
    assert not abs(kept(3_000_000, True) - kept(300_000, True)) < 1e6


DISCRETE = [FAMILIES[1], FAMILIES[5]]


@pytest.mark.parametrize(
    ("name", "dist"),
    [(name, FAMILIES[3]) for name in ESTIMATORS]
    + [
        (name, dist)
        for name in ESTIMATORS
        for dist in DISCRETE
        if name != "pathwise"
    ],
)
def test_payoffs_that_write_into_their_argument_do_no_harm(
    name: str, dist: Family
) -> None:
    """The wrong twin: the payoff at the sample that was written."""

    def in_place(x: Array) -> Array:
        x += 1
        values = np.cos(x - 1.0)
        x[:] = 0
        return values

    def run(f: Callable[[Array], Array]) -> Estimate:
        return ESTIMATORS[name](f, dist, 4000, rng())

    assert same(run(in_place), run(np.cos), 1e-12)
    if name != "pathwise":
        assert not same(run(lambda x: np.cos(x + 1.0)), run(np.cos), 1e-12)


def test_a_derivative_that_writes_into_its_argument_does_no_harm() -> None:
    def in_place(x: Array) -> Array:
        x *= 2
        return x

    first, second = (
        pathwise(lambda x: x**2, Gaussian(1.3, 0.7), 1000, rng(), slope)
        for slope in (in_place, lambda x: 2 * x)
    )
    assert np.array_equal(first.gradient, second.gradient)


# What an Estimate says of itself.


def test_signal_to_noise_by_hand() -> None:
    est = Estimate(
        gradient=np.array([3.0, -4.0, 0.0, 5.0, 0.0]),
        variance=np.array([4.0, 100.0, 1.0, 0.0, 0.0]),
        standard_error=np.array([0.5, 2.0, 0.1, 0.0, 0.0]),
        calls=32,
        n=16,
    )
    assert est.signal_to_noise.tolist() == [6.0, 2.0, 0.0, np.inf, 0.0]
    assert est.variance_times_calls.tolist() == [
        8.0,
        128.0,
        0.1**2 * 32,
        0.0,
        0.0,
    ]


def test_price_of_terms_by_hand() -> None:
    """Terms 1, 2, 3, 6 at 8 calls: variance 14/3, of their mean 7/6."""
    terms = np.array([[1.0], [2.0], [3.0], [6.0]])
    est = moments_of(terms, [1]).estimate(n=4, calls=8)
    assert np.isclose(est.gradient[0], 3.0)
    assert np.isclose(est.variance[0], 14 / 3)
    assert np.isclose(est.variance_times_calls[0], 8 * 14 / 12)
    assert np.isclose(est.signal_to_noise[0], 3 / np.sqrt(14 / 12))


@pytest.mark.parametrize("name", ["none", "groups of 2", "measure"])
def test_the_price_is_that_of_a_term_whatever_n(name: str) -> None:
    """variance * calls a term: 1, 2, and 2 p = 4 of them."""
    for n in (1000, 4000):
        est = ESTIMATORS[name](np.cos, Gaussian(1.0, 1.0), n, rng())
        calls = {"none": 1, "groups of 2": 2, "measure": 4}[name]
        assert np.allclose(
            est.variance_times_calls, calls * est.variance, rtol=1e-12
        )
