"""Pairs of samples against the laws that they are said to follow.

The laws are written here, as densities and distribution functions. That
their weighted difference is the derivative of p is checked point by point;
that the samples follow them, by Kolmogorov and Smirnov's test, or by the
chi-square test where x is discrete. Either rejects a right sampler once in
1e6 seeds, all of this file once in 1e4. The seeds are fixed. Whether a pair
shares its randomness is a z-test, |z| < 6, with the standard error of
independent sides, 1 / sqrt(n).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import gammaln, ndtr

from logderiv.family import WeightedPair
from logderiv.identity import (
    Bernoulli,
    Categorical,
    Exponential,
    Family,
    Gaussian,
    Poisson,
)
from logderiv.sampling import (
    central_differences,
    finite_difference,
    measure_valued,
)

Array = np.ndarray

N = 20_000
LEAST_P_VALUE = 1e-6


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@dataclass(frozen=True)
class Law:
    """A density, and a distribution function (or, discrete, None)."""

    density: Callable[[Array], Array]
    cumulative: Callable[[Array], Array] | None = None

    def at(self, mean: float, std: float) -> "Law":
        """Of mean + std * x."""
        return Law(
            lambda x: self.density((x - mean) / std) / std,
            lambda x: self.cumulative((x - mean) / std),
        )

    def fits(self, x: Array) -> bool:
        """Whether the samples x may well be of this law."""
        if self.cumulative is not None:
            return stats.kstest(x, self.cumulative).pvalue > LEAST_P_VALUE
        outcomes = np.arange(x.max() + 1)
        expected = len(x) * self.density(outcomes)
        seen = np.bincount(x).astype(float)
        if (seen[expected == 0] > 0).any():
            return False
        common = expected >= 10
        seen = np.append(seen[common], len(x) - seen[common].sum())
        expected = np.append(expected[common], len(x) - expected[common].sum())
        kept = expected > 1e-6
        miss = ((seen - expected)[kept] ** 2 / expected[kept]).sum()
        return stats.chi2.sf(miss, max(kept.sum() - 1, 1)) > LEAST_P_VALUE


def phi(z: Array) -> Array:
    return np.exp(-(z**2) / 2) / sqrt(2 * pi)


NORMAL = Law(phi, ndtr)
RAYLEIGH = Law(
    lambda r: np.where(r > 0, r * np.exp(-(r**2) / 2), 0),
    lambda r: np.where(r > 0, 1 - np.exp(-(r**2) / 2), 0),
)
MIRRORED = Law(
    lambda r: RAYLEIGH.density(-r), lambda r: 1 - RAYLEIGH.cumulative(-r)
)
MAXWELL = Law(lambda z: z**2 * phi(z), lambda z: ndtr(z) - z * phi(z))


def waits(shape: int, rate: float) -> Law:
    law = stats.gamma(shape, scale=1 / rate)
    return Law(law.pdf, law.cdf)


def table(p: Array) -> Law:
    """Chances of 0, 1, 2, ..., and of nothing else."""
    return Law(lambda x: np.where(x < len(p), p[np.minimum(x, len(p) - 1)], 0))


def poisson(rate: float, shift: int = 0) -> Law:
    return Law(lambda x: stats.poisson.pmf(x - shift, rate))


def softmax(logits: Array) -> Array:
    weight = np.exp(logits)
    return weight / weight.sum()


@dataclass(frozen=True)
class Case:
    """One parameter: its constant and its two laws, written anew.

    Attributes:
        density: (theta_j, x) -> p(x); theta_j may be complex.
        theta: the value of the parameter.
        x: where densities are compared.
        column: the coordinate that the parameter moves, if there are more.
    """

    dist: Family
    j: int
    constant: float
    plus: Law
    minus: Law
    density: Callable[[complex, Array], Array]
    theta: float
    x: Array
    column: int | None = None

    def __str__(self) -> str:
        return f"{type(self.dist).__name__} {self.dist.parameters[self.j]}"

    @property
    def pair(self) -> WeightedPair:
        return self.dist.weak_derivatives()[self.j]

    def sides(self, coupled: bool = True, seed: int = 1) -> tuple[Array, Array]:
        """The moved coordinate of N pairs."""
        sides = self.pair.draw(N, rng(seed), coupled)
        if self.column is None:
            return sides
        return tuple(side[:, self.column] for side in sides)


def bell(mean: complex, std: complex, x: Array) -> Array:
    return np.exp(-((x - mean) ** 2) / (2 * std**2)) / (std * sqrt(2 * pi))


def normal_cases(dist: Gaussian) -> list[Case]:
    mean, std = np.atleast_1d(dist.mean), np.atleast_1d(dist.std)
    size, cases = len(mean), []
    for d in range(size):
        m, s, column = mean[d], std[d], d if np.ndim(dist.mean) else None
        x = m + s * np.linspace(-6, 6, 200)
        cases += [
            Case(
                dist,
                d,
                1 / (s * sqrt(2 * pi)),
                RAYLEIGH.at(m, s),
                MIRRORED.at(m, s),
                lambda theta, x, s=s: bell(theta, s, x),
                m,
                x,
                column,
            ),
            Case(
                dist,
                size + d,
                1 / s,
                MAXWELL.at(m, s),
                NORMAL.at(m, s),
                lambda theta, x, m=m: bell(m, theta, x),
                s,
                x,
                column,
            ),
        ]
    return cases


def coin_case(logit: float) -> Case:
    p = 1 / (1 + np.exp(-logit))
    return Case(
        Bernoulli(logit),
        0,
        p * (1 - p),
        table(np.array([0.0, 1.0])),
        table(np.array([1.0, 0.0])),
        lambda theta, x: (
            np.where(x == 1, 1, np.exp(-theta)) / (1 + np.exp(-theta))
        ),
        logit,
        np.arange(2),
    )


def arm_cases(logits: list[float]) -> list[Case]:
    p, cases = softmax(np.array(logits)), []
    for arm in range(len(p)):
        sure = np.eye(len(p))[arm]

        def density(theta: complex, x: Array, arm: int = arm) -> Array:
            moved = np.array(logits, dtype=complex)
            moved[arm] = theta
            return softmax(moved)[x]

        cases.append(
            Case(
                Categorical(logits),
                arm,
                p[arm] * (1 - p[arm]),
                table(sure),
                table(p * (1 - sure) / (1 - p[arm])),
                density,
                logits[arm],
                np.arange(len(p)),
            )
        )
    return cases


def count_case(rate: float) -> Case:
    return Case(
        Poisson(rate),
        0,
        1.0,
        poisson(rate, shift=1),
        poisson(rate),
        lambda theta, x: np.exp(x * np.log(theta) - theta - gammaln(x + 1.0)),
        rate,
        np.arange(40),
    )


def wait_case(rate: float) -> Case:
    return Case(
        Exponential(rate),
        0,
        1 / rate,
        waits(1, rate),
        waits(2, rate),
        lambda theta, x: theta * np.exp(-theta * x),
        rate,
        np.linspace(0.001, 20, 200) / rate,
    )


PLANE = Gaussian([1.3, -0.2, 4.0], [0.7, 1.1, 0.3])
CASES = [
    coin_case(0.4),
    coin_case(-2.0),
    *arm_cases([0.0, 0.5, -0.3]),
    *arm_cases([3.0, -2.0]),
    *normal_cases(Gaussian(1.3, 0.7)),
    *normal_cases(Gaussian(-50.0, 8.0)),
    *normal_cases(PLANE),
    count_case(2.5),
    count_case(0.3),
    wait_case(1.6),
    wait_case(0.2),
]
any_case = pytest.mark.parametrize("case", CASES, ids=str)


@any_case
def test_the_difference_is_the_derivative_of_the_density(case: Case) -> None:
    """Point by point, with a complex step, which does not cancel."""
    tiny = 1e-30
    slope = case.density(case.theta + 1j * tiny, case.x).imag / tiny
    difference = case.plus.density(case.x) - case.minus.density(case.x)
    assert np.allclose(
        case.constant * difference, slope, rtol=1e-10, atol=1e-12
    )
    assert not np.allclose(-case.constant * difference, slope, rtol=0.1)
    assert not np.allclose(1.01 * case.constant * difference, slope, rtol=1e-3)


@any_case
def test_the_densities_are_those_of_the_family(case: Case) -> None:
    if case.column is None:
        p = np.exp(case.dist.log_prob(case.x))
        assert np.allclose(case.density(case.theta, case.x), p, rtol=1e-11)
        assert not np.allclose(case.density(case.theta + 0.1, case.x), p)


@any_case
def test_the_constant_is_the_stated_one(case: Case) -> None:
    assert np.isclose(case.pair.constant, case.constant, rtol=1e-13)
    assert not np.isclose(case.pair.constant, 1.01 * case.constant)


@any_case
@pytest.mark.parametrize("coupled", [True, False])
def test_both_sides_follow_their_laws(case: Case, coupled: bool) -> None:
    """The wrong twin: the sides exchanged."""
    plus, minus = case.sides(coupled)
    assert case.plus.fits(plus)
    assert case.minus.fits(minus)
    assert not case.plus.fits(minus)
    assert not case.minus.fits(plus)


def test_the_law_tests_reject_what_is_nearly_right() -> None:
    """A Maxwell without its sign, x not x + 1, a rest with the arm in it."""
    spread = Gaussian(1.3, 0.7)
    plus, _ = spread.weak_derivatives()[1].sides(N, rng())
    unsigned = 1.3 + np.abs(plus - 1.3)
    assert MAXWELL.at(1.3, 0.7).fits(plus)
    assert not MAXWELL.at(1.3, 0.7).fits(unsigned)
    assert not MAXWELL.at(1.3, 0.76).fits(plus)
    assert not NORMAL.fits(1.1 * rng().standard_normal(N))
    assert not poisson(2.5).fits(rng().poisson(2.6, N))
    case = arm_cases([0.0, 0.5, -0.3])[0]
    assert not case.minus.fits(case.dist.sample(N, rng()))


@pytest.mark.parametrize("j", range(6))
@pytest.mark.parametrize("coupled", [True, False])
def test_the_other_coordinates_keep_their_law(j: int, coupled: bool) -> None:
    plus, minus = PLANE.weak_derivatives()[j].draw(N, rng(2), coupled)
    assert plus.shape == minus.shape == (N, 3)
    for d in {0, 1, 2} - {j % 3}:
        own = NORMAL.at(PLANE.mean[d], PLANE.std[d])
        assert own.fits(plus[:, d])
        assert own.fits(minus[:, d])
        assert np.array_equal(plus[:, d], minus[:, d]) == coupled
        assert not own.fits(plus[:, d] + 0.1 * PLANE.std[d])
        assert unrelated(plus[:, d], plus[:, j % 3])


def unrelated(a: Array, b: Array) -> bool:
    """|z| < 6 of the correlation, whose standard error is 1 / sqrt(n)."""
    a, b = ((side - side.mean()) / side.std() for side in (a, b))
    return bool(abs((a * b).mean()) < 6 / sqrt(len(a)))


RANDOM = [
    case for case in CASES if not isinstance(case.dist, Bernoulli | Categorical)
]


@pytest.mark.parametrize("case", RANDOM, ids=str)
def test_only_coupled_sides_are_related(case: Case) -> None:
    assert unrelated(*case.sides(coupled=False))
    assert not unrelated(*case.sides(coupled=True))


@any_case
def test_an_independent_minus_comes_from_other_draws(case: Case) -> None:
    """Of a coin and of an arm, one side at least is certain."""
    plus, minus = case.sides(coupled=False)
    again, coupled = case.sides(coupled=True)
    assert np.array_equal(plus, again)
    sure = minus.min() == minus.max()
    assert np.array_equal(minus, coupled) == sure


def test_what_a_coupled_pair_shares() -> None:
    """The Rayleigh draw; the Maxwell draw, times U; the count; the wait."""
    mean, std = Gaussian(1.3, 0.7).weak_derivatives()
    plus, minus = mean.sides(N, rng())
    assert np.allclose(plus - 1.3, 1.3 - minus, atol=1e-14)
    assert not np.allclose(plus - 1.0, 1.0 - minus)

    plus, minus = std.sides(N, rng())
    uniform = (minus - 1.3) / (plus - 1.3)
    one = stats.uniform().cdf
    assert stats.kstest(uniform, one).pvalue > LEAST_P_VALUE
    assert not stats.kstest(uniform**1.1, one).pvalue > LEAST_P_VALUE
    for partner in (plus, np.abs(plus - 1.3)):
        assert unrelated(uniform, partner)
        assert not unrelated(uniform * partner, partner)

    plus, minus = Poisson(2.5).weak_derivatives()[0].sides(N, rng())
    assert (plus - minus == 1).all()

    plus, minus = Exponential(1.6).weak_derivatives()[0].sides(N, rng())
    assert waits(1, 1.6).fits(minus - plus)
    assert unrelated(plus, minus - plus)
    assert not waits(1, 1.6).fits(minus)


@given(
    logits=st.lists(st.floats(-40, 40), min_size=2, max_size=12),
    seed=st.integers(0, 2**32 - 1),
)
def test_arms_and_their_rests(logits: list[float], seed: int) -> None:
    """p_j (1 - p_j), and a rest without the arm, however skewed."""
    dist = Categorical(logits)
    for arm, pair in enumerate(dist.weak_derivatives()):
        shifted = np.exp(np.array(logits) - max(logits))
        rest = np.delete(shifted, arm).sum()
        wanted = shifted[arm] * rest / (shifted[arm] + rest) ** 2
        assert np.isclose(pair.constant, wanted, rtol=1e-11)
        plus, minus = pair.sides(50, rng(seed))
        assert (plus == arm).all()
        assert (minus != arm).all()
        assert ((minus >= 0) & (minus < len(logits))).all()


def test_one_arm_alone_has_no_derivative() -> None:
    est = measure_valued(lambda x: x + 7.0, Categorical([0.3]), 10, rng())
    assert est.gradient.tolist() == [0.0]
    assert est.variance.tolist() == [0.0]


# Finite differences.


@dataclass(frozen=True)
class Move:
    """One parameter and a step; the laws above and below it."""

    dist: Family
    j: int
    step: float
    high: Law
    low: Law
    column: int | None = None

    def __str__(self) -> str:
        return f"{type(self.dist).__name__} {self.dist.parameters[self.j]}"

    def sides(self, coupled: bool) -> tuple[Array, Array]:
        pair = central_differences(self.dist, self.step)[self.j]
        assert np.isclose(pair.constant, 0.5 / self.step, rtol=1e-15)
        sides = pair.draw(N, rng(3), coupled)
        if self.column is None:
            return sides
        return tuple(side[:, self.column] for side in sides)


def coin_law(logit: float) -> Law:
    p = 1 / (1 + np.exp(-logit))
    return table(np.array([1 - p, p]))


def arm_law(*logits: float) -> Law:
    return table(softmax(np.array(logits)))


MOVES = [
    Move(Bernoulli(0.4), 0, 0.3, coin_law(0.7), coin_law(0.1)),
    Move(
        Categorical([0.0, 0.5, -0.3]),
        1,
        0.3,
        arm_law(0.0, 0.8, -0.3),
        arm_law(0.0, 0.2, -0.3),
    ),
    Move(Gaussian(1.3, 0.7), 0, 0.1, NORMAL.at(1.4, 0.7), NORMAL.at(1.2, 0.7)),
    Move(Gaussian(1.3, 0.7), 1, 0.1, NORMAL.at(1.3, 0.8), NORMAL.at(1.3, 0.6)),
    Move(PLANE, 1, 0.2, NORMAL.at(0.0, 1.1), NORMAL.at(-0.4, 1.1), 1),
    Move(PLANE, 5, 0.1, NORMAL.at(4.0, 0.4), NORMAL.at(4.0, 0.2), 2),
    Move(Poisson(2.5), 0, 0.3, poisson(2.8), poisson(2.2)),
    Move(Exponential(1.6), 0, 0.2, waits(1, 1.8), waits(1, 1.4)),
]


@pytest.mark.parametrize("coupled", [True, False])
@pytest.mark.parametrize("move", MOVES, ids=str)
def test_both_sides_of_a_step_follow_their_laws(
    move: Move, coupled: bool
) -> None:
    high, low = move.sides(coupled)
    assert move.high.fits(high)
    assert move.low.fits(low)
    assert not move.high.fits(low)
    assert not move.low.fits(high)
    assert unrelated(high, low) != coupled


def test_common_noise_is_one_noise() -> None:
    mean, std = central_differences(Gaussian(1.3, 0.7), 0.1)
    high, low = mean.sides(N, rng())
    assert np.allclose(high - low, 0.2, atol=1e-14)
    high, low = std.sides(N, rng())
    assert np.allclose((high - 1.3) / 0.8, (low - 1.3) / 0.6, atol=1e-14)
    assert not np.allclose(high, low, atol=0.01)
    high, low = central_differences(Exponential(1.6), 0.2)[0].sides(N, rng())
    assert np.allclose(high * 1.8, low * 1.4, rtol=1e-14)
    for dist in (Bernoulli(0.4), Poisson(2.5)):
        high, low = central_differences(dist, 0.2)[0].sides(N, rng())
        assert (high >= low).all()
        assert (high > low).any()


def test_a_step_moves_one_coordinate_only() -> None:
    for j, pair in enumerate(central_differences(PLANE, 0.1)):
        high, low = pair.sides(100, rng())
        moved = (high != low).any(axis=0)
        assert moved.tolist() == [d == j % 3 for d in range(3)]


@pytest.mark.parametrize("common", [True, False])
def test_common_noise_is_pathwise_as_the_step_shrinks(common: bool) -> None:
    """Term by term, f = cos(2 x): off by step^2; independent, by 1 / step."""
    dist, misses = Gaussian(1.0, 0.6), []
    noise = dist.noise(1000, rng())
    x = dist.transform(noise)
    velocity = [np.ones(1000), noise]
    for step in (1e-1, 1e-2, 1e-3):
        for j, pair in enumerate(central_differences(dist, step)):
            high, low = pair.draw(1000, rng(), common)
            term = pair.constant * (np.cos(2 * high) - np.cos(2 * low))
            slope = -2 * np.sin(2 * x) * velocity[j]
            misses.append(np.abs(term - slope).max())
    first, then, last = np.reshape(misses, (3, 2))
    closer = (then < 0.011 * first) & (last < 0.011 * then)
    farther = (then > 5 * first) & (last > 5 * then)
    assert (closer if common else farther).all()


def square_moments(mean: float) -> Array:
    """Second and fourth cumulants of x^2, x ~ N(mean, 1)."""
    return np.array([2 + 4 * mean**2, 48 + 192 * mean**2])


@pytest.mark.parametrize(("step", "printed"), [(0.1, 302), (0.01, 30_002)])
def test_independent_differences_cost_one_over_step_squared(
    step: float, printed: float, agrees
) -> None:
    n, dist = 100_000, Gaussian(1.0, 1.0)
    second, fourth = square_moments(1 + step) + square_moments(1 - step)
    variance = second / (2 * step) ** 2
    fourth = (fourth + 3 * second**2) / (2 * step) ** 4
    assert np.isclose(variance, printed, rtol=1e-12)
    error = sqrt((fourth - variance**2) / n)
    common, independent = (
        finite_difference(lambda x: x**2, dist, n, rng(), step, shared)
        for shared in (True, False)
    )
    assert agrees(independent.variance[0], printed, error)
    assert agrees(independent.gradient[0], 2.0, sqrt(printed / n))
    assert not agrees(common.variance[0], printed, error)
    assert agrees(common.variance[0], 4.0, sqrt((48 - 16) / n))
    assert agrees(common.variance[1], 12.0, sqrt(20 * 12**2 / n))
    assert not agrees(independent.variance[0], 4.0, sqrt((48 - 16) / n))


def test_a_difference_has_the_bias_that_is_stated(agrees) -> None:
    """f = x^3 at N(1, 1): 3 E x^2 + step^2, which is no E f'."""
    n, step = 100_000, 0.5
    est = finite_difference(lambda x: x**3, Gaussian(1.0, 1.0), n, rng(), step)
    variance = 9 * (10 - 4)
    error = sqrt(variance / n)
    assert agrees(est.gradient[0], 6 + step**2, error)
    assert not agrees(est.gradient[0], 6.0, error)


BAD_STEPS: list[tuple[Family, float, str]] = [
    (Gaussian(1.3, 0.7), 0.7, "takes std out of its range"),
    (Gaussian(1.3, 0.7), 3.0, "step = 3.0 takes std"),
    (Gaussian([0.0, 0.0], [2.0, 0.5]), 1.0, "takes std[1] out"),
    (Poisson(2.5), 2.5, "takes rate out of its range"),
    (Exponential(1.6), 1.7, "step = 1.7 takes rate"),
    (Gaussian(1e10, 1.0), 1e-7, "lost in the rounding of mean = 1000000000"),
    (Gaussian([0.0, 1e10], [1.0, 1.0]), 1e-7, "rounding of mean[1]"),
    (Bernoulli(1e9), 1e-9, "rounding of logit = 1000000000.0"),
    (Categorical([0.0, 1e12]), 1e-6, "rounding of logits[1]"),
    (Poisson(1e8), 1e-10, "rounding of rate"),
    (Gaussian(1.3, 0.7), 0.0, "0.0"),
    (Gaussian(1.3, 0.7), -0.1, "-0.1"),
    (Gaussian(1.3, 0.7), np.nan, "nan"),
    (Gaussian(1.3, 0.7), np.inf, "inf"),
    (Gaussian(1.3, 0.7), "0.1", "'0.1'"),
    (Gaussian(1.3, 0.7), None, "None"),
    (Gaussian(1.3, 0.7), True, "True"),
]


@pytest.mark.parametrize(("dist", "step", "said"), BAD_STEPS)
def test_steps_that_cannot_be_made_are_refused(
    dist: Family, step: float, said: str
) -> None:
    def f(x: Array) -> Array:
        return x.reshape(len(x), -1).sum(axis=1)

    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        central_differences(dist, step)
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        finite_difference(f, dist, 10, rng(), step)


def test_the_largest_step_that_fits_is_taken() -> None:
    assert len(central_differences(Gaussian(1.3, 0.7), 0.699)) == 2
    assert len(central_differences(Poisson(2.5), 2.499)) == 1


# What both estimators have in common.


ESTIMATORS: dict[str, Callable] = {
    "coupled": measure_valued,
    "independent": lambda *common: measure_valued(*common, coupled=False),
    "common": lambda *common: finite_difference(*common, 0.1),
    "difference": lambda *common: finite_difference(*common, 0.1, False),
}
FAMILIES: list[Family] = [
    Bernoulli(0.4),
    Categorical([0.0, 0.5, -0.3]),
    Gaussian(1.3, 0.7),
    PLANE,
    Poisson(2.5),
    Exponential(1.6),
]


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("dist", FAMILIES)
@pytest.mark.parametrize("n", [2, 37, 20_000])
def test_calls_are_two_a_pair_and_parameter(
    name: str, dist: Family, n: int
) -> None:
    asked = []

    def f(x: Array) -> Array:
        asked.append(len(x))
        return x.reshape(len(x), -1).sum(axis=1)

    est, p = ESTIMATORS[name](f, dist, n, rng()), len(dist.parameters)
    assert est.n == n
    assert est.calls == sum(asked) == 2 * n * p
    for part in (est.gradient, est.variance, est.standard_error):
        assert part.shape == (p,)
    assert np.allclose(est.standard_error, np.sqrt(est.variance / n))
    assert np.allclose(
        est.variance_times_calls, est.variance * 2 * p, rtol=1e-12
    )


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_same_seed_gives_the_same_numbers(name: str) -> None:
    first, again, other = (
        ESTIMATORS[name](np.cos, Gaussian(1.3, 0.7), 100, rng(seed))
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first.gradient, again.gradient)
    assert not np.array_equal(first.gradient, other.gradient)


NEED_A_FAMILY: list[Callable[[object], object]] = [
    lambda dist: central_differences(dist, 0.1),
    lambda dist: measure_valued(np.cos, dist, 10, rng()),
    lambda dist: finite_difference(np.cos, dist, 10, rng(), 0.1),
]


@pytest.mark.parametrize("refuses", NEED_A_FAMILY)
@pytest.mark.parametrize("dist", [None, 3.5, stats.norm(), Gaussian])
def test_other_distributions_are_refused(
    refuses: Callable[[object], object], dist: object
) -> None:
    said = "must be a family (logderiv.family), got " + repr(dist)
    with pytest.raises(TypeError, match=re.escape(said)):
        refuses(dist)


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"n": 1}, "got 1"),
    ({"n": 2.5}, "2.5"),
    ({"n": True}, "True"),
    ({"rng": 0}, "got 0"),
    ({"f": None}, "None"),
    ({"f": lambda x: x[:, None]}, "(10, 1)"),
    ({"f": lambda x: np.nan * x}, "nan"),
    ({"coupled": "yes"}, "'yes'"),
    ({"coupled": None}, "None"),
]


@pytest.mark.parametrize(("changes", "said"), REFUSED)
@pytest.mark.parametrize("estimator", [measure_valued, finite_difference])
def test_what_cannot_be_used_is_refused(
    estimator: Callable, changes: dict[str, object], said: str
) -> None:
    right = {
        "f": np.cos,
        "dist": Gaussian(1.0, 1.0),
        "n": 10,
        "rng": rng(),
    }
    given = right | changes
    if estimator is finite_difference:
        given["step"] = 0.1
        if "coupled" in given:
            given["common_random_numbers"] = given.pop("coupled")
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        estimator(**given)
