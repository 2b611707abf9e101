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
from logderiv.expectation import expectation, gradient
from logderiv.identity import Family
from logderiv.sampling import (
    finite_difference,
    measure_valued,
    pathwise,
    score_function,
)

# A right estimate is this far off less often than twice in 1e9.
MOST_ERRORS = 6.0


@dataclass(frozen=True, eq=False)
class Row:
    """One estimator in a `Comparison`.

    Attributes:
        name: of the estimator.
        estimate: what it gave, None if it refused.
        note: the reason of a refusal, or "".
        errors: the largest |gradient - exact| in standard errors; inf where
            a wrong estimate has no error bar at all.
    """

    name: str
    estimate: Estimate | None
    note: str = ""
    errors: float = np.nan

    @property
    def right(self) -> bool:
        """Whether there is an estimate that agrees with the exact gradient."""
        return self.estimate is not None and self.errors <= MOST_ERRORS

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
        verdict = f"no, off by {row.errors:.0f} standard errors"
        if np.isinf(row.errors):
            verdict = "no, and its standard error is 0"
        return f"{start}{'':9}  {verdict}"


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
    same number of calls, and only among those that are right.

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
    scale = expectation(
        lambda x: np.abs(checks.payoff(f, x)[:, None] * dist.score(x)).max(1),
        dist,
    )
    rows = (_row(name, run, exact, 1e-9 * scale) for name, run in every)
    return Comparison(exact, tuple(rows))


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
    name: str, run: Callable[[], Estimate], exact: Floats, rounding: float
) -> Row:
    try:
        estimate = run()
    except (TypeError, ValueError) as error:
        return Row(name, None, note=str(error))
    off = np.abs(estimate.gradient - exact)
    off[off <= rounding] = 0.0
    noise = estimate.standard_error
    wrong = np.where(off > 0, np.inf, 0.0)
    errors = np.divide(off, noise, out=wrong, where=noise > 0)
    return Row(name, estimate, errors=float(errors.max()))


def two_digits(ratio: float) -> str:
    """A ratio >= 1 with the two digits that a sample can tell."""
    if ratio < 10 or np.isinf(ratio):
        return f"{ratio:.1f}"
    return f"{float(f'{ratio:.2g}'):,.0f}"
