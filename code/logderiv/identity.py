"""Chapter 1. Families p(x; theta), each with its score, grad log p.

    grad p(x) = p(x) * grad log p(x)        wherever p(x) > 0

Every family has the same members: ``parameters``, ``sample``, ``log_prob``,
``score`` and ``fisher``. The columns of the score follow ``parameters``.
Parameters are checked once, at construction, and cannot be changed after it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, gammaln, log_softmax, xlogy
from scipy.stats.sampling import DiscreteAliasUrn

from logderiv import checks
from logderiv.checks import Floats

# From weights (m, n) to their sums, (m,), and weights @ score above
# weights @ score^2, (2, m, p).
ScoreSums = Callable[[Floats], tuple[Floats, Floats]]

# From 2e13 on the variance of NumPy's Poisson draws is wrong (numpy#31986).
LARGEST_SAMPLED, LARGEST_TABULATED = 5e12, 1e10
LEAST_SPREAD = 1e-12


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


class Family(ABC):
    """A distribution p(x; theta) with one column of score a parameter.

    ``transform(noise(n, rng))`` is a sample, too, whose noise does not depend
    on theta: with the same noise, samples at two thetas can be compared.
    """

    width = 1
    """How many numbers a sample has."""

    @abstractmethod
    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        """n draws of what is random, whatever theta is: shape (n, ...)."""

    @abstractmethod
    def transform(self, noise: Floats) -> np.ndarray:
        """The samples that this noise becomes at this theta, (n, ...)."""

    @abstractmethod
    def score(self, x: ArrayLike) -> Floats:
        """grad log p(x), shape (n, p)."""

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n independent draws, shape (n,) or (n, D)."""
        return self.transform(self.noise(n, rng))

    def _set(self, **parameters: float | Floats) -> None:
        """Store checked parameters; arrays cannot be written to any more."""
        for name, value in parameters.items():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)


def score_sums(score: Floats) -> ScoreSums:
    """The weighted sums of these scores (n, p), and of their squares."""
    powers = np.stack([score, score**2])
    return lambda weights: (weights.sum(axis=1), weights @ powers)


def _is_one(value: object) -> bool:
    """Whether a value is one thing, not a list."""
    try:
        return np.ndim(value) == 0
    except ValueError:
        return False


def _uniform(n: int, rng: np.random.Generator) -> Floats:
    """n draws from [0, 1)."""
    return checks.generator(rng).random(checks.whole("n", n, 1))


@dataclass(frozen=True, eq=False)
class Bernoulli(Family):
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
        self._set(logit=checks.real("logit", self.logit))

    @property
    def probability(self) -> float:
        """p(1)."""
        return float(expit(self.logit))

    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        """Uniform, shape (n,)."""
        return _uniform(n, rng)

    def transform(self, noise: Floats) -> np.ndarray:
        """1 where the noise is below p(1), integers, shape (n,)."""
        return (noise < self.probability).astype(np.int64)

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


@dataclass(frozen=True, eq=False)
class Categorical(Family):
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
        self._set(logits=checks.array("logits", self.logits, (None,)))

    @property
    def parameters(self) -> tuple[str, ...]:
        """("logits[0]", ..., "logits[K-1]")."""
        return tuple(f"logits[{k}]" for k in range(len(self.logits)))

    @cached_property
    def probabilities(self) -> Floats:
        """p, shape (K,)."""
        p = np.exp(log_softmax(self.logits))
        p.setflags(write=False)
        return p

    @cached_property
    def _urn(self) -> DiscreteAliasUrn:
        return DiscreteAliasUrn(self.probabilities.copy())

    def _support(self, x: np.ndarray) -> np.ndarray:
        return (x >= 0) & (x < len(self.logits)) & (x == np.floor(x))

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n independent draws, integers 0 to K - 1, shape (n,)."""
        n, rng = checks.whole("n", n, 1), checks.generator(rng)
        return self._urn.rvs(n, random_state=rng).astype(np.int64)

    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        """Uniform, shape (n,)."""
        return _uniform(n, rng)

    def transform(self, noise: Floats) -> np.ndarray:
        """The first a whose cumulative probability exceeds the noise."""
        return np.searchsorted(self._below, noise, side="right")

    @cached_property
    def _below(self) -> Floats:
        return np.cumsum(self.probabilities)[:-1]

    def scored_sample(
        self, n: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, ScoreSums]:
        """n draws x, (n,), and the weighted sums of their scores: x is only
        counted, there is no (n, K) array.
        """
        x = self.sample(n, rng)
        return x, partial(self._score_sums, x)

    def _score_sums(
        self, x: np.ndarray, weights: Floats
    ) -> tuple[Floats, Floats]:
        p, others = self.probabilities, self._others
        here = np.stack([np.bincount(x, row, len(p)) for row in weights])
        total = here.sum(axis=1)
        elsewhere = total[:, None] - here
        first = here * others - elsewhere * p
        second = here * others**2 + elsewhere * p**2
        return total, np.stack([first, second])

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
        arm = x.astype(np.int64)
        score = np.tile(-self.probabilities, (len(x), 1))
        score[np.arange(len(x)), arm] = self._others[arm]
        return score

    def fisher(self) -> Floats:
        """E[score score^T], shape (K, K)."""
        p, others = self.probabilities, self._others
        return np.where(np.eye(len(p)) == 1, p * others, -np.outer(p, p))

    @cached_property
    def _others(self) -> Floats:
        """1 - p, without the cancellation: the sum of the other p."""
        p = self.probabilities
        before = np.concatenate([[0], np.cumsum(p[:-1])])
        after = np.concatenate([np.cumsum(p[:0:-1])[::-1], [0]])
        return before + after


@dataclass(frozen=True, eq=False)
class Gaussian(Family):
    """p(x) = exp(-(x - mean)^2 / (2 std^2)) / (std sqrt(2 pi)).

    score in mean = (x - mean) / std^2
    score in std  = ((x - mean)^2 - std^2) / std^3
    Fisher information = 1 / std^2 and 2 / std^2, nothing off the diagonal

    Given lists of D numbers, D independent coordinates: the columns of the
    score are the D means, then the D standard deviations.

    Args:
        mean: a finite real number, or (D,) of them.
        std: the same shape as mean, from 1e-150, and not lost in the rounding
            of mean.
    Raises:
        TypeError, ValueError: not finite, std too small, unequal lengths.
    """

    mean: float | Floats
    std: float | Floats

    def __post_init__(self) -> None:
        if _is_one(self.mean) and _is_one(self.std):
            mean = checks.real("mean", self.mean)
            std = checks.real("std", self.std, positive=True)
        else:
            mean, std = self._lists()
        if (std < LEAST_SPREAD * np.abs(mean)).any():
            raise ValueError(
                f"std = {std} is lost in the rounding of mean = {mean}"
            )
        self._set(mean=mean, std=std)

    def _lists(self) -> tuple[Floats, Floats]:
        mean, std = (
            checks.numbers(name, getattr(self, name))
            for name in ("mean", "std")
        )
        if mean.shape != std.shape:
            raise ValueError(
                "mean and std must have one shape, "
                f"got {mean.shape} and {std.shape}"
            )
        mean = checks.array("mean", self.mean, (None,))
        std = checks.array("std", self.std, (None,))
        if not (std >= checks.SMALLEST).all():
            raise ValueError(
                f"std must be at least {checks.SMALLEST:g}, got {std.min()}"
            )
        return mean, std

    @property
    def _event(self) -> tuple[int, ...]:
        return np.shape(self.mean)

    @property
    def width(self) -> int:
        """D."""
        return np.size(self.mean)

    @property
    def parameters(self) -> tuple[str, ...]:
        """("mean", "std"), or ("mean[0]", ..., "std[D-1]")."""
        if not self._event:
            return ("mean", "std")
        size = range(self._event[0])
        return tuple(f"{name}[{d}]" for name in ("mean", "std") for d in size)

    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        """Standard normal, shape (n,) or (n, D)."""
        shape = (checks.whole("n", n, 1), *self._event)
        return checks.generator(rng).standard_normal(shape)

    def transform(self, noise: Floats) -> Floats:
        """mean + std * noise."""
        x = self.std * noise
        x += self.mean
        return x

    def _standardised(self, x: ArrayLike) -> Floats:
        return (_samples(x, (None, *self._event)) - self.mean) / self.std

    def log_prob(self, x: ArrayLike) -> Floats:
        """log p(x), summed over coordinates, shape (n,)."""
        with np.errstate(over="ignore"):
            z = self._standardised(x)
            power = z**2
        terms = -0.5 * power - np.log(self.std) - 0.5 * np.log(2 * np.pi)
        return terms.sum(axis=1) if self._event else terms

    def score(self, x: ArrayLike) -> Floats:
        """(x - mean) / std^2, ((x - mean)^2 - std^2) / std^3: (n, p).

        Raises ValueError where x is infinite.
        """
        x = _samples(x, (None, *self._event))
        x = _inside(x, np.isfinite(x), "the finite numbers")
        with np.errstate(over="ignore"):
            z = self._standardised(x)
            score = np.column_stack([z / self.std, (z**2 - 1) / self.std])
        return checks.bounded("the score", score)

    def scored_sample(
        self, n: int, rng: np.random.Generator
    ) -> tuple[Floats, ScoreSums]:
        """n draws x, (n, ...), and the weighted sums of their scores, in few
        passes: the noise is z.
        """
        noise = self.noise(n, rng)
        return self.transform(noise), partial(self._score_sums, noise)

    def _score_sums(
        self, noise: Floats, weights: Floats
    ) -> tuple[Floats, Floats]:
        """With z the noise, the scores are z / std and (z^2 - 1) / std."""
        z = noise.reshape(len(noise), -1)
        power = z * z
        with_z, with_z2 = weights @ z, weights @ power
        with_z4 = weights @ np.square(power, out=power)
        total = weights.sum(axis=1)
        sums = np.empty((2, len(weights), 2, z.shape[1]))
        sums[0, :, 0], sums[1, :, 0] = with_z, with_z2
        np.subtract(with_z2, total[:, None], out=sums[0, :, 1])
        np.subtract(with_z4, with_z2 + sums[0, :, 1], out=sums[1, :, 1])
        sums *= self._precision
        return total, sums.reshape(2, len(weights), -1)

    @cached_property
    def _precision(self) -> Floats:
        """1 / std and 1 / std^2, (2, 1, 1, D)."""
        scale = np.atleast_1d(1 / np.asarray(self.std))
        return np.stack([scale, scale**2])[:, None, None]

    def path(self, x: ArrayLike, slope: Floats) -> Floats:
        """slope * dx/dparameter along x = mean + std * noise: (n, p)."""
        return np.column_stack([slope, slope * self._standardised(x)])

    def fisher(self) -> Floats:
        """E[score score^T], shape (p, p)."""
        precision = np.atleast_1d(self.std) ** -2.0
        return np.diag(np.concatenate([precision, 2 * precision]))


@dataclass(frozen=True, eq=False)
class Poisson(Family):
    """p(x) = rate^x exp(-rate) / x!, x = 0, 1, 2, ...

    score(x) = x / rate - 1
    Fisher information = 1 / rate

    Args:
        rate: a real number from 1e-150 to 1e150, the mean; up to 5e12 for
            ``sample`` and 1e10 for ``transform``.
    Raises:
        TypeError, ValueError: rate is not a finite number > 0.
    """

    rate: float
    parameters = ("rate",)

    def __post_init__(self) -> None:
        self._set(rate=checks.real("rate", self.rate, positive=True))

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n independent draws, integers >= 0, shape (n,)."""
        self._check_rate(LARGEST_SAMPLED)
        n = checks.whole("n", n, 1)
        return checks.generator(rng).poisson(self.rate, n)

    def _check_rate(self, largest: float) -> None:
        if self.rate > largest:
            raise ValueError(
                f"rate must be at most {largest:g} here, got {self.rate}"
            )

    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        """Uniform, shape (n,)."""
        return _uniform(n, rng)

    def transform(self, noise: Floats) -> np.ndarray:
        """The first count whose cumulative probability exceeds the noise."""
        first, below = self._below
        return first + np.searchsorted(below, noise, side="right")

    @cached_property
    def _below(self) -> tuple[int, Floats]:
        """The first count that can come up, and cumulated probabilities."""
        self._check_rate(LARGEST_TABULATED)
        reach = 12 * np.sqrt(self.rate) + 60
        first = max(0, int(self.rate - reach))
        p = np.exp(self.log_prob(np.arange(first, int(self.rate + reach))))
        return first, np.cumsum(p / p.sum())

    def _support(self, x: np.ndarray) -> np.ndarray:
        return (x >= 0) & (x == np.floor(x)) & np.isfinite(x)

    def log_prob(self, x: ArrayLike) -> Floats:
        """log p(x), shape (n,); -inf unless x is 0, 1, 2, ..."""
        x = _samples(x)
        support = self._support(x)
        few = support & (x < 16)
        k = np.where(few, x, 0)
        log_p = xlogy(k, self.rate) - self.rate - gammaln(k + 1.0)
        many = self._log_prob_of_many(np.where(support & ~few, x, 16.0))
        return np.where(support, np.where(few, log_p, many), -np.inf)

    def _log_prob_of_many(self, k: Floats) -> Floats:
        """log p(k) for k >= 16, where Stirling's series is exact in floats.

        Terms as large as the rate have cancelled on paper.
        Source: Loader (2000).
        """
        with np.errstate(over="ignore", invalid="ignore"):
            u = (k - self.rate) / self.rate
            distance = self.rate * ((1 + u) * np.log1p(u) - u)
            over = k**-2.0
            series = 1 / 30 - (1 / 105 - over / 140) * over
            series = (1 - series * over) / (12 * k)
        log_p = -distance - series - 0.5 * np.log(2 * np.pi * k)
        return np.where(np.isnan(log_p), -np.inf, log_p)

    def score(self, x: ArrayLike) -> Floats:
        """x / rate - 1, shape (n, 1). Raises ValueError off 0, 1, 2, ..."""
        x = _samples(x)
        x = _inside(x, self._support(x), "{0, 1, 2, ...}")
        with np.errstate(over="ignore"):
            score = (x - self.rate) / self.rate
        return checks.bounded("the score", score[:, None])

    def fisher(self) -> Floats:
        """E[score score^T], shape (1, 1)."""
        return np.array([[1 / self.rate]])


@dataclass(frozen=True, eq=False)
class Exponential(Family):
    """p(x) = rate exp(-rate x), x >= 0.

    score(x) = 1 / rate - x
    Fisher information = 1 / rate^2

    Args:
        rate: a real number from 1e-150 to 1e150, one over the mean.
    Raises:
        TypeError, ValueError: rate is not a finite number > 0.
    """

    rate: float
    parameters = ("rate",)

    def __post_init__(self) -> None:
        self._set(rate=checks.real("rate", self.rate, positive=True))

    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        """Standard exponential, shape (n,)."""
        n = checks.whole("n", n, 1)
        return checks.generator(rng).standard_exponential(n)

    def transform(self, noise: Floats) -> Floats:
        """noise / rate."""
        return noise / self.rate

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
