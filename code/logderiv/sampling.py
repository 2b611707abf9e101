"""Chapter 3. Estimators of grad E[f(x)], each the mean of n such terms:

    score_function      (f(x) - b) * score(x)
    pathwise            f'(x) * dx/dtheta
    measure_valued      constant * (f(plus) - f(minus))
    finite_difference   (f(x at theta + h) - f(x at theta - h)) / (2 h)

Every one returns an `Estimate`: the gradient never comes without its standard
error. Samples are drawn, used and forgotten block by block.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from logderiv import checks
from logderiv.checks import Floats, Payoff
from logderiv.estimate import Estimate, RunningMoments, blocks
from logderiv.identity import (
    Categorical,
    Exponential,
    Family,
    Gaussian,
    ScoreSums,
    score_sums,
)
from logderiv.measures import Split, central_difference, weak_derivative

BASELINES = ("leave-one-out", "optimal")
Baseline = float | str | None

# Of a sample's size, to hold a derivative against differences.
STEPS = (1e-5, 1e-7, 1e-9, 1e-11)
# Of n * mean^2: a spread that is smaller is the rounding of sums of squares.
ROUNDING = 1e-13


class Scored(Protocol):
    """Any object with sample and score."""

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray: ...

    def score(self, x: np.ndarray) -> Floats: ...


def score_function(
    f: Payoff,
    dist: Scored,
    n: int,
    rng: np.random.Generator,
    baseline: Baseline = None,
    group: int | None = None,
) -> Estimate:
    """grad E[f(x)] ~ 1/n sum_i (f(x_i) - b_i) * score(x_i), x_i ~ p.

    Requires: independent samples, of each other and of b_i; a support that
    does not move with theta, so that E[score] = 0 (`score_check` may sound an
    alarm); no theta in f (a payoff with theta in it has a second term,
    E[grad f]); for the error bar, E[(f score)^2] < infinity and samples enough
    to have met what is rare and pays: a standard error of 0 may mean that
    nothing was seen.

    Args:
        f: maps samples (n, ...) to payoffs (n,); called on blocks of them.
        dist: a family of ``logderiv.identity``, or any object with ``sample``
            and ``score``, at the theta where the gradient is wanted.
        n: number of samples, >= 2; >= 4 with "optimal".
        rng: source of randomness.
        baseline: None; a constant; "leave-one-out", the mean payoff of the
            other samples; "optimal", E[f s^2] / E[s^2] for each parameter,
            estimated from the other half of the samples.
        group: with "leave-one-out", how many samples share a baseline (a
            divisor of n); the terms are then the estimates of the groups.
    Returns:
        Estimate.
    Raises:
        ValueError, TypeError: bad arguments, or a baseline that would bias.
    Source: Williams (1992); Greensmith, Bartlett and Baxter (2004).
    """
    baseline = _checked_baseline(baseline)
    n = checks.whole("n", n, 4 if baseline == "optimal" else 2)
    _check_source(dist, rng)
    with np.errstate(over="ignore", invalid="ignore"):
        if group is not None:
            size = _group_size(group, baseline, n)
            return _grouped(f, dist, n, rng, size)
        if baseline == "optimal":
            return _cross_fitted(f, dist, n, rng)
        if baseline == "leave-one-out":
            sums = _baseline_sums(f, dist, n, rng, pivot=None)
            return sums.estimate(shift=sums.mean, scale=n / (n - 1))
        return _with_constant(f, dist, n, rng, baseline or 0.0)


def _with_constant(
    f: Payoff, dist: Scored, n: int, rng: np.random.Generator, baseline: float
) -> Estimate:
    """The Estimate with terms (f - baseline) * s."""
    total, squares = 0.0, 0.0
    for m in _block_sizes(dist, n):
        x, sums_of_scores = _scored_sample(dist, m, rng)
        weights = np.empty((2, m))
        np.subtract(checks.payoff(f, x), baseline, out=weights[0])
        np.square(weights[0], out=weights[1])
        _, (first, second) = sums_of_scores(weights)
        total += first[0]
        squares += second[1]
    return _estimate(total, squares, n)


@dataclass
class BaselineSums:
    """Sums over n samples from which every baseline follows, w = f - pivot.

    The variance of a term is a parabola in the baseline; these sums are its
    coefficients.

    Attributes:
        pivot: what is taken from every payoff first, against cancellation.
        total: (3,), sums of 1, w and w^2.
        sums: (2, 3, p), sums of s, w s and w^2 s; of s^2, w s^2 and w^2 s^2.
    """

    pivot: float
    total: Floats | float = 0.0
    sums: Floats | float = 0.0

    def add(self, values: Floats, sums_of_scores: ScoreSums) -> None:
        """Take m further payoffs and the sums of their scores in."""
        weights = np.empty((3, len(values)))
        weights[0] = 1
        np.subtract(values, self.pivot, out=weights[1])
        np.square(weights[1], out=weights[2])
        total, sums = sums_of_scores(weights)
        self.total += total
        self.sums += sums

    @property
    def mean(self) -> float:
        """Mean w."""
        return self.total[1] / self.total[0]

    @property
    def optimal(self) -> Floats:
        """E[w s^2] / E[s^2] for each parameter, 0 where every score is 0."""
        weight, top, _ = self.sums[1]
        return np.divide(top, weight, out=np.zeros_like(top), where=weight > 0)

    def terms(self, shift: Floats | float) -> tuple[Floats, Floats]:
        """The sums of (w - shift) s and of its square, (p,) each."""
        (s, ws, _), (s2, ws2, w2s2) = self.sums
        return ws - shift * s, w2s2 - 2 * shift * ws2 + shift**2 * s2

    def estimate(self, shift: float, scale: float) -> Estimate:
        """The Estimate with terms scale * (w - shift) * s."""
        total, squares = self.terms(shift)
        n = int(self.total[0])
        return _estimate(scale * total, scale**2 * squares, n)


def _estimate(total: Floats, squares: Floats, n: int) -> Estimate:
    """The Estimate of n terms with this sum and this sum of squares."""
    if not np.isfinite(squares.sum()):
        raise ValueError(
            f"the terms' squares sum to {squares.sum()}: payoffs or scores "
            "are too large for floats"
        )
    lost = squares < np.finfo(float).tiny
    if lost.any() and total[lost].any():
        raise ValueError(
            f"the terms sum to {total[0]}, the squares to {squares.min()}: "
            "payoffs or scores are too small for floats"
        )
    mean = total / n
    spread = squares - n * mean**2
    spread[spread < ROUNDING * squares] = 0.0
    variance = spread / (n - 1)
    return Estimate(mean, variance, np.sqrt(variance / n), calls=n, n=n)


def _scored_sample(
    dist: Scored, m: int, rng: np.random.Generator
) -> tuple[np.ndarray, ScoreSums]:
    """m samples, and the weighted sums of their scores."""
    if type(dist) in (Categorical, Gaussian):
        return dist.scored_sample(m, rng)
    x = _sample(dist, m, rng)
    return x, score_sums(_scores(dist, x.copy()))


def _block_sizes(dist: Scored, n: int) -> Iterator[int]:
    """Blocks of samples whose scores fit a cache."""
    if type(dist) is Categorical:
        return blocks(n, dist.width, unit=16 * dist.logits.size)
    if type(dist) is Gaussian:
        return blocks(n, dist.width)
    return blocks(n, _width(dist))


def _width(dist: Scored) -> int:
    """How many numbers a sample or its score has; a guess for strangers."""
    if isinstance(dist, Family):
        return max(dist.width, len(dist.parameters))
    return 64


def _scores(dist: Scored, x: np.ndarray) -> Floats:
    """The scores of samples x, finite, (m, p)."""
    return checks.array("score", dist.score(x), (len(x), None))


def _sample(dist: Scored, m: int, rng: np.random.Generator) -> np.ndarray:
    """m samples, (m, ...)."""
    x = np.asarray(dist.sample(m, rng))
    if x.shape[:1] != (m,):
        raise ValueError(
            f"dist.sample({m}, rng) must return {m} rows, got shape {x.shape}"
        )
    return x


def _check_source(dist: object, rng: object) -> None:
    """Refuse what cannot be sampled."""
    methods = (getattr(dist, name, None) for name in ("sample", "score"))
    if isinstance(dist, type) or not all(map(callable, methods)):
        raise TypeError(f"dist must have sample and score, got {dist!r}")
    checks.generator(rng)


def _baseline_sums(
    f: Payoff,
    dist: Scored,
    n: int,
    rng: np.random.Generator,
    pivot: float | None,
) -> BaselineSums:
    """The sums of n samples; pivot None: the mean of the first payoffs."""
    sums = None
    for m in _block_sizes(dist, n):
        x, sums_of_scores = _scored_sample(dist, m, rng)
        values = checks.payoff(f, x)
        if sums is None:
            sums = BaselineSums(values.mean() if pivot is None else pivot)
        sums.add(values, sums_of_scores)
    return sums


def _cross_fitted(
    f: Payoff, dist: Scored, n: int, rng: np.random.Generator
) -> Estimate:
    """Each half of the samples with the optimal baseline of the other."""
    one = _baseline_sums(f, dist, n // 2, rng, pivot=None)
    two = _baseline_sums(f, dist, n - n // 2, rng, pivot=one.pivot)
    (total_1, squares_1), (total_2, squares_2) = (
        one.terms(two.optimal),
        two.terms(one.optimal),
    )
    return _estimate(total_1 + total_2, squares_1 + squares_2, n)


def _grouped(
    f: Payoff, dist: Scored, n: int, rng: np.random.Generator, size: int
) -> Estimate:
    """The mean of leave-one-out estimates of n / size groups."""
    moments = RunningMoments()
    for m in blocks(n, _width(dist), unit=size):
        x = _sample(dist, m, rng)
        values = checks.payoff(f, x)
        centred = values[:, None] - leave_one_out(values, size)
        terms = centred * _scores(dist, x)
        moments.add(terms.reshape(m // size, size, -1).mean(axis=1))
    return moments.estimate(n, calls=n)


def _checked_baseline(baseline: object) -> Baseline:
    """None, a number or a name; what biases is refused with the reason."""
    if isinstance(baseline, str) and baseline in ("mean", "own-mean"):
        raise ValueError(
            f"baseline {baseline!r} contains the sample it is subtracted "
            "from: the gradient shrinks by 1 - 1/n; use 'leave-one-out'"
        )
    if isinstance(baseline, str) and baseline not in BASELINES:
        raise ValueError(
            f"baseline must be None, a number or one of {BASELINES}, "
            f"got {baseline!r}"
        )
    if callable(baseline):
        raise TypeError(
            "a baseline that is a function of the sample biases the "
            f"gradient by grad E[b]; got {baseline!r}"
        )
    if baseline is None or isinstance(baseline, str):
        return baseline
    return checks.real("baseline", baseline)


def _group_size(group: object, baseline: Baseline, n: int) -> int:
    """How many samples share a leave-one-out baseline."""
    if baseline != "leave-one-out":
        raise ValueError(
            f"group = {group!r} goes with baseline 'leave-one-out' only, "
            f"got baseline {baseline!r}"
        )
    group = checks.whole("group", group, 2)
    if n % group or n == group:
        raise ValueError(
            f"n must be 2 or more whole groups of {group}, got n = {n}"
        )
    return group


def leave_one_out(values: Floats, size: int) -> Floats:
    """b_i = mean of the other payoffs in the group of i.

    Args:
        values: (n,) or (n, 1), payoffs.
        size: of a group, >= 2, a divisor of n.
    Returns:
        (n, 1).
    Raises:
        ValueError: size is no such number.
    Source: Mnih and Rezende (2016); Kool, van Hoof and Welling (2019).
    """
    if size < 2 or values.size % size:
        raise ValueError(
            f"groups of {size} do not divide {values.size} payoffs"
        )
    groups = values.reshape(-1, size)
    others = groups.sum(axis=1, keepdims=True) - groups
    return (others / (size - 1)).reshape(-1, 1)


def pathwise(
    f: Payoff,
    dist: Gaussian | Exponential,
    n: int,
    rng: np.random.Generator,
    derivative: Callable[[np.ndarray], ArrayLike],
) -> Estimate:
    """grad E[f(x)] ~ 1/n sum_i f'(x_i) * dx_i/dtheta, x = path(theta, noise).

    Requires: f absolutely continuous, no theta in it, and E|f'| < infinity. A
    kink does no harm. A jump breaks it without a sound: the derivative does
    not see the jump.

    Args:
        f: maps samples (n, ...) to payoffs (n,); called a few times, to check
            the derivative.
        dist: a family whose samples move smoothly with theta.
        n: number of samples, >= 2.
        rng: source of randomness.
        derivative: f', maps samples (n, ...) to the same shape; called on
            blocks of them.
    Returns:
        Estimate; ``calls`` counts values of the derivative.
    Raises:
        TypeError: a discrete family.
        ValueError: derivative has a wrong shape, or plainly is not that of f.
    Source: Mohamed, Rosca, Figurnov and Mnih (2020), section 5.
    """
    if not isinstance(dist, Gaussian | Exponential):
        raise TypeError(
            "pathwise needs samples that move smoothly with theta; "
            f"{dist!r} is discrete, or no family of logderiv.identity"
        )
    n = checks.whole("n", n, 2)
    checks.function("derivative", derivative)
    moments = RunningMoments()
    for m in blocks(n, len(dist.parameters)):
        x = dist.sample(m, rng)
        slope = checks.array(
            "derivative(x)", derivative(x.copy()), x.shape, booleans=True
        )
        if not moments.count:
            _same_slope(f, x[:8], slope[:8])
        moments.add(dist.path(x, slope))
    return moments.estimate(n, calls=n)


def _same_slope(f: Payoff, x: Floats, slope: Floats) -> None:
    """Hold ``slope`` against differences of f on a few samples together.

    Where f bends within the step, a smaller one is tried, as long as the
    change of f stands out of its rounding.
    """
    for size in STEPS:
        step = size * np.minimum(np.abs(x), x.std(axis=0))
        want, rounding = _change(f, x - step, x + step)
        got = (
            (slope * ((x + step) - (x - step))).reshape(len(x), -1).sum(axis=1)
        )
        close = 1e-3 * (np.abs(want).max() + np.abs(got).max())
        if size != STEPS[0] and rounding > close:
            break
        if np.abs(want - got).max() <= close + rounding * (size == STEPS[0]):
            return
    row = int(np.abs(want - got).argmax())
    raise ValueError(
        f"derivative and f disagree at x = {x[row]}: a small step should "
        f"change f by {got[row]:.6g}, it does by {want[row]:.6g}"
    )


def _change(f: Payoff, down: Floats, up: Floats) -> tuple[Floats, float]:
    """f(up) - f(down), and how far it may be off by the rounding of f."""
    high, low = (
        checks.bounded("f(x)", checks.payoff(f, side).copy())
        for side in (up, down)
    )
    single = np.array_equal(high, high.astype(np.float32))
    digits = np.finfo(np.float32 if single else np.float64).eps
    return high - low, 64 * digits * (np.abs(high).max() + np.abs(low).max())


def measure_valued(
    f: Payoff,
    dist: Family,
    n: int,
    rng: np.random.Generator,
    coupled: bool = True,
) -> Estimate:
    """grad_j E[f(x)] ~ 1/n sum_i constant_j * (f(plus_i) - f(minus_i)).

    The derivative of p in each parameter is a difference of two
    distributions (`logderiv.measures.weak_derivative`). Nothing is asked of
    f, and no score is needed.

    Args:
        f: maps samples (n, ...) to payoffs (n,); called on blocks of them.
        dist: a family of ``logderiv.identity``.
        n: number of pairs for each parameter, >= 2.
        rng: source of randomness.
        coupled: plus_i and minus_i share randomness. That often helps and
            can hurt: f = (x - k)^2 and |mean - k| > 1.53 std.
    Returns:
        Estimate; the terms are those of the pairs, calls = 2 n p.
    Raises:
        TypeError, ValueError: bad arguments.
    Source: Pflug (1989); Mohamed et al. (2020), section 6.
    """
    return _paired(f, weak_derivative(dist), dist, n, rng, coupled)


def finite_difference(
    f: Payoff,
    dist: Family,
    n: int,
    rng: np.random.Generator,
    step: float,
    common_random_numbers: bool = True,
) -> Estimate:
    """grad_j E[f] ~ 1/n sum_i (f(above_i) - f(below_i)) / (2 step).

    The samples above_i are drawn at theta_j + step, below_i at theta_j - step.

    Requires: a step that is small against the curvature of E[f]: the
    estimate is biased by step^2 / 6 times the third derivative.

    Args:
        f: maps samples (n, ...) to payoffs (n,); called on blocks of them.
        dist: a family of ``logderiv.identity``.
        n: number of pairs for each parameter, >= 2.
        rng: source of randomness.
        step: > 0, in the units of the parameters.
        common_random_numbers: both sides use the same noise (uniforms
            through the inverse of the distribution function, where x is
            discrete). Without, the variance grows as 1 / step^2.
    Returns:
        Estimate; the terms are those of the pairs, calls = 2 n p.
    Raises:
        TypeError, ValueError: bad arguments; a step that takes a parameter
            out of its range.
    Source: Glasserman (2003), chapter 7.
    """
    splits = central_difference(dist, step)
    return _paired(f, splits, dist, n, rng, common_random_numbers)


def _paired(
    f: Payoff,
    splits: list[Split],
    dist: Family,
    n: int,
    rng: np.random.Generator,
    coupled: bool,
) -> Estimate:
    """The mean of constant * (f(plus) - f(minus)), a column a split."""
    n = checks.whole("n", n, 2)
    checks.generator(rng)
    checks.boolean("coupled or common_random_numbers", coupled)
    moments = RunningMoments()
    for m in blocks(n, max(dist.width, len(splits))):
        terms, size = np.empty((m, len(splits))), np.empty(len(splits))
        for j, split in enumerate(splits):
            plus, minus = split.draw(m, rng, coupled)
            high = checks.payoff(f, plus).copy()
            low = checks.payoff(f, minus)
            with np.errstate(over="ignore"):
                terms[:, j] = split.constant * (high - low)
                largest = np.abs(high).max() + np.abs(low).max()
                size[j] = split.constant * largest
        moments.add(terms, size)
    return moments.estimate(n, calls=2 * n * len(splits))


@dataclass(frozen=True, eq=False)
class ScoreCheck:
    """What `score_check` found: mean score, its standard error, verdict."""

    mean: Floats
    standard_error: Floats
    passed: bool


def score_check(
    dist: Scored, rng: np.random.Generator, n: int = 100_000
) -> ScoreCheck:
    """E[score(x)] = 0, the licence of every score-function estimator.

    Rings where the support moves with theta so that mass is lost or gained,
    and for a score whose mean is not 0. Its silence proves nothing. Nor does a
    ring, quite: dependent samples ring, and so does a right score whose large
    values are too rare to have come up, as that of a coin with p = 1e-6 in p
    itself, unless ``dist.fisher()`` says how large they are.

    Requires: independent samples.

    Args:
        dist: any object with ``sample(n, rng)`` and ``score(x)``.
        rng: source of randomness.
        n: number of samples, >= 1000.
    Returns:
        ScoreCheck; passed unless a mean is more than 6 standard errors
        from 0 (2e-9 a parameter for a right score and a normal mean).
    """
    n = checks.whole("n", n, 1000)
    _check_source(dist, rng)
    score = _scores(dist, _sample(dist, n, rng))
    variance = score.var(axis=0)
    if callable(getattr(dist, "fisher", None)):
        square = (score.shape[1], score.shape[1])
        fisher = checks.array("dist.fisher()", dist.fisher(), square)
        variance = np.maximum(variance, np.diag(fisher))
    mean, error = score.mean(axis=0), np.sqrt(variance / n)
    rounding = 1e-12 * np.abs(score).max()
    passed = bool((np.abs(mean) <= 6 * error + rounding).all())
    return ScoreCheck(mean, error, passed)
