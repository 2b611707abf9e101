"""The plain estimators and those behind the door: the same numbers.

Both draw in the same order, so that from one seed, within one block, their
terms are the same. Blocks change the order of the draws of pairs and halves;
there the two are held together by a z-test with the measured error of both.
What the numbers should be is proved of the latter, in `test_exact_table`.
"""

import inspect
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logderiv import plain, sampling
from logderiv.checks import Floats
from logderiv.family import Family
from logderiv.identity import (
    Bernoulli,
    Categorical,
    Exponential,
    Gaussian,
    Poisson,
)

Array = np.ndarray

logit = st.floats(-4, 4)
spread = st.floats(0.2, 5)
FAMILIES = {
    "Bernoulli": st.builds(Bernoulli, logit),
    "Categorical": st.builds(Categorical, st.lists(logit, min_size=2)),
    "Gaussian": st.builds(Gaussian, logit, spread),
    "Gaussian, 3 wide": st.builds(
        Gaussian,
        *[st.lists(s, min_size=3, max_size=3) for s in (logit, spread)],
    ),
    "Poisson": st.builds(Poisson, st.floats(0.5, 50)),
    "Exponential": st.builds(Exponential, st.floats(0.5, 5)),
}
ESTIMATORS: dict[str, tuple[str, dict[str, object]]] = {
    "none": ("score_function", {}),
    "constant": ("score_function", {"baseline": 1.5}),
    "leave-one-out": ("score_function", {"baseline": "leave-one-out"}),
    "optimal": ("score_function", {"baseline": "optimal"}),
    "measure": ("measure_valued", {}),
    "measure, independent": ("measure_valued", {"coupled": False}),
    "difference": ("finite_difference", {"step": 0.1}),
    "difference, independent": (
        "finite_difference",
        {"step": 0.1, "common_random_numbers": False},
    ),
    "pathwise": ("pathwise", {"derivative": lambda x: -np.sin(x)}),
}
CASES = [
    (family, estimator)
    for family in FAMILIES
    for estimator in ESTIMATORS
    if estimator != "pathwise" or family.startswith(("Gauss", "Expo"))
]


# Their draws come in another order where there are more blocks than one.
ORDERED = [
    "optimal",
    "measure",
    "measure, independent",
    "difference",
    "difference, independent",
]


def payoff(x: Array) -> Floats:
    return np.cos(x).reshape(len(x), -1).sum(axis=1)


def both(
    estimator: str, dist: Family, n: int, seed: int
) -> tuple[Floats, sampling.Estimate]:
    """The plain terms, and the estimate, from one seed."""
    name, settings = ESTIMATORS[estimator]
    terms, estimate = (
        getattr(module, name)(
            payoff, dist, n, np.random.default_rng(seed), **settings
        )
        for module in (plain, sampling)
    )
    return terms, estimate


def close(estimate: Floats, wanted: Floats, size: Floats) -> bool:
    return bool((np.abs(estimate - wanted) <= 1e-9 * size + 1e-12).all())


@pytest.mark.parametrize(("family", "estimator"), CASES)
@given(data=st.data(), n=st.integers(4, 200), seed=st.integers(0, 2**32 - 1))
def test_both_give_the_same_gradient_and_variance(
    family: str, estimator: str, data: st.DataObject, n: int, seed: int
) -> None:
    terms, estimate = both(estimator, data.draw(FAMILIES[family]), n, seed)
    size = np.abs(terms).max(axis=0)
    assert terms.shape == (n, len(estimate.gradient))
    assert close(estimate.gradient, terms.mean(axis=0), size)
    assert close(estimate.variance, terms.var(axis=0, ddof=1), size**2)


@pytest.mark.parametrize("estimator", ["none", "optimal", "measure"])
def test_the_comparison_sees_a_term_that_is_wrong(estimator: str) -> None:
    terms, estimate = both(estimator, Gaussian(1.0, 1.0), 100, 0)
    terms[0] *= 1 + 1e-6
    assert not close(
        estimate.gradient, terms.mean(axis=0), np.abs(terms).max(axis=0)
    )


@pytest.mark.parametrize(
    "dist",
    [
        Categorical(-0.1 * np.arange(20)),
        Gaussian([1.3, -0.2], [0.7, 1.1]),
        Poisson(2.5),
        Exponential(1.6),
    ],
)
@pytest.mark.parametrize("estimator", ORDERED)
def test_many_blocks_are_as_one(dist: Family, estimator: str) -> None:
    """|z| < 6, of gradients and of variances."""
    n = 70_000
    terms, _ = both(estimator, dist, n, 1)
    _, estimate = both(estimator, dist, n, 2)
    error = np.hypot(estimate.standard_error, terms.std(axis=0) / np.sqrt(n))
    off = np.abs(estimate.gradient - terms.mean(axis=0))
    assert (off <= 6 * error + 1e-12).all()
    fourth = ((terms - terms.mean(axis=0)) ** 4).mean(axis=0)
    spread = np.sqrt(2 * fourth / n)
    off = np.abs(estimate.variance - terms.var(axis=0))
    assert (off <= 6 * spread + 1e-12).all()


def others_by_hand(values: Array, mask: Array) -> Array:
    wanted = np.zeros(values.shape)
    for i, t in np.argwhere(mask):
        others = [
            values[j, t] for j in range(len(values)) if j != i and mask[j, t]
        ]
        wanted[i, t] = np.mean(others) if others else 0.0
    return wanted


@given(
    n=st.integers(1, 5), time=st.integers(1, 4), seed=st.integers(0, 2**32 - 1)
)
def test_the_mean_of_the_others_never_sees_its_own(
    n: int, time: int, seed: int
) -> None:
    """With a mask and without, (n, T) and (n,); nan where nothing is real."""
    rng = np.random.default_rng(seed)
    values, mask = rng.normal(size=(n, time)), rng.random((n, time)) < 0.7
    hidden = np.where(mask, values, np.nan)
    wanted = others_by_hand(values, mask)
    assert np.allclose(plain.mean_of_others(hidden, mask), wanted)
    everyone = others_by_hand(values, np.ones_like(mask))
    assert np.allclose(plain.mean_of_others(values), everyone)
    assert np.allclose(plain.mean_of_others(values[:, 0]), everyone[:, 0])
    own = values.mean(axis=0) + 0 * values
    assert n == 1 or not np.allclose(plain.mean_of_others(values), own)


PUBLIC: list[Callable] = [
    function
    for _, function in inspect.getmembers(plain, inspect.isfunction)
    if function.__module__ == plain.__name__
]


@pytest.mark.parametrize("function", PUBLIC, ids=lambda f: f.__name__)
def test_it_stays_plain(function: Callable) -> None:
    """A docstring of one line, and a body that fits below it."""
    lines = inspect.getsource(function).splitlines()
    (doc,) = [i for i, line in enumerate(lines) if '"""' in line]
    assert lines[doc].count('"""') == 2
    assert 1 <= len(lines) - doc - 1 <= 8
