"""The table of estimators: who is right, who is cheapest, who refuses.

Right estimates are flagged less often than 2 times in 1e9 an estimator and
parameter, if they are normal. The seeds are fixed.
"""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from logderiv import comparison
from logderiv.comparison import Comparison, Row, compare
from logderiv.estimate import Estimate
from logderiv.expectation import gradient
from logderiv.identity import (
    Bernoulli,
    Categorical,
    Exponential,
    Family,
    Gaussian,
    Poisson,
)

Array = np.ndarray
Payoff = Callable[[Array], Array]

NAMES = [
    "score function",
    "  leave-one-out baseline",
    "  optimal baseline",
    "measure-valued, coupled",
    "measure-valued, independent",
    "difference, common noise",
    "difference, independent",
]
N = 20_000


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def rows(found: Comparison) -> dict[str, Row]:
    return {row.name: row for row in found.rows}


def line(found: Comparison, name: str) -> str:
    (text,) = (
        text for text in str(found).splitlines() if text.startswith(name)
    )
    return text


def verdict(found: Comparison, name: str) -> str:
    """What the table says of an estimator that did not refuse."""
    said = re.search(r"  (yes|not confirmed|no)\b", line(found, name))
    return said[1] if said else ""


def square() -> Comparison:
    return compare(
        lambda x: x**2, Gaussian(1.0, 1.0), N, rng(), 0.1, lambda x: 2 * x
    )


def step() -> Comparison:
    return compare(
        lambda x: x > 0, Gaussian(0.5, 1.0), N, rng(), 0.1, np.zeros_like
    )


EVERYWHERE: list[tuple[Payoff, Family]] = [
    (lambda x: x**2, Gaussian(1.0, 1.0)),
    (lambda x: x > 0, Gaussian(0.5, 1.0)),
    (np.cos, Gaussian([1.0], [0.5])),
    (lambda x: (x - 0.3) ** 2, Bernoulli(np.log(9.0))),
    (lambda x: np.array([1.0, 2.0, 4.0])[x], Categorical([0.0, 0.5, -0.3])),
    (lambda x: (x - 2.0) ** 2, Poisson(2.5)),
    (lambda x: np.exp(-x), Exponential(1.6)),
]


@pytest.mark.parametrize(("f", "dist"), EVERYWHERE)
def test_every_estimator_is_right_wherever_it_may_be(
    f: Payoff, dist: Family
) -> None:
    def flat(x: Array) -> Array:
        return f(x.reshape(len(x)))

    found = compare(flat, dist, N, rng(), 0.02)
    assert [row.name for row in found.rows] == NAMES
    assert all(row.right for row in found.rows)
    assert all(row.note == "" for row in found.rows)
    assert np.array_equal(found.exact, gradient(flat, dist))
    for row in found.rows:
        assert row.price == row.estimate.variance_times_calls.sum()
        assert 0 <= row.errors <= 6
    wrong = replace(found.rows[0], errors=6.1)
    assert not wrong.right


def test_pathwise_is_the_cheapest_for_a_square() -> None:
    """4 + 12 at one call a term; coupled measures cost 4 calls."""
    table = rows(square())
    right = [row for row in table.values() if row.right]
    assert len(right) == len(NAMES) + 1
    best = min(right, key=lambda row: row.price)
    assert best.name == "pathwise"
    assert 14 < best.price < 18
    assert line(square(), "pathwise").split()[-2:] == ["1.0", "yes"]
    for row in right:
        assert row is best or row.price > 1.5 * best.price
    assert not max(right, key=lambda row: row.price).price < 50 * best.price


def test_pathwise_on_a_step_is_flagged() -> None:
    """Variance 0, and the best in no comparison: it is wrong."""
    found = step()
    row = rows(found)["pathwise"]
    assert row.estimate.variance.tolist() == [0.0, 0.0]
    assert row.price == 0
    assert row.errors == np.inf
    assert not row.right
    assert verdict(found, "pathwise") == "no"
    others = [other for other in found.rows if other.name != "pathwise"]
    assert all(other.right for other in others)
    cheapest = min(others, key=lambda other: other.price)
    assert line(found, cheapest.name).split()[-2:] == ["1.0", "yes"]


def test_pathwise_is_refused_for_counts_with_the_reason() -> None:
    found = compare(
        lambda x: x**2.0, Poisson(2.5), N, rng(), 0.1, lambda x: 2.0 * x
    )
    row = rows(found)["pathwise"]
    assert row.estimate is None
    assert not row.right
    assert "Poisson(rate=2.5) is discrete" in row.note
    text = str(found)
    assert f"refused: {row.note}" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 79
    assert all(row.right for row in found.rows if row.name != "pathwise")


def test_a_derivative_of_something_else_is_a_refusal() -> None:
    found = compare(
        lambda x: x**2, Gaussian(1.0, 1.0), N, rng(), 0.1, lambda x: 3 * x
    )
    row = rows(found)["pathwise"]
    assert row.estimate is None
    assert "derivative and f disagree" in row.note
    assert row.note in " ".join(str(found).split())


def test_a_step_that_is_too_large_is_a_refusal_or_wrong() -> None:
    """Beyond the rate, refused; within it, off by its bias."""
    found = rows(compare(lambda x: x**2, Exponential(1.0), N, rng(), 1.5))
    assert "out of its range" in found["difference, common noise"].note
    found = rows(compare(lambda x: x**2, Exponential(1.0), N, rng(), 0.6))
    assert found["difference, common noise"].estimate is not None
    assert not found["difference, common noise"].right
    assert found["score function"].right


def test_a_coin_has_nothing_to_measure() -> None:
    """Both sides of the split are certain: exact, and for nothing."""
    found = compare(lambda x: 3.0 * x, Bernoulli(0.4), N, rng(), 0.1)
    table = rows(found)
    for name in NAMES[3:5]:
        assert table[name].price == 0
        assert table[name].right
        assert line(found, name).split()[-2:] == ["1.0", "yes"]
    assert line(found, "score function").split()[-2:] == ["inf", "yes"]


@pytest.mark.parametrize("made", [square, step])
def test_the_printed_table_holds_every_name_and_price(
    made: Callable[[], Comparison],
) -> None:
    found = made()
    text = str(found)
    assert len(text.splitlines()) == 1 + len(found.rows)
    assert "variance × calls" in text.splitlines()[0]
    for row in found.rows:
        assert f"{row.price:.3g}" in line(found, row.name)
        assert verdict(found, row.name) == ("yes" if row.right else "no")


def heavy(x: Array) -> Array:
    return np.exp(0.8 * x)


def test_an_infinite_variance_is_not_judged() -> None:
    """E[(f score)^2] diverges: error bars mean nothing, right or wrong."""
    found = compare(
        heavy, Exponential(1.0), N, rng(), 0.1, lambda x: 0.8 * heavy(x)
    )
    for row in found.rows:
        assert verdict(found, row.name) == "not confirmed"
        assert line(found, row.name).endswith("infinite variance")
    assert found.best == []
    light = compare(lambda x: np.exp(0.3 * x), Exponential(1.0), N, rng(), 0.1)
    assert all(row.right for row in light.rows)


RARE: list[tuple[Payoff, Family]] = [
    (lambda x: 1e8 * x, Bernoulli(-18.0)),
    (lambda x: np.array([1.0, 1.0, 101.0])[x], Categorical([0.0, 0.0, -18.0])),
    (lambda x: 1e8 * (x > 12.0), Poisson(0.1)),
    (lambda x: 1e12 * (x > 25.0), Exponential(1.0)),
]


@pytest.mark.parametrize(("f", "dist"), RARE)
def test_what_was_not_seen_convicts_nobody(f: Payoff, dist: Family) -> None:
    """0 +- 0, or nearly, because what pays never came up."""
    found = compare(f, dist, N, rng(), 0.05)
    assert {row.verdict for row in found.rows} <= {"yes", "not confirmed"}
    assert found.rows[0].verdict == "not confirmed"


def test_no_flip_was_seen_at_a_tiny_step() -> None:
    found = rows(compare(lambda x: 1.0 * x, Bernoulli(0.0), N, rng(), 1e-8))
    assert found["difference, common noise"].estimate.gradient == 0
    assert found["difference, common noise"].verdict == "not confirmed"
    assert found["score function"].verdict == "yes"


def test_one_sure_column_that_is_wrong_convicts() -> None:
    """f = x + 1{x > 0}: the slope in the mean is 1 everywhere, it is not."""
    found = rows(
        compare(
            lambda x: x + (x > 0),
            Gaussian(0.5, 1.0),
            N,
            rng(),
            0.1,
            np.ones_like,
        )
    )
    assert found["pathwise"].verdict == "no"


def test_no_derivative_no_pathwise() -> None:
    found = compare(lambda x: x**2, Gaussian(1.0, 1.0), N, rng(), 0.1)
    assert [row.name for row in found.rows] == NAMES


WRONG: dict[str, Callable[[Estimate], Estimate]] = {
    "half of it": lambda est: replace(est, gradient=est.gradient / 2),
    "its negative": lambda est: replace(est, gradient=-est.gradient),
    "columns exchanged": lambda est: replace(est, gradient=est.gradient[::-1]),
    "one column": lambda est: replace(
        est, gradient=est.gradient * np.array([1.0, 3.0])
    ),
    "no error bar": lambda est: replace(
        est, standard_error=np.zeros_like(est.gradient)
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize(
    "estimator",
    ["score_function", "pathwise", "measure_valued", "finite_difference"],
)
def test_wrong_estimators_are_flagged(
    estimator: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only those: the others are right as before."""
    original = getattr(comparison, estimator)

    def bent(*given: object, **named: object) -> Estimate:
        return WRONG[name](original(*given, **named))

    monkeypatch.setattr(comparison, estimator, bent)
    found = compare(
        lambda x: x**2 + x,
        Gaussian(1.0, 0.4),
        N,
        rng(),
        0.2,
        lambda x: 2 * x + 1,
    )
    bent_rows = {
        "score_function": NAMES[:3],
        "measure_valued": NAMES[3:5],
        "finite_difference": NAMES[5:],
        "pathwise": ["pathwise"],
    }[estimator]
    for row in found.rows:
        assert row.right == (row.name not in bent_rows)
        bent_verdict = "not confirmed" if name == "no error bar" else "no"
        wanted = "yes" if row.right else bent_verdict
        assert verdict(found, row.name) == wanted


def test_errors_are_the_worst_of_the_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    truth = gradient(lambda x: x**2, Gaussian(1.0, 1.0))

    def made(*given: object, **named: object) -> Estimate:
        error = np.array([0.1, 0.2])
        return Estimate(
            truth + np.array([0.3, -0.5]), error**2 * 50, error, 50, 50
        )

    monkeypatch.setattr(comparison, "pathwise", made)
    row = rows(square())["pathwise"]
    assert np.isclose(row.errors, 3.0, rtol=1e-6)
    assert row.right
    assert np.isclose(row.price, 50 * (0.01 + 0.04))


BAD: list[tuple[dict[str, object], str]] = [
    ({"n": 3}, "got 3"),
    ({"n": 10.5}, "10.5"),
    ({"rng": 0}, "got 0"),
    ({"step": 0.0}, "0.0"),
    ({"step": np.nan}, "nan"),
    ({"step": "small"}, "'small'"),
    ({"derivative": 2.0}, "2.0"),
    ({"f": None}, "None"),
    ({"f": lambda x: np.nan * x}, "nan"),
    ({"dist": 3.5}, "3.5"),
    ({"dist": Gaussian([0.0, 1.0], [1.0, 1.0])}, "one dimension"),
]


@pytest.mark.parametrize(("changes", "said"), BAD)
def test_what_cannot_be_compared_is_refused(
    changes: dict[str, object], said: str
) -> None:
    right = {
        "f": np.cos,
        "dist": Gaussian(1.0, 1.0),
        "n": 100,
        "rng": rng(),
        "step": 0.1,
    }
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        compare(**(right | changes))


@pytest.mark.parametrize(
    ("ratio", "printed"),
    [
        (1.0, "1.0"),
        (9.94, "9.9"),
        (10.0, "10"),
        (99.6, "100"),
        (1234.0, "1,200"),
        (1e7, "10,000,000"),
        (1.1e7, "1e+07"),
        (np.inf, "inf"),
    ],
)
def test_a_ratio_is_printed_with_the_digits_that_mean_something(
    ratio: float, printed: str
) -> None:
    assert comparison.two_digits(ratio) == printed
