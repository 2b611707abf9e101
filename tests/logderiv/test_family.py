"""A family that is added by CONTRIBUTING alone, and what a family must say."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from logderiv import plain, sampling
from logderiv.comparison import compare
from logderiv.expectation import expectation, gradient
from logderiv.family import Family
from logderiv.identity import Bernoulli, Exponential, Gaussian
from logderiv.sampling import (
    finite_difference,
    measure_valued,
    pathwise,
    score_check,
    score_function,
)

Array = np.ndarray

GUIDE = Path(__file__).parents[2] / "CONTRIBUTING.md"


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def geometric() -> type[Family]:
    (text,) = re.findall(
        r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL
    )
    namespace: dict[str, object] = {"__name__": "geometric"}
    exec(compile(text, str(GUIDE), "exec"), namespace)
    return namespace["Geometric"]


def test_samples_follow_its_law(geometric: type[Family]) -> None:
    x = geometric(0.3).sample(100_000, rng())
    seen = np.append(np.bincount(x, minlength=20)[:20], (x >= 20).sum())
    p = stats.geom(0.3, loc=-1).pmf(np.arange(20))
    p = np.append(p, 1 - p.sum())
    assert stats.chisquare(seen, p * len(x)).pvalue > 1e-6
    assert not stats.chisquare(np.roll(seen, 1), p * len(x)).pvalue > 1e-6


def test_its_score_is_the_slope_of_log_prob(
    geometric: type[Family],
) -> None:
    x, dist, h = np.arange(30), geometric(0.3), 1e-5
    up, down = (dist.moved(0, move).log_prob(x) for move in (h, -h))
    assert np.allclose(dist.score(x)[:, 0], (up - down) / (2 * h), rtol=1e-7)
    p = np.exp(dist.log_prob(dist.outcomes()))
    score = dist.score(dist.outcomes())
    assert np.isclose(p.sum(), 1, rtol=1e-12)
    assert np.allclose(p @ score**2, dist.fisher())


def test_its_exact_answers(geometric: type[Family]) -> None:
    """E x = (1 - q) / q, d/dq = -1 / q^2."""
    dist = geometric(0.3)
    assert np.isclose(expectation(lambda x: x, dist), 0.7 / 0.3)
    assert np.isclose(gradient(lambda x: x, dist)[0], -1 / 0.09)


def test_every_estimator_takes_it(geometric: type[Family]) -> None:
    dist, f = geometric(0.3), lambda x: np.cos(x / 2.0)
    assert score_check(dist, rng()).passed
    rows = compare(f, dist, 200_000, rng(), 0.01).rows
    assert [row.verdict for row in rows] == ["yes"] * 7
    for estimator, settings in (
        ("score_function", {"baseline": "optimal"}),
        ("measure_valued", {}),
        ("finite_difference", {"step": 0.01}),
    ):
        terms, fast = (
            getattr(module, estimator)(f, dist, 1000, rng(), **settings)
            for module in (plain, sampling)
        )
        assert np.allclose(terms.mean(axis=0), fast.gradient)


def test_a_wrong_score_is_convicted(geometric: type[Family]) -> None:
    class Flipped(geometric):
        def score(self, x: Array) -> Array:
            return super().score(x) + 0.1

    assert not score_check(Flipped(0.3), rng()).passed


def test_it_refuses_what_the_others_refuse(geometric: type[Family]) -> None:
    dist = geometric(0.3)
    with pytest.raises(ValueError, match=r"got x = -1"):
        dist.score([-1])
    with pytest.raises(ValueError, match=r"got 1\.5"):
        geometric(1.5)
    with pytest.raises(TypeError, match=r"Geometric.*discrete"):
        pathwise(lambda x: x, dist, 10, rng(), np.ones_like)
    with pytest.raises(ValueError, match=r"out of its range"):
        finite_difference(lambda x: x, dist, 10, rng(), 0.5)


@dataclass(frozen=True, eq=False)
class Silent(Family):
    """Uniform on {0, ..., 3}, whatever theta is, and no more is said."""

    theta: float = 0.0
    parameters = ("theta",)

    def noise(self, n: int, rng: np.random.Generator) -> Array:
        return rng.integers(0, 4, n)

    def transform(self, noise: Array) -> Array:
        return noise

    def log_prob(self, x: Array) -> Array:
        return np.full(len(x), -np.log(4))

    def score(self, x: Array) -> Array:
        return np.zeros((len(x), 1))

    def fisher(self) -> Array:
        return np.zeros((1, 1))


def test_what_a_family_does_not_say_is_named() -> None:
    est = score_function(lambda x: x, Silent(), 100, rng())
    assert est.gradient.tolist() == [0.0]
    with pytest.raises(TypeError, match=r"Silent.* weak derivatives"):
        measure_valued(lambda x: x, Silent(), 10, rng())
    with pytest.raises(TypeError, match=r"Silent.* no path"):
        pathwise(lambda x: x, Silent(), 10, rng(), np.ones_like)
    with pytest.raises(TypeError, match=r"Silent.* no knots"):
        expectation(lambda x: x, Silent())


def test_a_family_that_says_too_little_cannot_be_made() -> None:
    class Mute(Family):
        parameters = ("theta",)

    with pytest.raises(TypeError, match="abstract"):
        Mute()


@pytest.mark.parametrize(
    ("dist", "listed"),
    [(Bernoulli(0.3), 2), (Gaussian(0.0, 1.0), 0), (Exponential(2.0), 0)],
)
def test_outcomes_are_listed_where_they_can_be(
    dist: Family, listed: int
) -> None:
    outcomes = dist.outcomes()
    assert (0 if outcomes is None else len(outcomes)) == listed


def test_a_path_of_another_shape_is_refused() -> None:
    class Flat(Exponential):
        def path(self, x: Array, slope: Array) -> Array:
            return super().path(x, slope)[:, 0]

    with pytest.raises(
        ValueError, match=r"dist.path must have shape \(10, 1\)"
    ):
        pathwise(lambda x: x, Flat(1.0), 10, rng(), np.ones_like)
