"""Chapter 1. Families p(x; theta), each with its score, grad log p.

    grad p(x) = p(x) * grad log p(x)        wherever p(x) > 0

Every family has the same members (`logderiv.family.Family`): ``parameters``,
``sample``, ``log_prob``, ``score``, ``fisher`` and others. The columns of the
score follow ``parameters``. Parameters are checked once, at construction, and
cannot be changed after it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, gammaln, log_softmax, xlogy
from scipy.stats.sampling import DiscreteAliasUrn

from logderiv import checks
from logderiv.checks import Floats, Samples
from logderiv.family import (
    DrawPair,
    Family,
    Pair,
    WeightedPair,
    inside,
    samples,
    uniform,
)
from logderiv.memory import rows_of

# From 2e13 on the variance of NumPy's Poisson draws is wrong (numpy#31986).
LARGEST_SAMPLED, LARGEST_TABULATED, LARGEST_LISTED = 5e12, 1e10, 1e6
LEAST_SPREAD = 1e-12


def _is_one(value: object) -> bool:
    """Whether a value is one thing, not a list."""
    try:
        return np.ndim(value) == 0  # type: ignore[arg-type]
    except ValueError:
        return False


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
        return uniform(n, rng)

    def transform(self, noise: Floats) -> Samples:
        """1 where the noise is below p(1), integers, shape (n,)."""
        return (noise < self.probability).astype(np.int64)

    def log_prob(self, x: ArrayLike) -> Floats:
        """log p(x), shape (n,); -inf where x is neither 0 nor 1."""
        x = samples(x)
        log_p0, log_p1 = -np.logaddexp(0, [self.logit, -self.logit])
        return np.where(x == 1, log_p1, np.where(x == 0, log_p0, -np.inf))

    def score(self, x: ArrayLike) -> Floats:
        """x - p(1), shape (n, 1). Raises ValueError outside {0, 1}."""
        x = samples(x)
        x = inside(x, (x == 0) | (x == 1), "{0, 1}")
        score = np.where(x == 1, expit(-self.logit), -expit(self.logit))
        return score[:, None]

    def fisher(self) -> Floats:
        """E[score score^T], shape (1, 1)."""
        return np.array([[expit(self.logit) * expit(-self.logit)]])

    def outcomes(self) -> Samples:
        """0 and 1."""
        return np.arange(2)

    def weak_derivatives(self) -> list[WeightedPair]:
        """p(1) p(0) * (1 - 0): both sides are certain."""

        def sides(m: int, rng: np.random.Generator) -> Pair:
            return np.ones(m, dtype=np.int64), np.zeros(m, dtype=np.int64)

        return [WeightedPair(self.fisher().item(), sides)]


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

    def _support(self, x: Samples) -> Samples:
        return (x >= 0) & (x < len(self.logits)) & (x == np.floor(x))

    def sample(self, n: int, rng: np.random.Generator) -> Samples:
        """n independent draws, integers 0 to K - 1, shape (n,)."""
        n, rng = checks.whole("n", n, 1), checks.generator(rng)
        return self._urn.rvs(n, random_state=rng).astype(np.int64)

    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        """Uniform, shape (n,)."""
        return uniform(n, rng)

    def transform(self, noise: Floats) -> Samples:
        """The first a whose cumulative probability exceeds the noise."""
        return np.searchsorted(self._below, noise, side="right")

    @cached_property
    def _below(self) -> Floats:
        return np.cumsum(self.probabilities)[:-1]

    @property
    def rows_summed(self) -> int:
        """Many more samples than arms: each block walks through the arms."""
        return max(rows_of(1), 16 * len(self.logits))

    def score_sums(self, x: Samples, weights: Floats) -> Floats:
        """x is only counted, there is no (n, K) array: an arm's score is
        1 - p where it came up and -p elsewhere.
        """
        p, others = self.probabilities, self._others
        here = np.stack([np.bincount(x, row, len(p)) for row in weights])
        elsewhere = here.sum(axis=1, keepdims=True) - here
        sums = np.empty((2, *here.shape))
        sums[0] = here * others - elsewhere * p
        sums[1] = here * others**2 + elsewhere * p**2
        return sums

    def log_prob(self, x: ArrayLike) -> Floats:
        """log p(x), shape (n,); -inf outside {0, ..., K - 1}."""
        x = samples(x)
        support = self._support(x)
        index = np.where(support, x, 0).astype(np.int64)
        return np.where(support, log_softmax(self.logits)[index], -np.inf)

    def score(self, x: ArrayLike) -> Floats:
        """e_x - p, shape (n, K). Raises ValueError outside the support."""
        x = samples(x)
        last = len(self.logits) - 1
        x = inside(x, self._support(x), f"{{0, ..., {last}}}")
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

    def outcomes(self) -> Samples:
        """0 to K - 1."""
        return np.arange(len(self.logits))

    def weak_derivatives(self) -> list[WeightedPair]:
        """p_j (1 - p_j) * (arm j - another arm, drawn by p), for every j."""
        weights = self.probabilities * self._others
        return [
            WeightedPair(weight, self._arm_and_another(arm))
            for arm, weight in enumerate(weights.tolist())
        ]

    def _arm_and_another(self, arm: int) -> DrawPair:
        if len(self.logits) == 1:
            return lambda m, rng: (np.full(m, arm), np.full(m, arm))
        others = Categorical(np.delete(self.logits, arm))

        def sides(m: int, rng: np.random.Generator) -> Pair:
            another = others.sample(m, rng)
            return np.full(m, arm), another + (another >= arm)

        return sides


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
        mean: float | Floats
        std: float | Floats
        if _is_one(self.mean) and _is_one(self.std):
            mean = checks.real("mean", self.mean)
            std = checks.real("std", self.std, positive=True)
        else:
            mean, std = self._lists()
        if np.any(std < LEAST_SPREAD * np.abs(mean)):
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
    def event(self) -> tuple[int, ...]:
        """() or (D,)."""
        return np.shape(self.mean)

    @property
    def parameters(self) -> tuple[str, ...]:
        """("mean", "std"), or ("mean[0]", ..., "std[D-1]")."""
        if not self.event:
            return ("mean", "std")
        size = range(self.event[0])
        return tuple(f"{name}[{d}]" for name in ("mean", "std") for d in size)

    def noise(self, n: int, rng: np.random.Generator) -> Floats:
        """Standard normal, shape (n,) or (n, D)."""
        shape = (checks.whole("n", n, 1), *self.event)
        return checks.generator(rng).standard_normal(shape)

    def transform(self, noise: Floats) -> Floats:
        """mean + std * noise."""
        x = self.std * noise
        x += self.mean
        return x

    def _standardised(self, x: ArrayLike) -> Floats:
        return (samples(x, (None, *self.event)) - self.mean) / self.std

    def log_prob(self, x: ArrayLike) -> Floats:
        """log p(x), summed over coordinates, shape (n,)."""
        with np.errstate(over="ignore"):
            z = self._standardised(x)
            power = z**2
        terms = -0.5 * power - np.log(self.std) - 0.5 * np.log(2 * np.pi)
        return terms.sum(axis=1) if self.event else terms

    def score(self, x: ArrayLike) -> Floats:
        """(x - mean) / std^2, ((x - mean)^2 - std^2) / std^3: (n, p).

        Raises ValueError where x is infinite.
        """
        x = samples(x, (None, *self.event))
        x = inside(x, np.isfinite(x), "the finite numbers")
        with np.errstate(over="ignore"):
            z = self._standardised(x)
            score = np.column_stack([z / self.std, (z**2 - 1) / self.std])
        return checks.bounded("the score", score)

    @property
    def rows_summed(self) -> int:
        """`score_sums` holds D numbers a sample, not the 2 D of a score."""
        return rows_of(np.size(self.mean))

    def score_sums(self, x: Samples, weights: Floats) -> Floats:
        """With z = (x - mean) / std, the scores are z / std and
        (z^2 - 1) / std: sums of z, z^2 and z^4 are enough.
        """
        z = x - self.mean
        z *= 1 / np.asarray(self.std)
        z = z.reshape(len(x), -1)
        power = z * z
        with_z, with_z2 = weights @ z, weights @ power
        with_z4 = weights @ np.square(power, out=power)
        in_std = with_z2 - weights.sum(axis=1, keepdims=True)
        scale = np.tile(1 / np.atleast_1d(self.std), 2)
        first = np.hstack([with_z, in_std]) * scale
        second = np.hstack([with_z2, with_z4 - with_z2 - in_std]) * scale**2
        return np.stack([first, second])

    def path(self, x: ArrayLike, slope: Floats) -> Floats:
        """slope * dx/dparameter along x = mean + std * noise: (n, p)."""
        return np.column_stack([slope, slope * self._standardised(x)])

    def fisher(self) -> Floats:
        """E[score score^T], shape (p, p)."""
        precision = np.atleast_1d(self.std) ** -2.0
        return np.diag(np.concatenate([precision, 2 * precision]))

    def knots(self, panels: int) -> Floats:
        """From -37 to 37 std, ``panels`` of them within 12."""
        if np.size(self.mean) > 1:
            raise ValueError(
                "exact quadrature is for one dimension, "
                f"got a Gaussian with mean {self.mean}"
            )
        tail = np.linspace(12, 37, 26)[1:]
        middle = np.linspace(-12, 12, panels + 1)
        z = np.concatenate([-tail[::-1], middle, tail])
        return np.squeeze(self.mean) + np.squeeze(self.std) * z

    def weak_derivatives(self) -> list[WeightedPair]:
        """mean: (mean + std R less mean - std R) / (std sqrt(2 pi)),
        std: (mean + std M less mean + std M U) / std.

        R is Rayleigh, M is Maxwell with a random sign, U uniform on [0, 1),
        so that M U is standard normal.
        """
        std = np.atleast_1d(self.std)
        return [
            WeightedPair(constant, self._along(d, standard))
            for constants, standard in (
                (1 / (std * np.sqrt(2 * np.pi)), _rayleigh),
                (1 / std, _maxwell),
            )
            for d, constant in enumerate(constants)
        ]

    def _along(self, d: int, standard: DrawPair) -> DrawPair:
        """Samples whose coordinate d follows a standardised pair."""

        def sides(m: int, rng: np.random.Generator) -> Pair:
            noise = self.noise(m, rng)
            plus, minus = noise.copy(), noise
            plus.reshape(m, -1)[:, d], minus.reshape(m, -1)[:, d] = standard(
                m, rng
            )
            return self.transform(plus), self.transform(minus)

        return sides


def _rayleigh(m: int, rng: np.random.Generator) -> Pair:
    draw = rng.rayleigh(size=m)
    return draw, -draw


def _maxwell(m: int, rng: np.random.Generator) -> Pair:
    size = np.sqrt(rng.chisquare(3, m))
    draw = np.where(rng.random(m) < 0.5, size, -size)
    return draw, draw * rng.random(m)


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

    def sample(self, n: int, rng: np.random.Generator) -> Samples:
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
        return uniform(n, rng)

    def transform(self, noise: Floats) -> Samples:
        """The first count whose cumulative probability exceeds the noise."""
        first, below = self._below
        return first + np.searchsorted(below, noise, side="right")

    @cached_property
    def _below(self) -> tuple[int, Floats]:
        """The first count that can come up, and cumulated probabilities."""
        self._check_rate(LARGEST_TABULATED)
        counts = self._around(12 * np.sqrt(self.rate) + 60)
        p = np.exp(self.log_prob(counts))
        return counts[0], np.cumsum(p / p.sum())

    def _support(self, x: Samples) -> Samples:
        return (x >= 0) & (x == np.floor(x)) & np.isfinite(x)

    def log_prob(self, x: ArrayLike) -> Floats:
        """log p(x), shape (n,); -inf unless x is 0, 1, 2, ..."""
        x = samples(x)
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
        x = samples(x)
        x = inside(x, self._support(x), "{0, 1, 2, ...}")
        with np.errstate(over="ignore"):
            score = (x - self.rate) / self.rate
        return checks.bounded("the score", score[:, None])

    def fisher(self) -> Floats:
        """E[score score^T], shape (1, 1)."""
        return np.array([[1 / self.rate]])

    def outcomes(self) -> Samples:
        """All within 40 sqrt(rate) + 200 of the rate, up to a rate of 1e6."""
        if self.rate > LARGEST_LISTED:
            raise ValueError(
                f"exact sums are for rates up to {LARGEST_LISTED:g}, "
                f"got {self!r}"
            )
        return self._around(40 * np.sqrt(self.rate) + 200)

    def _around(self, reach: float) -> Samples:
        first = max(0, int(self.rate - reach))
        return np.arange(first, int(self.rate + reach))

    def weak_derivatives(self) -> list[WeightedPair]:
        """1 * (x + 1 less x)."""

        def sides(m: int, rng: np.random.Generator) -> Pair:
            x = self.sample(m, rng)
            return x + 1, x

        return [WeightedPair(1.0, sides)]


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
        x = samples(x)
        return np.where(x >= 0, np.log(self.rate) - self.rate * x, -np.inf)

    def score(self, x: ArrayLike) -> Floats:
        """1 / rate - x, shape (n, 1). Raises ValueError where x < 0."""
        x = samples(x)
        x = inside(x, (x >= 0) & np.isfinite(x), "[0, inf)")
        return (1 / self.rate - x)[:, None]

    def path(self, x: ArrayLike, slope: Floats) -> Floats:
        """slope * dx/drate along x = noise / rate: (n, 1)."""
        return (-slope * samples(x) / self.rate)[:, None]

    def fisher(self) -> Floats:
        """E[score score^T], shape (1, 1)."""
        return np.array([[self.rate**-2.0]])

    def knots(self, panels: int) -> Floats:
        """From 0 to 700 / rate, ``panels`` of them up to 30, finer at 0."""
        near = np.linspace(0, 30, panels + 1)
        near = np.concatenate([[0], np.geomspace(1e-6, 0.1, 17), near[2:]])
        return np.concatenate([near, np.geomspace(30, 700, 33)[1:]]) / self.rate

    def weak_derivatives(self) -> list[WeightedPair]:
        """1 / rate * (x less x + x'), x' another draw."""

        def sides(m: int, rng: np.random.Generator) -> Pair:
            x = self.sample(m, rng)
            return x, x + self.sample(m, rng)

        return [WeightedPair(1 / self.rate, sides)]
