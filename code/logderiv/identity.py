"""Chapter 1. Families p(x; theta), each with its score, grad log p.

    grad p(x) = p(x) * grad log p(x)        wherever p(x) > 0

Every family has the same five members: ``parameters``, ``sample``,
``log_prob``, ``score`` and ``fisher``. The columns of the score follow
``parameters``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, gammaln, log_softmax, xlogy

from logderiv import checks
from logderiv.checks import Floats


def _samples(x: ArrayLike, shape: tuple = (None,)) -> Floats:
    """Samples as floats of ``shape``, free of NaN."""
    x = checks.numbers("x", x)
    if x.ndim != len(shape) or x.shape[1:] != shape[1:]:
        raise ValueError(
            f"x must have shape {checks.pretty(shape)}, got {x.shape}"
        )
    if np.isnan(x).any():
        raise ValueError(f"x holds nan at row {np.argwhere(np.isnan(x))[0][0]}")
    return x


def _inside(x: np.ndarray, support: np.ndarray, where: str) -> np.ndarray:
    """x, if all of it lies in the support: elsewhere there is no score."""
    if not support.all():
        raise ValueError(
            f"the score exists on {where} only, got x = {x[~support][0]}"
        )
    return x


@dataclass(eq=False)
class Bernoulli:
    """p(1) = 1 / (1 + exp(-logit)), p(0) = 1 - p(1).

    score(x) = x - p(1)
    Fisher information = p(1) * (1 - p(1))

    Args:
        logit: a finite real number, log p(1) - log p(0).
    Raises:
        TypeError, ValueError: logit is not a finite real number.
    """

    logit: float
    parameters = ("logit",)

    def __post_init__(self) -> None:
        self.logit = checks.real("logit", self.logit)

    @property
    def probability(self) -> float:
        """p(1)."""
        return float(expit(self.logit))

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n independent draws, integers 0 or 1, shape (n,)."""
        n = checks.whole("n", n, 1)
        draws = checks.generator(rng).random(n) < self.probability
        return draws.astype(np.int64)

    def log_prob(self, x: ArrayLike) -> Floats:
        """log p(x), shape (n,); -inf where x is neither 0 nor 1."""
        x = _samples(x)
        log_p0, log_p1 = -np.logaddexp(0, [self.logit, -self.logit])
        return np.where(x == 1, log_p1, np.where(x == 0, log_p0, -np.inf))

    def score(self, x: ArrayLike) -> Floats:
        """x - p(1), shape (n, 1). Raises ValueError outside {0, 1}."""
        x = _samples(x)
        x = _inside(x, (x == 0) | (x == 1), "{0, 1}")
        score = np.where(x == 1, expit(-self.logit), -expit(self.logit))
        return score[:, None]

    def fisher(self) -> Floats:
        """E[score score^T], shape (1, 1)."""
        return np.array([[expit(self.logit) * expit(-self.logit)]])


@dataclass(eq=False)
class Categorical:
    """p(a) = exp(logits[a]) / sum_k exp(logits[k]), the softmax.

    score(a) = e_a - p, the unit vector of a minus the probabilities
    Fisher information = diag(p) - p p^T

    Args:
        logits: (K,) finite real numbers, K >= 1.
    Raises:
        TypeError, ValueError: logits are not K finite real numbers.
    """

    logits: Floats

    def __post_init__(self) -> None:
        self.logits = checks.array("logits", self.logits, (None,))

    @property
    def parameters(self) -> tuple[str, ...]:
        """("logits[0]", ..., "logits[K-1]")."""
        return tuple(f"logits[{k}]" for k in range(len(self.logits)))

    @property
    def probabilities(self) -> Floats:
        """p, shape (K,)."""
        return np.exp(log_softmax(self.logits))

    def _support(self, x: np.ndarray) -> np.ndarray:
        return (x >= 0) & (x < len(self.logits)) & (x == np.floor(x))

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n independent draws, integers 0 to K - 1, shape (n,)."""
        n = checks.whole("n", n, 1)
        p = self.probabilities
        return checks.generator(rng).choice(len(p), size=n, p=p / p.sum())

    def log_prob(self, x: ArrayLike) -> Floats:
        """log p(x), shape (n,); -inf outside {0, ..., K - 1}."""
        x = _samples(x)
        support = self._support(x)
        index = np.where(support, x, 0).astype(np.int64)
        return np.where(support, log_softmax(self.logits)[index], -np.inf)

    def score(self, x: ArrayLike) -> Floats:
        """e_x - p, shape (n, K). Raises ValueError outside the support."""
        x = _samples(x)
        last = len(self.logits) - 1
        x = _inside(x, self._support(x), f"{{0, ..., {last}}}")
        unit = np.eye(last + 1)[x.astype(np.int64)] == 1
        return np.where(unit, self._others(), -self.probabilities)

    def fisher(self) -> Floats:
        """E[score score^T], shape (K, K)."""
        p, others = self.probabilities, self._others()
        return np.where(np.eye(len(p)) == 1, p * others, -np.outer(p, p))

    def _others(self) -> Floats:
        """1 - p, without the cancellation: the sum of the other p."""
        return (1 - np.eye(len(self.logits))) @ self.probabilities


@dataclass(eq=False)
class Gaussian:
    """p(x) = exp(-(x - mean)^2 / (2 std^2)) / (std sqrt(2 pi)).

    score in mean = (x - mean) / std^2
    score in std  = ((x - mean)^2 - std^2) / std^3
    Fisher information = 1 / std^2 and 2 / std^2, nothing off the diagonal

    Given lists of D numbers, D independent coordinates: the columns of the
    score are the D means, then the D standard deviations.

    Args:
        mean: a finite real number, or (D,) of them.
        std: the same shape as mean, > 0.
    Raises:
        TypeError, ValueError: not finite, std <= 0, or unequal lengths.
    """

    mean: float | Floats
    std: float | Floats

    def __post_init__(self) -> None:
        if np.ndim(self.mean) == 0 and np.ndim(self.std) == 0:
            self.mean = checks.real("mean", self.mean)
            self.std = checks.real("std", self.std, positive=True)
            return
        self.mean = checks.array("mean", self.mean, (None,))
        self.std = checks.array("std", self.std, self.mean.shape)
        if (self.std <= 0).any():
            raise ValueError(f"std must be > 0, got {self.std.min()}")

    @property
    def _event(self) -> tuple[int, ...]:
        return np.shape(self.mean)

    @property
    def parameters(self) -> tuple[str, ...]:
        """("mean", "std"), or ("mean[0]", ..., "std[D-1]")."""
        if not self._event:
            return ("mean", "std")
        size = range(self._event[0])
        return tuple(f"{name}[{d}]" for name in ("mean", "std") for d in size)

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """n independent draws, shape (n,) or (n, D)."""
        n = checks.whole("n", n, 1)
        noise = checks.generator(rng).standard_normal((n, *self._event))
        return self.mean + self.std * noise

    def _standardised(self, x: ArrayLike) -> Floats:
        return (_samples(x, (None, *self._event)) - self.mean) / self.std

    def log_prob(self, x: ArrayLike) -> Floats:
        """log p(x), summed over coordinates, shape (n,)."""
        z = self._standardised(x)
        terms = -0.5 * z**2 - np.log(self.std) - 0.5 * np.log(2 * np.pi)
        return terms.sum(axis=1) if self._event else terms

    def score(self, x: ArrayLike) -> Floats:
        """(x - mean) / std^2, ((x - mean)^2 - std^2) / std^3: (n, p).

        Raises ValueError where x is infinite.
        """
        x = _samples(x, (None, *self._event))
        x = _inside(x, np.isfinite(x), "the finite numbers")
        z = self._standardised(x)
        return np.column_stack([z / self.std, (z**2 - 1) / self.std])

    def path(self, x: ArrayLike, slope: Floats) -> Floats:
        """slope * dx/dparameter along x = mean + std * noise: (n, p)."""
        return np.column_stack([slope, slope * self._standardised(x)])

    def fisher(self) -> Floats:
        """E[score score^T], shape (p, p)."""
        precision = np.atleast_1d(self.std) ** -2.0
        return np.diag(np.concatenate([precision, 2 * precision]))


@dataclass(eq=False)
class Poisson:
    """p(x) = rate^x exp(-rate) / x!, x = 0, 1, 2, ...

    score(x) = x / rate - 1
    Fisher information = 1 / rate

    Args:
        rate: a finite real number > 0, the mean.
    Raises:
        TypeError, ValueError: rate is not a finite number > 0.
    """

    rate: float
    parameters = ("rate",)

    def __post_init__(self) -> None:
        self.rate = checks.real("rate", self.rate, positive=True)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n independent draws, integers >= 0, shape (n,)."""
        n = checks.whole("n", n, 1)
        return checks.generator(rng).poisson(self.rate, n)

    def _support(self, x: np.ndarray) -> np.ndarray:
        return (x >= 0) & (x == np.floor(x)) & np.isfinite(x)

    def log_prob(self, x: ArrayLike) -> Floats:
        """log p(x), shape (n,); -inf unless x is 0, 1, 2, ..."""
        x = _samples(x)
        support = self._support(x)
        k = np.where(support, x, 0)
        log_p = xlogy(k, self.rate) - self.rate - gammaln(k + 1.0)
        return np.where(support, log_p, -np.inf)

    def score(self, x: ArrayLike) -> Floats:
        """x / rate - 1, shape (n, 1). Raises ValueError off 0, 1, 2, ..."""
        x = _samples(x)
        x = _inside(x, self._support(x), "{0, 1, 2, ...}")
        return (x / self.rate - 1.0)[:, None]

    def fisher(self) -> Floats:
        """E[score score^T], shape (1, 1)."""
        return np.array([[1 / self.rate]])


@dataclass(eq=False)
class Exponential:
    """p(x) = rate exp(-rate x), x >= 0.

    score(x) = 1 / rate - x
    Fisher information = 1 / rate^2

    Args:
        rate: a finite real number > 0, one over the mean.
    Raises:
        TypeError, ValueError: rate is not a finite number > 0.
    """

    rate: float
    parameters = ("rate",)

    def __post_init__(self) -> None:
        self.rate = checks.real("rate", self.rate, positive=True)

    def sample(self, n: int, rng: np.random.Generator) -> Floats:
        """n independent draws, shape (n,)."""
        n = checks.whole("n", n, 1)
        return checks.generator(rng).standard_exponential(n) / self.rate

    def log_prob(self, x: ArrayLike) -> Floats:
        """log p(x), shape (n,); -inf where x < 0."""
        x = _samples(x)
        return np.where(x >= 0, np.log(self.rate) - self.rate * x, -np.inf)

    def score(self, x: ArrayLike) -> Floats:
        """1 / rate - x, shape (n, 1). Raises ValueError where x < 0."""
        x = _samples(x)
        x = _inside(x, (x >= 0) & np.isfinite(x), "[0, inf)")
        return (1 / self.rate - x)[:, None]

    def path(self, x: ArrayLike, slope: Floats) -> Floats:
        """slope * dx/drate along x = noise / rate: (n, 1)."""
        return (-slope * _samples(x) / self.rate)[:, None]

    def fisher(self) -> Floats:
        """E[score score^T], shape (1, 1)."""
        return np.array([[self.rate**-2.0]])


Family = Bernoulli | Categorical | Gaussian | Poisson | Exponential
