"""Chapter 3. Which estimator, for this payoff and this distribution?"""

import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from logderiv import checks
from logderiv.checks import Floats, Payoff
from logderiv.estimate import Estimate
from logderiv.expectation import average, expectation, gradient
from logderiv.family import Family
from logderiv.sampling import (
    finite_difference,
    measure_valued,
    pathwise,
    score_function,
)

# A right estimate is this far off less often than twice in 1e9.
MOST_ERRORS = 6.0
# The variance of n terms is known to sqrt(kurtosis / n): to a tenth from here.
SAMPLES_A_KURTOSIS = 100

Terms = Callable[[np.ndarray], Floats]


@dataclass(frozen=True, eq=False)
class Row:
    """One estimator in a `Comparison`.

    Attributes:
        name: of the estimator.
        estimate: what it gave, None if it refused.
        note: the reason of a refusal, or "".
        errors: the largest |gradient - exact| in standard errors; inf where
            there is no error bar.
        finite: whether the variance of a term is known to be finite.
        wrong: whether a column is too far off, and n samples are enough to
            know its error bar.
    """

    name: str
    estimate: Estimate | None
    note: str = ""
    errors: float = np.nan
    finite: bool = True
    wrong: bool = False

    @property
    def verdict(self) -> str:
        """Is it the exact gradient? "yes", "no", "not confirmed", "refused"."""
        if self.estimate is None:
            return "refused"
        if self.finite and self.errors <= MOST_ERRORS:
            return "yes"
        return "no" if self.finite and self.wrong else "not confirmed"

    @property
    def right(self) -> bool:
        """Whether there is an estimate that agrees with the exact gradient."""
        return self.verdict == "yes"

    @property
    def price(self) -> float:
        """variance * calls, summed over the parameters; nan without one."""
        if self.estimate is None:
            return np.nan
        return float(self.estimate.variance_times_calls.sum())


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found; ``print`` it as a table.

    Attributes:
        exact: (p,), the exact gradient.
        rows: a `Row` for each estimator.
    """

    exact: Floats
    rows: tuple[Row, ...]

    @property
    def least(self) -> float:
        """The lowest price of an estimate that is right, nan if none is."""
        return min(
            (row.price for row in self.rows if row.right), default=np.nan
        )

    def ratio(self, row: Row) -> float:
        """The price of a row over the least."""
        if row.price == self.least:
            return 1.0
        return row.price / self.least if self.least else np.inf

    @property
    def best(self) -> list[str]:
        """Who is right at the least price, or within 5 % of it."""
        return [
            row.name.strip()
            for row in self.rows
            if row.right and row.price <= 1.05 * self.least
        ]

    def __str__(self) -> str:
        """A line an estimator: variance * calls, against the least, verdict.

        The reason of a refusal may take more.
        """
        lines = [f"{'':28}{'variance × calls':>17}{'× least':>9}  right?"]
        return "\n".join(lines + [self._line(row) for row in self.rows])

    def _line(self, row: Row) -> str:
        if row.estimate is None:
            refused = f"{row.name:28}  refused: {row.note}"
            return textwrap.fill(refused, 79, subsequent_indent=" " * 30)
        start = f"{row.name:28}{row.price:17.3g}"
        if row.right:
            return f"{start}{two_digits(self.ratio(row)):>9}  yes"
        return f"{start}{'':9}  {row.verdict}, {_reason(row)}"


def _reason(row: Row) -> str:
    """What speaks against an estimate that is not right."""
    if not row.finite:
        return "infinite variance"
    if np.isinf(row.errors):
        return "its standard error is 0"
    return f"off by {row.errors:.0f} standard errors"


def compare(
    f: Payoff,
    dist: Family,
    n: int,
    rng: np.random.Generator,
    step: float,
    derivative: Callable[[np.ndarray], ArrayLike] | None = None,
) -> Comparison:
    """Every estimator of grad E[f(x)], against the exact gradient.

    Estimators are compared by variance * calls of f: their variance at the
    same number of calls, and only among those that are right. That needs
    error bars that can be trusted. So none is judged whose variance is
    infinite, and none is called wrong if n samples need not have seen what
    makes up its variance: "not confirmed".

    Requires: a family and payoff that `logderiv.expectation.gradient` takes.

    Args:
        f: maps samples (n, ...) to payoffs (n,).
        dist: a family of ``logderiv.identity``.
        n: number of samples, or of pairs a parameter, >= 4.
        rng: source of randomness.
        step: of the finite differences.
        derivative: f', for the pathwise estimator; None leaves it out.
    Returns:
        Comparison.
    Raises:
        TypeError, ValueError: bad arguments, or no exact gradient.
    """
    exact = gradient(f, dist)
    n = checks.whole("n", n, 4)
    checks.generator(rng)
    checks.real("step", step, positive=True)
    if derivative is not None:
        checks.function("derivative", derivative)
    every = _estimators(f, dist, n, rng, step, derivative)
    scores = _scores(f, dist)
    scale = average(lambda x: np.abs(scores(x)).max(1, keepdims=True), dist)
    known = _kurtoses(f, dist, derivative)
    rows = (
        _row(name, run, exact, 1e-9 * scale, known.get(name, known["pairs"]))
        for name, run in every
    )
    return Comparison(exact, tuple(rows))


def _scores(f: Payoff, dist: Family, baseline: float = 0.0) -> Terms:
    """(f - baseline) * score."""
    return lambda x: (checks.payoff(f, x) - baseline)[:, None] * dist.score(x)


def _kurtoses(
    f: Payoff,
    dist: Family,
    derivative: Callable[[np.ndarray], ArrayLike] | None,
) -> dict[str, Floats]:
    """Of the terms, by the name of the estimator; "pairs" is for the others.

    Differences of payoffs are as rough as centred payoffs, a rare one is as
    rare. But where those do not vary, a pair may.
    """
    centred = _kurtosis(_scores(f, dist, expectation(f, dist)), dist)
    known = {
        "score function": _kurtosis(_scores(f, dist), dist),
        "  leave-one-out baseline": centred,
        "  optimal baseline": centred,
        "pairs": np.where(centred == 0, 1.0, centred),
    }
    if derivative is not None and dist.outcomes() is None:
        known["pathwise"] = _kurtosis(
            lambda x: dist.path(x, np.asarray(derivative(x))), dist
        )
    return known


def _kurtosis(terms: Terms, dist: Family) -> Floats:
    """E[term^4] / E[term^2]^2, (p,).

    0 where a term does not vary, inf where E[term^4] is not known to be
    finite, nan where E[term^2] is not.
    """

    def moment(power: int, otherwise: float) -> Floats:
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                return average(lambda x: terms(x) ** power, dist)
        except (TypeError, ValueError):
            return np.full(len(dist.parameters), otherwise)

    second, fourth = moment(2, np.nan), moment(4, np.inf)
    varies = second > (1 + 1e-9) * moment(1, 0.0) ** 2
    ratio = np.divide(
        fourth, second**2, out=np.zeros_like(second), where=varies
    )
    return np.where(np.isnan(second), np.nan, ratio)


def _estimators(
    f: Payoff,
    dist: Family,
    n: int,
    rng: np.random.Generator,
    step: float,
    derivative: Callable[[np.ndarray], ArrayLike] | None,
) -> Iterator[tuple[str, Callable[[], Estimate]]]:
    """Names of estimators, and what runs them."""
    common = f, dist, n, rng
    score = partial(score_function, *common)
    yield "score function", score
    yield "  leave-one-out baseline", partial(score, baseline="leave-one-out")
    yield "  optimal baseline", partial(score, baseline="optimal")
    measure = partial(measure_valued, *common)
    yield "measure-valued, coupled", measure
    yield "measure-valued, independent", partial(measure, coupled=False)
    difference = partial(finite_difference, *common, step)
    yield "difference, common noise", difference
    yield (
        "difference, independent",
        partial(difference, common_random_numbers=False),
    )
    if derivative is not None:
        yield "pathwise", partial(pathwise, *common, derivative)


def _row(
    name: str,
    run: Callable[[], Estimate],
    exact: Floats,
    rounding: Floats,
    kurtosis: Floats,
) -> Row:
    try:
        estimate = run()
    except (TypeError, ValueError) as error:
        return Row(name, None, note=str(error))
    off = np.abs(estimate.gradient - exact)
    off[off <= rounding] = 0.0
    noise = estimate.standard_error
    errors = np.where(off > 0, np.inf, 0.0)
    np.divide(off, noise, out=errors, where=noise > 0)
    # No noise where there should be some: what matters may not have come up.
    seen = (kurtosis * SAMPLES_A_KURTOSIS <= estimate.n) & (
        (noise > 0) | (kurtosis == 0)
    )
    return Row(
        name,
        estimate,
        errors=float(errors.max()),
        finite=not np.isnan(kurtosis).any(),
        wrong=bool((seen & (errors > MOST_ERRORS)).any()),
    )


def two_digits(ratio: float) -> str:
    """A ratio >= 1 with the two digits that a sample can tell."""
    if ratio < 10 or np.isinf(ratio):
        return f"{ratio:.1f}"
    if ratio > 1e7:
        return f"{ratio:.0e}"
    return f"{float(f'{ratio:.2g}'):,.0f}"
