"""Chapter 3. An estimate, made from blocks of samples in constant memory."""

from dataclasses import dataclass

import numpy as np

from logderiv import checks
from logderiv.checks import Floats
from logderiv.memory import keep_freed

keep_freed()


@dataclass(frozen=True, eq=False)
class Estimate:
    """A Monte-Carlo gradient and how far to trust it.

    Attributes:
        gradient: (p,), the mean of the terms.
        variance: (p,), sample variance (ddof 1) of the terms averaged.
        standard_error: (p,), of ``gradient``, if the samples are independent
            and the variance of a term is finite; 0 may mean that what varies
            is rare and was not seen. The terms of "leave-one-out"
            without groups and of "optimal" share samples: there it is too
            small while n is small (f = x: by 29 % at n = 2, 6 % at n = 5).
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
        """The price of precision, standard_error^2 * calls, (p,).

        The same for every n. Of two estimators, the one with less needs
        fewer values of f for the same standard error.
        """
        return self.standard_error**2 * self.calls


class RunningMoments:
    """Mean and variance of rows that arrive in blocks.

    The first row is taken from all, so that equal rows have no variance.

    Source: Chan, Golub and LeVeque (1983).
    """

    def __init__(self) -> None:
        self.count = 0
        self.pivot = self.mean = self.squares = self.size = np.zeros(1)

    def add(self, terms: Floats, size: Floats | None = None) -> None:
        """Take (m, p) further terms in.

        Args:
            terms: (m, p).
            size: (p,), of the numbers whose rounding is in the terms, where
                these are not the terms themselves.
        """
        checks.bounded("a term of the estimate", terms)
        if not self.count:
            self.pivot = terms[0].copy()
        size = np.abs(terms).max(axis=0) if size is None else size
        self.size = np.maximum(self.size, size)
        terms = terms - self.pivot
        added, mean = len(terms), terms.mean(axis=0)
        total = self.count + added
        change = mean - self.mean
        within = ((terms - mean) ** 2).sum(axis=0)
        between = change**2 * (self.count * added / total)
        self.squares = self.squares + within + between
        self.mean = self.mean + change * (added / total)
        self.count = total

    def estimate(self, n: int, calls: int) -> Estimate:
        """The Estimate whose independent terms have been added.

        A standard error below the rounding of the terms is called 0.
        """
        variance = self.squares / (self.count - 1)
        error = np.sqrt(variance / self.count)
        real = error > np.finfo(float).eps * self.size
        mean = self.pivot + self.mean
        return Estimate(mean, variance * real, error * real, calls, n)
