"""Chapter 3. An estimate, made from blocks of samples in constant memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from logderiv import checks
from logderiv.checks import Floats

# Numbers in a block: a few arrays of that size fit a processor's cache.
BLOCK = 32_768

# Of n * mean^2: a spread of the terms that is smaller is rounding, where they
# are averaged first, and where their squares are summed.
CENTRED_ROUNDING, SUMMED_ROUNDING = 1e-28, 1e-13


@dataclass(frozen=True, eq=False)
class Estimate:
    """A Monte-Carlo gradient and how far to trust it.

    Attributes:
        gradient: (p,), the mean of the terms.
        variance: (p,), sample variance (ddof 1) of the terms averaged.
        standard_error: (p,), of ``gradient``; for "leave-one-out" without
            groups and for "optimal", whose terms share samples, as n grows.
        calls: how many values of f, or of its derivative, were used.
        n: how many samples were drawn, or pairs of samples a parameter.
    """

    gradient: Floats
    variance: Floats
    standard_error: Floats
    calls: int
    n: int

    @property
    def signal_to_noise(self) -> Floats:
        """|gradient| / standard_error, (p,); inf without noise, 0 at 0."""
        signal, noise = np.abs(self.gradient), self.standard_error
        loud = np.where(signal > 0, np.inf, 0.0)
        return np.divide(signal, noise, out=loud, where=noise > 0)

    @property
    def variance_times_calls(self) -> Floats:
        """standard_error^2 * calls, (p,): the price of precision.

        The same for every n. Of two estimators, the one with less needs
        fewer values of f for the same standard error.
        """
        return self.standard_error**2 * self.calls


def estimate_of(
    mean: Floats,
    spread: Floats,
    rounding: float,
    count: int,
    calls: int,
    n: int,
) -> Estimate:
    """The Estimate of ``count`` terms with this mean and sum of squared
    deviations from it.
    """
    real = spread > rounding * count * mean**2
    variance = np.where(real, spread, 0.0) / (count - 1)
    return Estimate(mean, variance, np.sqrt(variance / count), calls, n)


def blocks(n: int, width: int, unit: int = 1) -> Iterator[int]:
    """Sizes that sum to n: whole units of samples of ``width`` numbers."""
    size = max(1, BLOCK // (width * unit)) * unit
    for first in range(0, n, size):
        yield min(size, n - first)


class RunningMoments:
    """Mean and variance of rows that arrive in blocks.

    Source: Chan, Golub and LeVeque (1983).
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: Floats | float = 0.0
        self.squares: Floats | float = 0.0

    def add(self, terms: Floats) -> None:
        """Take (m, p) further terms in."""
        checks.bounded("a term of the estimate", terms)
        size, mean = len(terms), terms.mean(axis=0)
        total = self.count + size
        change = mean - self.mean
        self.squares += ((terms - mean) ** 2).sum(axis=0)
        self.squares += change**2 * (self.count * size / total)
        self.mean += change * (size / total)
        self.count = total

    def estimate(self, n: int, calls: int) -> Estimate:
        """The Estimate whose independent terms have been added."""
        return estimate_of(
            self.mean, self.squares, CENTRED_ROUNDING, self.count, calls, n
        )
