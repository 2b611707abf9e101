"""Estimators against closed forms, with the standard error known.

Gradients are z-tested with the closed-form variance, |z| < 6. Variances are
z-tested with the standard error that the exact fourth moment of the terms
gives; such a sample variance is skewed, so that a right estimator may fail
a test of this file about once in 1e4 seeds. The seeds are fixed. Biases are
found by enumeration of every sample of a coin, and do not fail by chance.
"""

import re
from collections.abc import Callable
from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from logderiv.expectation import expectation, gradient
from logderiv.identity import (
    Bernoulli,
    Categorical,
    Exponential,
    Family,
    Gaussian,
    Poisson,
)
from logderiv.plain import mean_of_others
from logderiv.sampling import (
    Estimate,
    finite_difference,
    measure_valued,
    pathwise,
    score_check,
    score_function,
)

Payoff = Callable[[np.ndarray], np.ndarray]

N = 100_000
KNOBS = [(1.0, 1.0, 0.0), (1.3, 0.7, 0.4), (-0.5, 1.2, 1.0)]
any_knob = pytest.mark.parametrize("knob", KNOBS)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def hermite(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights: exact means of polynomials under N(0, 1)."""
    z, weight = np.polynomial.hermite_e.hermegauss(count)
    return z, weight / weight.sum()


def central(weight: np.ndarray, terms: np.ndarray) -> tuple[np.ndarray, ...]:
    """Mean, variance and fourth central moment of weighted terms (m, p)."""
    mean = weight @ terms
    return mean, weight @ (terms - mean) ** 2, weight @ (terms - mean) ** 4


def error_of_variance(
    variance: np.ndarray, fourth: np.ndarray, count: int
) -> np.ndarray:
    """Standard error of the sample variance of ``count`` terms."""
    excess = fourth - variance**2 * (count - 3) / (count - 1)
    return np.sqrt(excess / count)


def closed_forms(knob: tuple[float, float, float]) -> dict[str, list[float]]:
    """Variance of one term, for the mean and for the std."""
    mean, std, k = knob
    d, s = mean - k, std
    return {
        "none": [
            d**4 / s**2 + 14 * d**2 + 15 * s**2,
            2 * d**4 / s**2 + 60 * d**2 + 74 * s**2,
        ],
        "constant": [8 * d**2 + 10 * s**2, 40 * d**2 + 56 * s**2],
        "leave-one-out": [8 * d**2 + 10 * s**2, 40 * d**2 + 56 * s**2],
        "optimal": [8 * d**2 + 6 * s**2, 40 * d**2 + 24 * s**2],
        "pathwise": [4 * s**2, 4 * d**2 + 8 * s**2],
    }


def exact_terms(
    name: str, knob: tuple[float, float, float]
) -> tuple[np.ndarray, ...]:
    """Mean, variance and fourth moment of the terms, by Gauss-Hermite."""
    mean, std, k = knob
    d, (z, weight) = mean - k, hermite(12)
    dist, x = Gaussian(mean, std), mean + std * z
    if name == "pathwise":
        return central(weight, dist.path(x, 2 * (x - k)))
    optimal = d**2 + np.array([3, 5]) * std**2
    own = d**2 + std**2
    baseline = {"none": 0.0, "optimal": optimal}.get(name, own)
    value = ((x - k) ** 2)[:, None]
    return central(weight, (value - baseline) * dist.score(x))


NAMES = ["none", "constant", "leave-one-out", "optimal", "pathwise"]


@any_knob
@pytest.mark.parametrize("name", NAMES)
def test_closed_form_variances_are_those_of_the_terms(
    name: str, knob: tuple[float, float, float]
) -> None:
    mean, std, k = knob
    exact = exact_terms(name, knob)
    assert np.allclose(exact[0], [2 * (mean - k), 2 * std], rtol=1e-11)
    assert np.allclose(exact[1], closed_forms(knob)[name], rtol=1e-11)


def test_optimal_is_optimal_for_each_parameter() -> None:
    dist, z, weight = Gaussian(1.3, 0.7), *hermite(12)
    x = 1.3 + 0.7 * z
    value, score = ((x - 0.4) ** 2)[:, None], dist.score(x)
    best = closed_forms(KNOBS[1])["optimal"]
    formula = 0.81 + np.array([3, 5]) * 0.49
    assert np.allclose(
        (weight @ (value * score**2)), formula * (weight @ score**2)
    )
    for shift in (-0.1, 0.1):
        nearby = central(weight, (value - formula - shift) * score)[1]
        assert (nearby > best).all()


ESTIMATES: dict[str, dict[str, object]] = {
    "none": {},
    "constant": {"baseline": 1.5},
    "leave-one-out": {"baseline": "leave-one-out"},
    "groups": {"baseline": "leave-one-out", "group": 2},
    "optimal": {"baseline": "optimal"},
}


class Thrown(Bernoulli):
    """A coin that shows what it is told to, in turn."""

    def __init__(self, logit: float, shows: ArrayLike) -> None:
        super().__init__(logit)
        self._set(shows=np.array(shows))
        self._set(thrown=0)

    def transform(self, noise: np.ndarray) -> np.ndarray:
        places = self.thrown + np.arange(len(noise))
        self._set(thrown=self.thrown + len(noise))
        return self.shows.take(places, mode="wrap")


def mean_over_all_samples(
    estimate: Callable[[Bernoulli], float], coin: Bernoulli, n: int
) -> float:
    """E[estimate], over the 2^n samples a coin may give."""
    total = 0.0
    for outcome in product((0, 1), repeat=n):
        x = np.array(outcome)
        probability = np.exp(coin.log_prob(x).sum())
        total += probability * estimate(Thrown(coin.logit, x))
    return total


def coin_payoff(x: np.ndarray) -> np.ndarray:
    return np.where(x == 1, 3.0, 1.0)


@pytest.mark.parametrize("n", [4, 6])
@pytest.mark.parametrize("name", ESTIMATES)
def test_no_baseline_biases_by_enumeration(name: str, n: int) -> None:
    coin = Bernoulli(0.4)
    mean = mean_over_all_samples(
        lambda coin: score_function(
            coin_payoff, coin, n, rng(), **ESTIMATES[name]
        ).gradient[0],
        coin,
        n,
    )
    assert np.isclose(mean, gradient(coin_payoff, coin)[0], atol=1e-12)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_own_sample_mean_shrinks_by_one_minus_one_over_n(n: int) -> None:
    """The enumeration sees the bias, so it would see one in the code."""
    coin = Bernoulli(0.4)

    def own(coin: Bernoulli) -> float:
        x = coin.sample(n, rng())
        value = coin_payoff(x)
        return ((value - value.mean()) * coin.score(x)[:, 0]).mean()

    def others(coin: Bernoulli) -> float:
        x = coin.sample(n, rng())
        value = coin_payoff(x)[:, None]
        return ((value - mean_of_others(value)) * coin.score(x)).mean()

    truth = gradient(coin_payoff, coin)[0]
    shrunk = mean_over_all_samples(own, coin, n)
    assert np.isclose(shrunk, truth * (1 - 1 / n), atol=1e-12)
    assert np.isclose(mean_over_all_samples(others, coin, n), truth, atol=1e-12)


@given(logit=st.floats(-3, 3), win=st.floats(-9, 9), lose=st.floats(-9, 9))
def test_any_coin_with_its_best_baseline_has_no_variance(
    logit: float, win: float, lose: float
) -> None:
    coin = Bernoulli(logit)
    p = coin.probability
    est = score_function(
        lambda x: np.where(x == 1, win, lose),
        coin,
        200,
        rng(),
        (1 - p) * win + p * lose,
    )
    assert est.variance[0] < 1e-28
    assert np.isclose(est.gradient[0], p * (1 - p) * (win - lose), atol=1e-12)


def exact_variance(
    f: Payoff, dist: Family, baseline: float
) -> tuple[float, float]:
    """Variance and fourth moment of the first parameter's terms."""
    mean = gradient(f, dist)[0]

    def off(x: np.ndarray) -> np.ndarray:
        return (f(x) - baseline) * dist.score(x)[:, 0] - mean

    return (
        expectation(lambda x: off(x) ** 2, dist),
        expectation(lambda x: off(x) ** 4, dist),
    )


HURT: list[tuple[Payoff, Family, int, list[float]]] = [
    (np.cos, Gaussian(1.0, 1.0), 3, [0.324, 0.431]),
    (
        lambda x: (x - 0.3) ** 2,
        Bernoulli(np.log(9.0)),
        5,
        [0.00152, 0.00922],
    ),
]


@pytest.mark.parametrize(("f", "dist", "digits", "printed"), HURT)
def test_the_mean_baseline_can_hurt(
    f: Payoff, dist: Family, digits: int, printed: list[float], agrees
) -> None:
    own = expectation(f, dist)
    for baseline, number in zip((None, own), printed, strict=True):
        variance, fourth = exact_variance(f, dist, baseline or 0.0)
        assert round(variance, digits) == number
        got = score_function(f, dist, N, rng(), baseline).variance[0]
        assert agrees(got, variance, error_of_variance(variance, fourth, N))


def dimensional_moments(size: int, baseline: float) -> tuple[float, float]:
    """Variance and fourth moment of (|x|^2 - b) z_0, x ~ N(1, 1) each.

    The other coordinates enter by the cumulants of a sum of (1 + z)^2.
    """
    z, weight = hermite(12)
    fixed = ((1 + z) ** 2 + 2 * (size - 1) - baseline) * z - 2
    rest = size - 1
    second, third, fourth = 6 * rest, 32 * rest, 240 * rest
    moment = [1, 0, second, third, fourth + 3 * second**2]
    return tuple(
        sum(
            comb(power, k)
            * moment[k]
            * (weight @ (fixed ** (power - k) * z**k))
            for k in range(power + 1)
        )
        for power in (2, 4)
    )


DIMENSIONS = [
    (1, 30, 18),
    (10, 552, 72),
    (100, 41_412, 612),
    (1000, 4_014_012, 6012),
]


@pytest.mark.parametrize(("size", "plain", "with_mean"), DIMENSIONS)
def test_closed_form_variance_in_every_dimension(
    size: int, plain: float, with_mean: float
) -> None:
    assert np.isclose(dimensional_moments(size, 0.0)[0], plain)
    assert np.isclose(dimensional_moments(size, 2.0 * size)[0], with_mean)


@pytest.mark.parametrize(("size", "plain", "with_mean"), DIMENSIONS[:3])
def test_variance_grows_with_the_dimension_and_pathwise_does_not(
    size: int, plain: float, with_mean: float, agrees
) -> None:
    n, dist = 20_000, Gaussian([1.0] * size, [1.0] * size)

    def f(x: np.ndarray) -> np.ndarray:
        return (x**2).sum(axis=1)

    for baseline, printed in ((None, plain), (2.0 * size, with_mean)):
        variance, fourth = dimensional_moments(size, baseline or 0.0)
        est = score_function(f, dist, n, rng(), baseline)
        error = error_of_variance(variance, fourth, n)
        assert agrees(est.variance[:size], printed, error)
        assert agrees(est.gradient[:size], 2.0, np.sqrt(printed / n))
    moved = pathwise(f, dist, n, rng(), lambda x: 2 * x)
    error = error_of_variance(4.0, 3 * 4.0**2, n)
    assert agrees(moved.variance[:size], 4.0, error)
    assert agrees(moved.gradient[:size], 2.0, np.sqrt(4 / n))
    assert agrees(moved.gradient[size:], 2.0, np.sqrt(12 / n))


def test_pathwise_says_zero_of_a_step_and_says_it_surely() -> None:
    est = pathwise(
        lambda x: x > 0, Gaussian(0.5, 1.0), 1000, rng(), np.zeros_like
    )
    assert est.gradient.tolist() == [0.0, 0.0]
    assert est.variance.tolist() == [0.0, 0.0]


def test_pathwise_accepts_a_derivative_with_a_kink() -> None:
    est = pathwise(np.abs, Gaussian(0.1, 1.0), 100, rng(), np.sign)
    assert est.n == 100


RIGHT: list[tuple[Payoff, Family, Payoff]] = [
    (lambda x: x**3, Gaussian(-2.0, 5.0), lambda x: 3 * x**2),
    (np.sin, Gaussian(1e5, 1.0), np.cos),
    (
        lambda x: np.sin(1e6 * x),
        Gaussian(1.0, 1e-6),
        lambda x: 1e6 * np.cos(1e6 * x),
    ),
    (
        lambda x: np.cos(1e6 * x),
        Gaussian(1.0, 1.0),
        lambda x: -1e6 * np.sin(1e6 * x),
    ),
    (
        lambda x: 1e3 + np.sin(3e4 * x),
        Exponential(2.0),
        lambda x: 3e4 * np.cos(3e4 * x),
    ),
    (lambda x: x**200, Gaussian(1.0, 0.01), lambda x: 200 * x**199),
    (lambda x: 1e9 + x, Gaussian(1.0, 1.0), np.ones_like),
    (np.log, Exponential(1e6), lambda x: 1 / x),
    (np.sqrt, Exponential(1e4), lambda x: 0.5 / np.sqrt(x)),
]


@pytest.mark.parametrize(("f", "dist", "derivative"), RIGHT)
def test_pathwise_accepts_right_derivatives_at_any_scale(
    f: Payoff, dist: Family, derivative: Payoff
) -> None:
    with np.errstate(invalid="ignore"):
        assert pathwise(f, dist, 100, rng(), derivative).n == 100


WRONG: list[tuple[Payoff, Family, Payoff]] = [
    (lambda x: x**2, Gaussian(1.0, 1.0), lambda x: -2 * x),
    (lambda x: x**2, Gaussian(1.0, 1.0), lambda x: x**2),
    (lambda x: 1e-4 * x, Gaussian(1.0, 1.0), lambda x: np.full(len(x), -1e-4)),
    (np.sin, Exponential(1.0), np.sin),
    (
        lambda x: np.cos(1e6 * x),
        Gaussian(1.0, 1.0),
        lambda x: 1e6 * np.sin(1e6 * x),
    ),
    (
        lambda x: np.cos(1e6 * x),
        Gaussian(1.0, 1.0),
        lambda x: -1.01e6 * np.sin(1e6 * x),
    ),
    (lambda x: 1e9 + x, Gaussian(1.0, 1.0), lambda x: np.full(len(x), 1e3)),
    (
        lambda x: x[:, 0] ** 2 + 3 * x[:, 1],
        Gaussian([1.0, 1.0], [1.0, 1.0]),
        lambda x: np.stack([3 + 0 * x[:, 0], 2 * x[:, 0]], axis=1),
    ),
]


@pytest.mark.parametrize(("f", "dist", "derivative"), WRONG)
def test_pathwise_refuses_a_derivative_of_something_else(
    f: Payoff, dist: Family, derivative: Payoff
) -> None:
    with pytest.raises(ValueError, match="derivative and f disagree"):
        pathwise(f, dist, 100, rng(), derivative)


@pytest.mark.parametrize(
    "dist", [Bernoulli(0.0), Categorical([0.0, 1.0]), Poisson(2.0)]
)
def test_pathwise_refuses_discrete_families(dist: Family) -> None:
    with pytest.raises(TypeError, match=f"{type(dist).__name__}.*discrete"):
        pathwise(lambda x: x, dist, 100, rng(), np.ones_like)


@pytest.mark.parametrize(
    ("derivative", "said"),
    [
        (lambda x: np.ones(3), "(3,)"),
        (lambda x: 1.0, "()"),
        (lambda x: np.nan * x, "got nan"),
        (None, "None"),
    ],
)
def test_pathwise_refuses_what_is_no_derivative(
    derivative: object, said: str
) -> None:
    dist = Gaussian(1.0, 1.0)
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        pathwise(lambda x: x, dist, 100, rng(), derivative)


FAMILIES: list[Family] = [
    Bernoulli(0.4),
    Categorical([0.0, 0.5, -0.3]),
    Gaussian(1.3, 0.7),
    Gaussian([1.3, -0.2], [0.7, 1.1]),
    Poisson(2.5),
    Exponential(1.6),
]


@pytest.mark.parametrize("name", ESTIMATES)
@pytest.mark.parametrize("dist", FAMILIES)
def test_fields_of_an_estimate(name: str, dist: Family) -> None:
    def f(x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), -1).sum(axis=1)

    first, again, other = (
        score_function(f, dist, 50, rng(seed), **ESTIMATES[name])
        for seed in (1, 1, 2)
    )
    size = (len(dist.parameters),)
    assert first.n == first.calls == 50
    terms = 25 if name == "groups" else 50
    error = np.sqrt(first.variance / terms)
    assert np.allclose(first.standard_error, error)
    for part in (first.gradient, first.variance, first.standard_error):
        assert part.shape == size
    assert np.array_equal(first.gradient, again.gradient)
    if isinstance(dist, Gaussian | Exponential):
        assert not np.array_equal(first.gradient, other.gradient)


def test_calls_of_f_are_counted() -> None:
    asked = []

    def f(x: np.ndarray) -> np.ndarray:
        asked.append(len(x))
        return x**2

    est = score_function(f, Gaussian(1.0, 1.0), 60, rng(), "optimal")
    assert sum(asked) == est.calls == 60


def test_terms_and_variance_by_hand() -> None:
    """Two samples of a coin, 1 and 0, p = 1/2: terms 3/2 and -1/2."""
    coin = Thrown(0.0, [1, 0])
    est = score_function(coin_payoff, coin, 2, rng())
    assert est.gradient.tolist() == [0.5]
    assert est.variance.tolist() == [2.0]
    assert est.standard_error.tolist() == [1.0]
    paired = score_function(coin_payoff, coin, 2, rng(), "leave-one-out")
    assert paired.gradient.tolist() == [1.0]
    assert paired.variance.tolist() == [0.0]


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"baseline": "mean"}, "'mean' contains the sample"),
    ({"baseline": "own-mean"}, "1 - 1/n"),
    ({"baseline": "rloo"}, "'rloo'"),
    ({"baseline": np.cos}, "cos"),
    ({"baseline": np.nan}, "nan"),
    ({"baseline": np.inf}, "inf"),
    ({"baseline": True}, "True"),
    ({"baseline": [1.0]}, "[1.0]"),
    ({"baseline": np.array([1.5, 2.5])}, "[1.5, 2.5]"),
    ({"group": 2}, "baseline None"),
    ({"group": 2, "baseline": 1.0}, "baseline 1.0"),
    ({"group": 2, "baseline": "optimal"}, "'optimal'"),
    ({"group": 3, "baseline": "leave-one-out"}, "n = 10"),
    ({"group": 10, "baseline": "leave-one-out"}, "n = 10"),
    ({"group": 1, "baseline": "leave-one-out"}, "got 1"),
    ({"group": 2.5, "baseline": "leave-one-out"}, "2.5"),
    ({"group": True, "baseline": "leave-one-out"}, "True"),
    ({"n": 1}, "got 1"),
    ({"n": 3, "baseline": "optimal"}, "got 3"),
    ({"n": 2.5}, "2.5"),
    ({"n": True}, "True"),
    ({"rng": 0}, "got 0"),
    ({"rng": np.random}, "numpy.random"),
    ({"f": None}, "None"),
    ({"f": lambda x: x[:, None]}, "(10, 1)"),
    ({"f": lambda x: np.nan * x}, "nan"),
    ({"f": lambda x: 1j * x}, "complex"),
    ({"dist": 3.5}, "3.5"),
]


@pytest.mark.parametrize(("changes", "said"), REFUSED)
def test_score_function_refuses_what_it_cannot_use(
    changes: dict[str, object], said: str
) -> None:
    right = {
        "f": lambda x: x**2,
        "dist": Gaussian(1.0, 1.0),
        "n": 10,
        "rng": rng(),
    }
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        score_function(**(right | changes))


class Uniform:
    """Uniform(0, theta): the support moves, the score is -1/theta."""

    theta = 2.0

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self.theta * rng.random(n)

    def score(self, x: np.ndarray) -> np.ndarray:
        return np.full((len(x), 1), -1 / self.theta)


class Bent:
    """A family of this package whose score has been tampered with."""

    def __init__(
        self, dist: Family, bend: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self.sample = dist.sample
        self.score = lambda x: bend(dist.score(x))


RARE = [Bernoulli(-20.0), Bernoulli(40.0), Categorical([0.0, 30.0])]


@pytest.mark.parametrize("dist", FAMILIES + RARE)
def test_score_check_passes_every_family(dist: Family) -> None:
    found = score_check(dist, rng())
    assert found.passed
    assert found.mean.shape == found.standard_error.shape
    assert found.mean.shape == (len(dist.parameters),)


@pytest.mark.parametrize("seed", range(20))
def test_score_check_passes_seed_after_seed(seed: int) -> None:
    assert score_check(Exponential(1.6), rng(seed), n=5000).passed


def test_score_check_knows_its_standard_error(agrees) -> None:
    dist, n = Gaussian(1.3, 0.7), 100_000
    found = score_check(dist, rng(), n)
    fisher = np.diag(dist.fisher())
    assert agrees(found.mean, 0, np.sqrt(fisher / n))
    fourth = np.array([3, 60]) * (fisher / [1, 2]) ** 2
    error = error_of_variance(fisher, fourth, n)
    assert agrees(n * found.standard_error**2, fisher, error + 1e-12)


def test_score_check_sounds_the_alarm_at_a_moving_support() -> None:
    found = score_check(Uniform(), rng())
    assert not found.passed
    assert np.allclose(found.mean, -0.5)


@pytest.mark.parametrize("dist", FAMILIES)
def test_score_check_rejects_a_shifted_score(dist: Family) -> None:
    assert not score_check(Bent(dist, lambda s: s + 0.1), rng()).passed
    assert not score_check(Bent(dist, np.abs), rng()).passed


class RareCoin:
    """p(1) = 1e-6, the score in p itself: 1 / p for 1, which never comes."""

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return (rng.random(n) < 1e-6).astype(int)

    def score(self, x: np.ndarray) -> np.ndarray:
        return np.where(x == 1, 1e6, -1 / (1 - 1e-6))[:, None]


class KnownCoin(RareCoin):
    def fisher(self) -> np.ndarray:
        return np.array([[1 / (1e-6 * (1 - 1e-6))]])


def test_a_ring_is_no_proof_where_something_rare_was_not_seen() -> None:
    found = score_check(RareCoin(), rng(), n=10_000)
    assert found.standard_error < 1e-15
    assert not found.passed
    assert score_check(KnownCoin(), rng(), n=10_000).passed


@pytest.mark.parametrize("column", [0, 1])
def test_score_check_looks_at_every_parameter(column: int) -> None:
    shift = 0.1 * np.eye(2)[column]
    bent = Bent(Gaussian(1.3, 0.7), lambda s: s + shift)
    assert not score_check(bent, rng()).passed


def test_score_check_refuses_a_score_that_is_not_a_number() -> None:
    bent = Bent(Gaussian(0.0, 1.0), lambda s: s * np.nan)
    with pytest.raises(ValueError, match=r"score must be finite.*got nan"):
        score_check(bent, rng())


@pytest.mark.parametrize(
    ("bend", "said"),
    [
        (lambda s: s[:, 0], "(100,)"),
        (lambda s: s[:50], "(50, 2)"),
        (lambda s: s[:1, :1], "(1, 1)"),
        (lambda s: s * 1j, "complex128"),
        (lambda s: s * np.nan, "got nan"),
    ],
)
def test_a_score_that_does_not_fit_its_samples_is_refused(
    bend: Callable, said: str
) -> None:
    bent = Bent(Gaussian(0.0, 1.0), bend)
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        score_function(lambda x: x, bent, 100, rng())


def test_payoffs_that_change_their_argument_change_nothing_else() -> None:
    def in_place(x: np.ndarray) -> np.ndarray:
        x -= 1
        return x**2

    def in_peace(x: np.ndarray) -> np.ndarray:
        return (x - 1) ** 2

    dist = Gaussian(1.0, 1.0)
    first = score_function(in_place, dist, 100, rng())
    second = score_function(in_peace, dist, 100, rng())
    assert np.array_equal(first.gradient, second.gradient)


def test_derivatives_that_are_half_wrong_are_refused() -> None:
    with pytest.raises(ValueError, match="derivative and f disagree"):
        pathwise(
            lambda x: x**2,
            Gaussian(0.0, 1.0),
            100,
            rng(),
            lambda x: 2 * np.abs(x),
        )


def test_payoffs_that_overflow_are_refused() -> None:
    with pytest.raises(ValueError, match="too large for floats"):
        score_function(lambda x: 1e200 * x, Gaussian(0.0, 1.0), 100, rng(), 0.0)


def test_score_check_cannot_see_a_flipped_sign() -> None:
    """E[-score] is 0 too; differences of p see it, in test_identity."""
    assert score_check(Bent(Gaussian(1.3, 0.7), np.negative), rng()).passed


@pytest.mark.parametrize(
    ("dist", "n", "said"),
    [
        (Bent(Gaussian(0.0, 1.0), lambda s: s[:, 0]), 5000, "(5000,)"),
        (Bent(Gaussian(0.0, 1.0), lambda s: s[:3]), 5000, "(3, 2)"),
        (Gaussian(0.0, 1.0), 1, "got 1"),
        (Gaussian(0.0, 1.0), 2.5, "2.5"),
    ],
)
def test_score_check_refuses_what_it_cannot_use(
    dist: object, n: object, said: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        score_check(dist, rng(), n)


@pytest.mark.parametrize(
    ("estimate", "exact"),
    [
        (
            lambda n: measure_valued(
                lambda x: x > 0, Gaussian(0.0, 1.0), n, rng()
            ),
            1 / np.sqrt(2 * np.pi),
        ),
        (
            lambda n: pathwise(
                lambda x: 0.1 * x,
                Gaussian(0.0, 1.0),
                n,
                rng(),
                lambda x: 0.1 + 0 * x,
            ),
            0.1,
        ),
        (
            lambda n: finite_difference(
                lambda x: 0.1 * x, Gaussian(0.0, 1.0), n, rng(), 1e-3
            ),
            0.1,
        ),
    ],
    ids=["measure", "path", "difference"],
)
def test_terms_without_noise_have_no_error_bar_of_rounding(
    estimate: Callable[[int], Estimate], exact: float
) -> None:
    """The mean is exact to 1e-12; a standard error of 1e-17 would lie."""
    est = estimate(1_000_000)
    assert est.variance[0] == est.standard_error[0] == 0
    assert abs(est.gradient[0] - exact) < 1e-12


def test_a_payoff_may_return_its_own_buffer() -> None:
    buffer = np.empty(100_000)

    def square(x: np.ndarray) -> np.ndarray:
        return np.square(x, out=buffer[: len(x)])

    dist, n = Gaussian(1.0, 1.0), 20_000
    for got, same in (
        (
            measure_valued(square, dist, n, rng()),
            measure_valued(np.square, dist, n, rng()),
        ),
        (
            pathwise(square, dist, n, rng(), lambda x: 2 * x),
            pathwise(np.square, dist, n, rng(), lambda x: 2 * x),
        ),
    ):
        assert np.array_equal(got.gradient, same.gradient)
        assert (got.standard_error > 0).all()


def test_a_family_with_another_score_uses_that_score() -> None:
    """The spread as exp of its parameter: the chain rule, times std."""

    class LogSpread(Gaussian):
        def score(self, x: ArrayLike) -> np.ndarray:
            return super().score(x) * [1.0, self.std]

    def square(x: np.ndarray) -> np.ndarray:
        return x**2

    plain = score_function(square, Gaussian(1.0, 3.0), 1000, rng())
    other = score_function(square, LogSpread(1.0, 3.0), 1000, rng())
    assert np.allclose(other.gradient, plain.gradient * [1, 3])


def test_a_score_that_writes_into_its_argument_does_no_harm() -> None:
    class Careless:
        def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
            return rng.normal(1.0, 1.0, n)

        def score(self, x: np.ndarray) -> np.ndarray:
            x -= 1.0
            return x[:, None]

    def f(x: np.ndarray) -> np.ndarray:
        return (x - 2) ** 2

    for group in (None, 10):
        baseline = "leave-one-out" if group else None
        est = score_function(f, Careless(), N, rng(), baseline, group)
        assert abs(est.gradient[0] + 2) < 6 * est.standard_error[0]


@pytest.mark.parametrize(
    "fisher", [np.ones(2), np.eye(3), 1.0, np.ones((1, 1))]
)
def test_score_check_refuses_a_fisher_of_another_shape(fisher: object) -> None:
    dist = Bent(Gaussian(0.0, 1.0), lambda s: s)
    dist.fisher = lambda: fisher
    with pytest.raises(
        ValueError, match=r"fisher\(\) must have shape \(2, 2\)"
    ):
        score_check(dist, rng())


def test_payoffs_too_small_for_their_squares_are_refused() -> None:
    with pytest.raises(ValueError, match="too small for floats"):
        score_function(lambda x: 1e-200 * x, Gaussian(0.0, 1.0), 1000, rng())


@pytest.mark.slow
@pytest.mark.parametrize(("n", "share"), [(2, 0.71), (5, 0.94)])
def test_leave_one_out_understates_its_error_at_small_n(
    n: int, share: float
) -> None:
    """As the docstring of Estimate says, for f = x."""
    source, found = rng(), []
    for _ in range(20_000):
        est = score_function(
            lambda x: x, Gaussian(1.0, 1.0), n, source, "leave-one-out"
        )
        found.append((est.gradient[0], est.standard_error[0] ** 2))
    gradients, squares = np.transpose(found)
    assert abs(np.sqrt(squares.mean() / gradients.var()) - share) < 0.02
