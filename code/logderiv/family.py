"""What a family of distributions p(x; theta) has, and says of itself.

`Family` is the protocol of chapters 1 to 3. ``logderiv.identity`` holds the
families of the course; another one is a subclass in a file of its own.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from logderiv import checks
from logderiv.checks import Floats, Samples
from logderiv.memory import rows_of

Pair = tuple[Samples, Samples]
DrawPair = Callable[[int, np.random.Generator], Pair]


class WeightedPair(NamedTuple):
    """A derivative of E[f] as constant * (E[f(plus)] - E[f(minus)]).

    Attributes:
        constant: what the difference of the two averages is multiplied by.
        sides: (m, rng) -> samples plus and minus, (m, ...) each, coupled: row
            by row from the same randomness.
    """

    constant: float
    sides: DrawPair

    def draw(self, m: int, rng: np.random.Generator, coupled: bool) -> Pair:
        """m pairs; not coupled, the minus side is that of other pairs."""
        plus, minus = self.sides(m, rng)
        return plus, minus if coupled else self.sides(m, rng)[1]


class Family(ABC):
    """A distribution p(x; theta) with a column of score for each parameter.

    A subclass is a frozen dataclass. Its fields are the parameters, and what
    `parameters` does not name is a constant. It must say how noise becomes
    samples, `log_prob`, `score`, `fisher`, and either its `outcomes` or, where
    x is continuous, its `knots` and its `path`. For measure-valued gradients
    it also gives `weak_derivatives`.
    """

    @property
    @abstractmethod
    def parameters(self) -> tuple[str, ...]:
        """A name for each column of the score, "name[k]" in a list."""

    @property
    def event(self) -> tuple[int, ...]:
        """The shape of one sample, () for a number."""
        return ()

    def __init_subclass__(cls, **kwargs: object) -> None:
        # Sums by a shortcut belong to the score that they were written for.
        if "score" in vars(cls) and "score_sums" not in vars(cls):
            cls.score_sums = Family.score_sums  # type: ignore[method-assign]
            cls.rows_summed = Family.rows_summed  # type: ignore[method-assign]
        super().__init_subclass__(**kwargs)

    @abstractmethod
    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        """n draws of what is random, whatever theta is, (n, ...), row by row:
        n draws, then m more, are those of n + m.
        """

    @abstractmethod
    def transform(self, noise: Floats) -> Samples:
        """The samples that this noise becomes at this theta, (n, ...).

        With the same noise, samples at two thetas can be compared.
        """

    @abstractmethod
    def log_prob(self, x: ArrayLike) -> Floats:
        """log p(x), shape (n,); -inf outside the support, infinite x too."""

    @abstractmethod
    def score(self, x: ArrayLike) -> Floats:
        """grad log p(x), shape (n, p); ValueError where x cannot come up."""

    @abstractmethod
    def fisher(self) -> Floats:
        """E[score score^T], shape (p, p)."""

    def sample(self, n: int, rng: np.random.Generator) -> Samples:
        """n independent draws, shape (n,) or (n, D)."""
        return self.transform(self.noise(n, rng))

    def outcomes(self) -> Samples | None:
        """Every x whose probability a float can hold; None: continuous."""
        return None

    def knots(self, panels: int) -> Floats:
        """Points that cut the support into panels, dense where p is large.

        Args:
            panels: how many to cut that part into which holds all but 1e-13
                of the mass; panels of the tails come extra.
        Returns:
            (k,), ascending, from the edge of the support, or from where p
            underflows (about e^-700), to where it does: payoffs may grow.
        """
        raise TypeError(f"{self!r} has no knots to integrate between")

    def path(self, x: ArrayLike, slope: Floats) -> Floats:
        """slope * dx/dtheta along x = transform(noise), shape (n, p), for
        slopes of the shape of x.
        """
        raise TypeError(
            "pathwise needs samples that move smoothly with theta; "
            f"{self!r} is discrete, or gives no path"
        )

    def weak_derivatives(self) -> list[WeightedPair]:
        """dp/dtheta_j = constant * (p_plus - p_minus), for every column j."""
        raise TypeError(f"{self!r} does not say its weak derivatives")

    def score_sums(self, x: Samples, weights: Floats) -> Floats:
        """weights @ score above weights @ score^2.

        Args:
            x: samples, (n, ...).
            weights: (k, n).
        Returns:
            (2, k, p).
        """
        score = checks.array("score", self.score(x), (len(x), None))
        return sums_of(score, weights)

    @property
    def rows_scored(self) -> int:
        """How many samples `score` is best given."""
        return rows_of(len(self.parameters))

    @property
    def rows_summed(self) -> int:
        """How many samples `score_sums` is best given."""
        return self.rows_scored

    def moved(self, j: int, step: float) -> Self:
        """The same family, its j-th parameter moved by ``step``.

        Raises:
            ValueError: step leaves the range of the parameter, or is lost in
                its rounding.
        """
        name = self.parameters[j].partition("[")[0]
        old = getattr(self, name)
        new = np.array(old, dtype=float)
        new.reshape(-1)[j % new.size] += step
        if not abs(np.sum(new - old) / step - 1) < 1e-3:
            raise ValueError(
                f"step = {abs(step)} is lost in the rounding of "
                f"{self.parameters[j]} = {np.ravel(old)[j % new.size]}"
            )
        value = new if new.ndim else new.item()
        try:
            return replace(self, **{name: value})  # type: ignore[type-var]
        except ValueError as error:
            raise ValueError(
                f"step = {abs(step)} takes {self.parameters[j]} out of its "
                f"range: {error}"
            ) from error

    def _set(self, **parameters: float | Floats) -> None:
        """Store checked parameters; arrays cannot be written to any more."""
        for name, value in parameters.items():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)


def sums_of(score: Floats, weights: Floats) -> Floats:
    """weights (k, n) @ score (n, p) above weights @ score^2, (2, k, p)."""
    return np.stack([weights @ score, weights @ score**2])


def checked_family(dist: object) -> Family:
    """dist, if it is a family."""
    if not isinstance(dist, Family):
        raise TypeError(
            f"dist must be a family (logderiv.family), got {dist!r}"
        )
    return dist


def samples(x: ArrayLike, shape: tuple[int | None, ...] = (None,)) -> Floats:
    """Samples as floats of ``shape``, free of NaN; None: any length."""
    x = checks.numbers("x", x)
    if x.ndim != len(shape) or x.shape[1:] != shape[1:]:
        raise ValueError(
            f"x must have shape {checks.pretty(shape)}, got {x.shape}"
        )
    if np.isnan(x).any():
        raise ValueError(f"x holds nan at row {np.argwhere(np.isnan(x))[0][0]}")
    return x


def inside(x: Floats, support: np.ndarray[Any, Any], where: str) -> Floats:
    """x, if all of it lies in the support: elsewhere there is no score."""
    if not support.all():
        raise ValueError(
            f"the score exists on {where} only, got x = {x[~support][0]}"
        )
    return x


def uniform(n: int, rng: np.random.Generator) -> Floats:
    """n draws from [0, 1)."""
    return checks.generator(rng).random(checks.whole("n", n, 1))
