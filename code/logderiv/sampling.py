"""Chapter 3. The estimators of ``logderiv.plain``, behind a door.

    score_function      (f(x) - b) * score(x)
    pathwise            f'(x) * dx/dtheta
    measure_valued      constant * (f(plus) - f(minus))
    finite_difference   (f(x at theta + h) - f(x at theta - h)) / (2 h)

What goes in is checked. Samples are drawn, used and forgotten block by block.
Every one returns an `Estimate`: the gradient, the mean of n such terms, never
comes without its standard error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from logderiv import checks
from logderiv.checks import Floats, Payoff, Samples
from logderiv.estimate import Estimate, RunningMoments
from logderiv.family import (
    DrawPair,
    Family,
    Pair,
    WeightedPair,
    checked_family,
    sums_of,
)
from logderiv.memory import blocks, rows_of
from logderiv.plain import Baseline, mean_of_others

BASELINES = ("leave-one-out", "optimal")

# Of a sample's size, to hold a derivative against differences.
STEPS = (1e-5, 1e-7, 1e-9, 1e-11)
# Of n * mean^2: a spread that is smaller is the rounding of sums of squares.
ROUNDING = 1e-13


class Scored(Protocol):
    """Any object with sample and score."""

    def sample(self, n: int, rng: np.random.Generator, /) -> Samples: ...

    def score(self, x: Samples, /) -> ArrayLike: ...


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
    source = _source(dist, rng)
    with np.errstate(over="ignore", invalid="ignore"):
        if group is not None:
            return _grouped(f, source, n, rng, _group_size(group, baseline, n))
        if baseline == "optimal":
            return _cross_fitted(f, source, n, rng)
        if baseline == "leave-one-out":
            return _leave_one_out(f, source, n, rng)
        return _with_constant(f, source, n, rng, float(baseline or 0.0))


def _with_constant(
    f: Payoff, source: "Source", n: int, rng: np.random.Generator, b: float
) -> Estimate:
    """The sums of the terms (f - b) * score, and of their squares."""
    total = squares = np.zeros(1)
    for m in blocks(n, source.rows_summed):
        x = source.sample(m, rng)
        weight = checks.payoff(f, x) - b
        sums = source.score_sums(x, np.stack([weight, weight**2]))
        total, squares = total + sums[0, 0], squares + sums[1, 1]
    return _estimate(total, squares, n)


def _leave_one_out(
    f: Payoff, source: "Source", n: int, rng: np.random.Generator
) -> Estimate:
    """f_i less the mean of the others is n / (n - 1) * (f_i - mean of all)."""
    sums = _baseline_sums(f, source, n, rng)
    total, squares = sums.terms(sums.mean)
    scale = n / (n - 1)
    return _estimate(scale * total, scale**2 * squares, n)


class BaselineSums:
    """Sums over n samples from which every baseline follows, w = f - pivot.

    The variance of a term is a parabola in the baseline; these sums are its
    coefficients.

    Attributes:
        pivot: what is taken from every payoff first, against cancellation;
            the mean of the first payoffs, if not given.
        count: n.
        total: sum of w.
        sums: (2, 3, p), sums of s, w s and w^2 s; of s^2, w s^2 and w^2 s^2.
    """

    def __init__(self, pivot: float | None = None) -> None:
        self.pivot, self.count, self.total = pivot, 0, 0.0
        self.sums = np.zeros((2, 3, 1))

    def add(self, source: "Source", x: Samples, payoff: Floats) -> None:
        """Take further samples and their payoffs in."""
        if self.pivot is None:
            self.pivot = float(payoff.mean())
        weights = np.ones((3, len(payoff)))
        np.subtract(payoff, self.pivot, out=weights[1])
        np.square(weights[1], out=weights[2])
        self.count += len(payoff)
        self.total += weights[1].sum()
        self.sums = source.score_sums(x, weights) + self.sums

    @property
    def mean(self) -> float:
        """Mean w."""
        return self.total / self.count

    @property
    def optimal(self) -> Floats:
        """E[w s^2] / E[s^2] for each parameter, 0 where every score is 0."""
        weight, top, _ = self.sums[1]
        return np.divide(top, weight, out=np.zeros_like(top), where=weight > 0)

    def terms(self, b: Floats | float) -> tuple[Floats, Floats]:
        """The sums of (w - b) s and of its square, (p,) each."""
        (s, ws, _), (s2, ws2, w2s2) = self.sums
        return ws - b * s, w2s2 - 2 * b * ws2 + b**2 * s2


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


class Foreign:
    """An object with sample and score behind what is asked of a family."""

    rows_scored = rows_summed = rows_of(64)
    """How wide its samples and scores are, nobody knows."""

    def __init__(self, dist: Scored) -> None:
        self.dist = dist

    def sample(self, m: int, rng: np.random.Generator) -> Samples:
        """m samples, (m, ...)."""
        x = np.asarray(self.dist.sample(m, rng))
        if x.shape[:1] != (m,):
            raise ValueError(
                f"dist.sample({m}, rng) must return {m} rows, "
                f"got shape {x.shape}"
            )
        return x

    def score(self, x: Samples) -> Floats:
        """The scores of samples x, which get a copy, (m, p)."""
        score = self.dist.score(x.copy())
        return checks.array("score", score, (len(x), None))

    def score_sums(self, x: Samples, weights: Floats) -> Floats:
        """As `Family.score_sums`."""
        return sums_of(self.score(x), weights)


Source = Family | Foreign


def _source(dist: Scored, rng: object) -> Source:
    """dist, behind checks unless it is a family."""
    checks.generator(rng)
    if isinstance(dist, Family):
        return dist
    methods = (getattr(dist, name, None) for name in ("sample", "score"))
    if isinstance(dist, type) or not all(map(callable, methods)):
        raise TypeError(f"dist must have sample and score, got {dist!r}")
    return Foreign(dist)


def _baseline_sums(
    f: Payoff,
    source: Source,
    n: int,
    rng: np.random.Generator,
    pivot: float | None = None,
) -> BaselineSums:
    """The sums of n samples."""
    sums = BaselineSums(pivot)
    for m in blocks(n, source.rows_summed):
        x = source.sample(m, rng)
        sums.add(source, x, checks.payoff(f, x))
    return sums


def _cross_fitted(
    f: Payoff, source: Source, n: int, rng: np.random.Generator
) -> Estimate:
    """Each half of the samples with the optimal baseline of the other."""
    one = _baseline_sums(f, source, n // 2, rng)
    two = _baseline_sums(f, source, n - n // 2, rng, one.pivot)
    total_1, squares_1 = one.terms(two.optimal)
    total_2, squares_2 = two.terms(one.optimal)
    return _estimate(total_1 + total_2, squares_1 + squares_2, n)


def _grouped(
    f: Payoff, source: Source, n: int, rng: np.random.Generator, size: int
) -> Estimate:
    """The mean of leave-one-out estimates of n / size groups."""
    moments = RunningMoments()
    for m in blocks(n, source.rows_scored, unit=size):
        x = source.sample(m, rng)
        payoff = checks.payoff(f, x).reshape(-1, size).T
        weight = (payoff - mean_of_others(payoff)).T
        score = source.score(x).reshape(*weight.shape, -1)
        moments.add(np.einsum("gi,gip->gp", weight, score) / size)
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


def pathwise(
    f: Payoff,
    dist: Family,
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
    dist = checked_family(dist)
    n = checks.whole("n", n, 2)
    checks.function("derivative", derivative)
    moments = RunningMoments()
    for m in blocks(n, rows_of(len(dist.parameters))):
        x = dist.sample(m, rng)
        slope = checks.array(
            "derivative(x)", derivative(x.copy()), x.shape, booleans=True
        )
        terms = checks.array(
            "dist.path", dist.path(x, slope), (m, len(dist.parameters))
        )
        if not moments.count:
            _check_slope(f, x[:8], slope[:8])
        moments.add(terms)
    return moments.estimate(n, calls=n)


def _check_slope(f: Payoff, x: Floats, slope: Floats) -> None:
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
    distributions (`Family.weak_derivatives`). Nothing is asked of f, and no
    score is needed.

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
    pairs = checked_family(dist).weak_derivatives()
    return _paired(f, pairs, n, rng, coupled)


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
    pairs = central_differences(dist, step)
    return _paired(f, pairs, n, rng, common_random_numbers)


def central_differences(dist: Family, step: float) -> list[WeightedPair]:
    """(E[f] at theta_j + step, less E[f] at theta_j - step) / (2 step).

    A coupled pair is one noise, transformed at both thetas.

    Args:
        dist: a family of ``logderiv.identity``.
        step: > 0, in the units of each parameter.
    Returns:
        A WeightedPair for each of ``dist.parameters``.
    Raises:
        TypeError: another distribution.
        ValueError: step leaves the range of a parameter, or is lost in the
            rounding of one.
    """
    dist = checked_family(dist)
    step = checks.real("step", step, positive=True)
    return [
        WeightedPair(0.5 / step, _both_sides(dist, j, step))
        for j in range(len(dist.parameters))
    ]


def _both_sides(dist: Family, j: int, step: float) -> DrawPair:
    above, below = dist.moved(j, step), dist.moved(j, -step)

    def sides(m: int, rng: np.random.Generator) -> Pair:
        noise = dist.noise(m, rng)
        return above.transform(noise), below.transform(noise)

    return sides


def _paired(
    f: Payoff,
    pairs: list[WeightedPair],
    n: int,
    rng: np.random.Generator,
    coupled: bool,
) -> Estimate:
    """The mean of constant * (f(plus) - f(minus)), a column a pair."""
    n = checks.whole("n", n, 2)
    checks.generator(rng)
    checks.boolean("coupled or common_random_numbers", coupled)
    moments = RunningMoments()
    for m in blocks(n, rows_of(len(pairs))):
        terms, size = np.empty((m, len(pairs))), np.empty(len(pairs))
        for j, pair in enumerate(pairs):
            plus, minus = pair.draw(m, rng, coupled)
            high = checks.payoff(f, plus).copy()
            low = checks.payoff(f, minus)
            with np.errstate(over="ignore"):
                terms[:, j] = pair.constant * (high - low)
                largest = np.abs(high).max() + np.abs(low).max()
                size[j] = pair.constant * largest
        moments.add(terms, size)
    return moments.estimate(n, calls=2 * n * len(pairs))


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
    source = _source(dist, rng)
    score = checks.array(
        "score", source.score(source.sample(n, rng)), (n, None)
    )
    variance = score.var(axis=0)
    information = getattr(dist, "fisher", None)
    if callable(information):
        square = (score.shape[1], score.shape[1])
        fisher = checks.array("dist.fisher()", information(), square)
        variance = np.maximum(variance, np.diag(fisher))
    mean, error = score.mean(axis=0), np.sqrt(variance / n)
    rounding = 1e-12 * np.abs(score).max()
    passed = bool((np.abs(mean) <= 6 * error + rounding).all())
    return ScoreCheck(mean, error, passed)
