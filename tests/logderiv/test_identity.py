"""Families against torch, scipy, finite differences and quadrature.

Everything is exact but the moments of samples: z-tests with the known
standard error, |z| < 6. A right sampler fails less than once in 1e6 seeds
(variances of a Poisson or an exponential are a little skewed), and the
seeds are fixed.
"""

import re
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import distributions as td

from logderiv.expectation import expectation, gradient
from logderiv.identity import (
    Bernoulli,
    Categorical,
    Exponential,
    Family,
    Gaussian,
    Poisson,
)

MAKE: dict[str, Callable[[np.ndarray], Family]] = {
    "bernoulli": lambda t: Bernoulli(logit=t[0]),
    "categorical": lambda t: Categorical(logits=t),
    "gaussian": lambda t: Gaussian(mean=t[0], std=t[1]),
    "gaussians": lambda t: Gaussian(
        mean=t[: len(t) // 2], std=t[len(t) // 2 :]
    ),
    "poisson": lambda t: Poisson(rate=t[0]),
    "exponential": lambda t: Exponential(rate=t[0]),
}
TORCH: dict[str, Callable[[torch.Tensor], td.Distribution]] = {
    "bernoulli": lambda t: td.Bernoulli(logits=t[0]),
    "categorical": lambda t: td.Categorical(logits=t),
    "gaussian": lambda t: td.Normal(t[0], t[1]),
    "gaussians": lambda t: td.Independent(
        td.Normal(t[: len(t) // 2], t[len(t) // 2 :]), 1
    ),
    "poisson": lambda t: td.Poisson(t[0]),
    "exponential": lambda t: td.Exponential(t[0]),
}
THETA: dict[str, list[float]] = {
    "bernoulli": [0.4],
    "categorical": [0.0, 0.5, -0.3],
    "gaussian": [1.3, 0.7],
    "gaussians": [1.3, -0.2, 0.5, 0.7, 1.1, 2.0],
    "poisson": [2.5],
    "exponential": [1.6],
}
NAMES = list(MAKE)
DISCRETE = ["bernoulli", "categorical", "poisson"]
ONE_DIMENSIONAL = [name for name in NAMES if name != "gaussians"]

location = st.floats(-100, 100)
positive = st.floats(0.01, 100)
logit = st.floats(-20, 20)
DRAW: dict[str, st.SearchStrategy] = {
    "bernoulli": st.tuples(logit),
    "categorical": st.lists(logit, min_size=1, max_size=6),
    "gaussian": st.tuples(location, positive),
    "gaussians": st.tuples(location, location, positive, positive),
    "poisson": st.tuples(positive),
    "exponential": st.tuples(positive),
}

any_family = pytest.mark.parametrize("name", NAMES)


def example(name: str) -> Family:
    return MAKE[name](np.array(THETA[name]))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def autograd_score(name: str, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
    rows = []
    for one in torch.tensor(x, dtype=torch.float64):
        leaf = torch.tensor(theta, requires_grad=True)
        TORCH[name](leaf).log_prob(one).sum().backward()
        rows.append(leaf.grad.numpy())
    return np.array(rows)


def same(left: np.ndarray, right: np.ndarray) -> bool:
    """Equal up to the rounding of two right computations in float64."""
    return np.allclose(left, right, rtol=1e-9, atol=1e-9)


@any_family
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_score_and_log_prob_are_those_of_torch(
    name: str, data: st.DataObject, seed: int
) -> None:
    theta = np.array(data.draw(DRAW[name]), dtype=float)
    dist = MAKE[name](theta)
    x = dist.sample(4, rng(seed))
    twin = TORCH[name](torch.tensor(theta))
    log_prob = twin.log_prob(torch.tensor(x, dtype=torch.float64))
    assert same(dist.log_prob(x), log_prob.numpy())
    assert same(dist.score(x), autograd_score(name, theta, x))


@any_family
def test_autograd_check_rejects_wrong_scores(name: str) -> None:
    dist, x = example(name), example(name).sample(4, rng())
    truth = autograd_score(name, np.array(THETA[name]), x)
    score = dist.score(x)
    assert not same(-score, truth)
    assert not same(score + 1e-6, truth)


def slope_of_p(name: str, x: np.ndarray) -> np.ndarray:
    """Central differences of p in each parameter, of fourth order."""
    theta, step = np.array(THETA[name]), 1e-3

    def p(shift: np.ndarray) -> np.ndarray:
        return np.exp(MAKE[name](theta + shift).log_prob(x))

    columns = [
        (8 * (p(h) - p(-h)) - (p(2 * h) - p(-2 * h))) / (12 * step)
        for h in step * np.eye(len(theta))
    ]
    return np.stack(columns, axis=1)


@any_family
def test_p_times_score_is_the_slope_of_p(name: str) -> None:
    """Both errors of the difference, h^4 and 1e-16 / h, are below 1e-9."""
    dist, x = example(name), example(name).sample(50, rng())
    p, score = np.exp(dist.log_prob(x))[:, None], dist.score(x)
    slope = slope_of_p(name, x)
    assert same(p * score, slope)
    assert not same(-p * score, slope)
    assert not same(score, slope)
    assert not same(p**2 * score, slope)


def test_log_prob_is_that_of_scipy() -> None:
    p = np.exp([0.0, 0.5, -0.3])
    cases = [
        ("bernoulli", stats.bernoulli(1 / (1 + np.exp(-0.4))).logpmf),
        ("categorical", lambda x: np.log(p / p.sum())[x]),
        ("gaussian", stats.norm(1.3, 0.7).logpdf),
        (
            "gaussians",
            stats.multivariate_normal(
                [1.3, -0.2, 0.5], np.diag([0.7, 1.1, 2.0]) ** 2
            ).logpdf,
        ),
        ("poisson", stats.poisson(2.5).logpmf),
        ("exponential", stats.expon(scale=1 / 1.6).logpdf),
    ]
    for name, log_prob in cases:
        x = example(name).sample(20, rng())
        assert same(example(name).log_prob(x), log_prob(x)), name


def test_extreme_logits_keep_their_precision() -> None:
    """A naive 1 - p is 0 here, and its log -inf."""
    far = Bernoulli(-800.0)
    assert far.log_prob([0, 1]).tolist() == [0.0, -800.0]
    tiny = np.exp(-40.0)
    assert np.allclose(Bernoulli(40.0).score([1]), tiny, rtol=1e-9, atol=0)
    assert np.allclose(Bernoulli(40.0).fisher(), tiny, rtol=1e-9, atol=0)
    assert Categorical([0.0, 1000.0]).log_prob([0]).tolist() == [-1000.0]


OUTSIDE = {
    "bernoulli": [-1, 2, 0.5, np.inf, -np.inf],
    "categorical": [-1, 3, 0.5, np.inf, -np.inf],
    "gaussian": [np.inf, -np.inf],
    "poisson": [-1, 0.5, np.inf, -np.inf],
    "exponential": [-1e-9, -3, np.inf, -np.inf],
}


@pytest.mark.parametrize(
    ("name", "x"), [(name, x) for name in OUTSIDE for x in OUTSIDE[name]]
)
def test_outside_the_support(name: str, x: float) -> None:
    dist = example(name)
    assert dist.log_prob([x]).tolist() == [-np.inf]
    with pytest.raises(ValueError, match=re.escape(f"{float(x):g}")):
        dist.score([x])


@any_family
def test_one_stray_sample_is_named_among_good_ones(name: str) -> None:
    dist = example(name)
    x = dist.sample(5, rng()).astype(float)
    x[3] = np.nan
    for method in (dist.log_prob, dist.score):
        with pytest.raises(ValueError, match="nan at row 3"):
            method(x)


@pytest.mark.parametrize("name", ONE_DIMENSIONAL)
def test_mean_score_is_zero_and_mean_square_is_fisher(name: str) -> None:
    dist = example(name)
    for i in range(len(dist.parameters)):
        assert same(expectation(lambda x, i=i: dist.score(x)[:, i], dist), 0)
        for j in range(len(dist.parameters)):
            product = expectation(
                lambda x, i=i, j=j: dist.score(x)[:, i] * dist.score(x)[:, j],
                dist,
            )
            assert same(product, dist.fisher()[i, j])


def test_fisher_closed_forms() -> None:
    p = 1 / (1 + np.exp(-0.4))
    assert same(Bernoulli(0.4).fisher(), [[p * (1 - p)]])
    assert same(Gaussian(1.3, 0.7).fisher(), np.diag([1, 2]) / 0.49)
    assert same(Poisson(2.5).fisher(), [[0.4]])
    assert same(Exponential(1.6).fisher(), [[1.6**-2]])


def test_coordinates_are_independent_gaussians() -> None:
    both = Gaussian([1.3, -0.2], [0.7, 1.1])
    ones = [Gaussian(1.3, 0.7), Gaussian(-0.2, 1.1)]
    x = both.sample(10, rng())
    parts = [one.score(x[:, d]) for d, one in enumerate(ones)]
    columns = [part[:, k] for k in (0, 1) for part in parts]
    log_p = sum(one.log_prob(x[:, d]) for d, one in enumerate(ones))
    assert same(both.score(x), np.stack(columns, axis=1))
    assert same(both.log_prob(x), log_p)
    moves = [one.path(x[:, d], x[:, d]) for d, one in enumerate(ones)]
    columns = [move[:, k] for k in (0, 1) for move in moves]
    assert same(both.path(x, x), np.stack(columns, axis=1))
    diagonal = [one.fisher()[k, k] for k in (0, 1) for one in ones]
    assert same(both.fisher(), np.diag(diagonal))


def test_parameters_name_the_columns_of_the_score() -> None:
    assert example("bernoulli").parameters == ("logit",)
    assert example("categorical").parameters == (
        "logits[0]",
        "logits[1]",
        "logits[2]",
    )
    assert example("gaussian").parameters == ("mean", "std")
    assert Gaussian([0.0, 1.0], [1.0, 1.0]).parameters == (
        "mean[0]",
        "mean[1]",
        "std[0]",
        "std[1]",
    )
    assert example("poisson").parameters == ("rate",)
    assert example("exponential").parameters == ("rate",)


@any_family
@given(n=st.integers(1, 20))
def test_the_sample_axis_comes_first(name: str, n: int) -> None:
    dist = example(name)
    x, p = dist.sample(n, rng()), len(THETA[name])
    assert x.shape == ((n, 3) if name == "gaussians" else (n,))
    assert np.issubdtype(x.dtype, np.integer) == (name in DISCRETE)
    assert dist.log_prob(x).shape == (n,)
    assert dist.score(x).shape == (n, p) == (n, len(dist.parameters))
    assert dist.fisher().shape == (p, p)


@any_family
def test_lists_and_numpy_scalars_are_welcome(name: str) -> None:
    dist = example(name)
    x = dist.sample(5, rng())
    assert same(dist.score(x.tolist()), dist.score(x))
    assert same(dist.log_prob(x.astype(float)), dist.log_prob(x))


def test_one_coordinate_keeps_its_axis() -> None:
    dist = Gaussian([1.0], [2.0])
    assert dist.sample(4, rng()).shape == (4, 1)
    assert dist.parameters == ("mean[0]", "std[0]")


def test_lists_are_copied_at_the_door() -> None:
    logits = np.zeros(3)
    dist = Categorical(logits)
    logits[0] = 9.0
    assert same(dist.logits, 0)


@any_family
def test_same_seed_same_samples_other_seed_others(name: str) -> None:
    dist = example(name)
    first, again, other = (dist.sample(50, rng(s)) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def moments(name: str) -> tuple[float, float, float]:
    """Mean, variance and fourth central moment of a family's example."""
    if name == "bernoulli":
        twin = stats.bernoulli(1 / (1 + np.exp(-0.4)))
    else:
        twin = {
            "gaussian": stats.norm(1.3, 0.7),
            "poisson": stats.poisson(2.5),
            "exponential": stats.expon(scale=1 / 1.6),
        }[name]
    mean, variance, kurtosis = (float(m) for m in twin.stats("mvk"))
    return mean, variance, (kurtosis + 3) * variance**2


@pytest.mark.parametrize(
    "name", ["bernoulli", "gaussian", "poisson", "exponential"]
)
def test_samples_have_the_right_mean_and_variance(name: str, agrees) -> None:
    n = 100_000
    x = example(name).sample(n, rng(3))
    mean, variance, fourth = moments(name)
    assert agrees(x.mean(), mean, np.sqrt(variance / n))
    square = (x - mean) ** 2
    assert agrees(square.mean(), variance, np.sqrt((fourth - variance**2) / n))
    wrong = x + 0.05 * np.sqrt(variance)
    assert not agrees(wrong.mean(), mean, np.sqrt(variance / n))


def test_categories_come_up_as_often_as_they_should(agrees) -> None:
    n, dist = 100_000, example("categorical")
    share = np.bincount(dist.sample(n, rng()), minlength=3) / n
    p = np.exp(dist.log_prob([0, 1, 2]))
    assert agrees(share, p, np.sqrt(p * (1 - p) / n))
    assert not agrees(share[::-1], p, np.sqrt(p * (1 - p) / n))


def test_coordinates_are_sampled_independently(agrees) -> None:
    n = 100_000
    dist = example("gaussians")
    z = (dist.sample(n, rng()) - dist.mean) / dist.std
    assert agrees(z.T @ z / n, np.eye(3), np.sqrt((1 + np.eye(3)) / n))
    assert agrees(z.mean(axis=0), 0, np.sqrt(1 / n))


BAD_PARAMETERS: list[tuple[Callable[[], Family], str]] = [
    (lambda: Bernoulli(np.nan), "nan"),
    (lambda: Bernoulli(-np.inf), "-inf"),
    (lambda: Bernoulli("0.5"), "'0.5'"),
    (lambda: Bernoulli(True), "True"),
    (lambda: Bernoulli(None), "None"),
    (lambda: Bernoulli([0.5]), "[0.5]"),
    (lambda: Bernoulli(1j), "1j"),
    (lambda: Categorical(0.5), "()"),
    (lambda: Categorical([]), "(0,)"),
    (lambda: Categorical([[0.0, 1.0]]), "(1, 2)"),
    (lambda: Categorical([0.0, np.nan]), "nan"),
    (lambda: Categorical([0.0, np.inf]), "inf"),
    (lambda: Categorical("abc"), "'abc'"),
    (lambda: Categorical(["1", "2"]), "'1'"),
    (lambda: Categorical(np.array([1j, 2.0])), "1.j"),
    (lambda: Categorical([[0.0], [1.0, 2.0]]), "[[0.0], [1.0, 2.0]]"),
    (lambda: Gaussian(0.0, -1.0), "-1.0"),
    (lambda: Gaussian(0.0, 0.0), "0.0"),
    (lambda: Gaussian(np.nan, 1.0), "nan"),
    (lambda: Gaussian(0.0, np.inf), "inf"),
    (lambda: Gaussian("0", 1.0), "'0'"),
    (lambda: Gaussian([0.0, 0.0], 1.0), "()"),
    (lambda: Gaussian(0.0, [1.0, 1.0]), "()"),
    (lambda: Gaussian([0.0, 0.0], [1.0, 1.0, 1.0]), "(3,)"),
    (lambda: Gaussian([0.0, 0.0], [1.0, -2.0]), "-2.0"),
    (lambda: Gaussian([0.0, np.nan], [1.0, 1.0]), "nan"),
    (lambda: Gaussian([[0.0]], [[1.0]]), "(1, 1)"),
    (lambda: Gaussian([], []), "(0,)"),
    (lambda: Poisson(0.0), "0.0"),
    (lambda: Poisson(-1.5), "-1.5"),
    (lambda: Poisson(np.inf), "inf"),
    (lambda: Poisson("2"), "'2'"),
    (lambda: Exponential(0), "0"),
    (lambda: Exponential(-1.5), "-1.5"),
    (lambda: Exponential(np.nan), "nan"),
    (lambda: Exponential([1.0]), "[1.0]"),
]


@pytest.mark.parametrize(("make", "said"), BAD_PARAMETERS)
def test_bad_parameters_are_refused_with_what_they_were(
    make: Callable[[], Family], said: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        make()


@any_family
@pytest.mark.parametrize("n", [0, -1, 2.5, 3.0, True, "3", None])
def test_bad_sample_sizes_are_refused(name: str, n: object) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(f"{n!r}")):
        example(name).sample(n, rng())


@any_family
@pytest.mark.parametrize(
    ("source", "said"),
    [
        (0, "got 0"),
        (None, "None"),
        (np.random, "module 'numpy.random'"),
        (np.random.RandomState(0), "RandomState"),
    ],
)
def test_only_a_generator_is_a_source_of_randomness(
    name: str, source: object, said: str
) -> None:
    with pytest.raises(TypeError, match=said):
        example(name).sample(3, source)


@any_family
@pytest.mark.parametrize(
    ("x", "said"),
    [
        ("a", "'a'"),
        ([None], "None"),
        ([1j], "1j"),
        (1.0, "()"),
        (np.zeros((2, 2)), "(2, 2)"),
        (np.zeros((2, 3, 1)), "(2, 3, 1)"),
    ],
)
def test_bad_samples_are_refused(name: str, x: object, said: str) -> None:
    for method in (example(name).log_prob, example(name).score):
        with pytest.raises((TypeError, ValueError), match=re.escape(said)):
            method(x)


@pytest.mark.parametrize("mean", [1.0, -1e8, 1e150])
def test_a_spread_that_the_mean_swallows_is_refused(mean: float) -> None:
    Gaussian(mean, 1e-11 * abs(mean))
    with pytest.raises(ValueError, match="lost in the rounding of mean"):
        Gaussian(mean, 1e-13 * abs(mean))
    with pytest.raises(ValueError, match="lost in the rounding of mean"):
        Gaussian([0.0, mean], [1.0, 1e-13 * abs(mean)])


@pytest.mark.parametrize("rate", [1e-100, 0.3, 16.5, 2e5, 1e9, 1e12, 1e15])
def test_poisson_log_prob_against_many_digits(rate: float) -> None:
    """Where terms as large as the rate would cancel."""
    spread = np.arange(-4, 5) * np.sqrt(rate)
    x = np.unique(np.floor(np.maximum(rate + spread, 0)))
    x = np.concatenate([x, [0, 1, 15, 16, 17, 1000]])
    with mpmath.workdps(60):
        exact = [
            float(k * mpmath.log(rate) - rate - mpmath.loggamma(k + 1))
            for k in map(mpmath.mpf, x)
        ]
    assert np.allclose(Poisson(rate).log_prob(x), exact, rtol=2e-9, atol=1e-9)


@pytest.mark.parametrize("rate", [2e5, 9e5])
def test_large_rates_have_exact_sums(rate: float) -> None:
    dist = Poisson(rate)
    assert np.isclose(gradient(lambda x: x * 1.0, dist)[0], 1.0, rtol=1e-9)
