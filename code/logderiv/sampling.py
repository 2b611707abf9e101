"""Chapter 3. Estimators of grad E[f(x)] from n samples.

    estimate = 1/n sum_i (f(x_i) - b_i) * score(x_i)

Every estimator returns an `Estimate`: the gradient never comes without its
standard error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from logderiv import checks
from logderiv.checks import Floats, Payoff
from logderiv.identity import Exponential, Family, Gaussian

BASELINES = ("leave-one-out", "optimal")


@dataclass(frozen=True, eq=False)
class Estimate:
    """A Monte-Carlo gradient and how far to trust it.

    Attributes:
        gradient: (p,), the mean of the terms.
        variance: (p,), sample variance (ddof 1) of the terms averaged.
        standard_error: (p,), of ``gradient``; for "leave-one-out" without
            groups and for "optimal", whose terms share samples, as n grows.
        calls: how many values of f, or of its derivative, were used.
        n: how many samples were drawn.
    """

    gradient: Floats
    variance: Floats
    standard_error: Floats
    calls: int
    n: int


def _mean_of(terms: Floats, n: int) -> Estimate:
    """The Estimate whose independent terms are the rows of (m, p)."""
    checks.bounded("a term of the estimate", terms)
    variance = terms.var(axis=0, ddof=1)
    error = np.sqrt(variance / len(terms))
    return Estimate(terms.mean(axis=0), variance, error, calls=n, n=n)


def score_function(
    f: Payoff,
    dist: Family,
    n: int,
    rng: np.random.Generator,
    baseline: float | str | None = None,
    group: int | None = None,
) -> Estimate:
    """grad E[f(x)] ~ 1/n sum_i (f(x_i) - b_i) * score(x_i), x_i ~ p.

    Requires: a support that does not move with theta, so that
    E[score] = 0 (`score_check` sounds the alarm); b_i that has not seen x_i.

    Args:
        f: maps samples (n, ...) to payoffs (n,).
        dist: the family, at the theta where the gradient is wanted.
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
    _check_baseline(baseline)
    n = checks.whole("n", n, 4 if baseline == "optimal" else 2)
    size = _group_size(group, baseline, n)
    x, score = _draw(dist, n, rng)
    values = checks.payoff(f, x)[:, None]
    terms = (values - _baseline(baseline, values, score, size)) * score
    if group is not None:
        terms = terms.reshape(n // size, size, -1).mean(axis=1)
    return _mean_of(terms, n)


def _baseline(
    baseline: float | str | None, values: Floats, score: Floats, size: int
) -> Floats | float:
    """b_i for each sample: shape (n, 1), (n, p), or one number."""
    if baseline == "leave-one-out":
        return leave_one_out(values, size)
    if baseline == "optimal":
        return _other_half(values, score)
    return 0.0 if baseline is None else float(baseline)


def _check_baseline(baseline: object) -> None:
    """None, a number or a name; what biases is refused with the reason."""
    if baseline is None or (
        isinstance(baseline, str) and baseline in BASELINES
    ):
        return
    if isinstance(baseline, str) and baseline in ("mean", "own-mean"):
        raise ValueError(
            f"baseline {baseline!r} contains the sample it is subtracted "
            "from: the gradient shrinks by 1 - 1/n; use 'leave-one-out'"
        )
    if isinstance(baseline, str):
        raise ValueError(
            f"baseline must be None, a number or one of {BASELINES}, "
            f"got {baseline!r}"
        )
    if callable(baseline):
        raise TypeError(
            "a baseline that is a function of the sample biases the "
            f"gradient by grad E[b]; got {baseline!r}"
        )
    checks.real("baseline", baseline)


def _group_size(group: int | None, baseline: object, n: int) -> int:
    """How many samples share a leave-one-out baseline: n without groups."""
    if group is None:
        return n
    if baseline != "leave-one-out":
        raise ValueError(
            f"group = {group} goes with baseline 'leave-one-out' only, "
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


def _other_half(values: Floats, score: Floats) -> Floats:
    """b = E[f s^2] / E[s^2] from the half that sample i is not in: (n, p)."""
    half = len(values) // 2
    first = _optimal_baseline(values[:half], score[:half])
    second = _optimal_baseline(values[half:], score[half:])
    in_first = (np.arange(len(values)) < half)[:, None]
    return np.where(in_first, second, first)


def _optimal_baseline(values: Floats, score: Floats) -> Floats:
    """E[f s^2] / E[s^2] for each parameter, 0 where every score is 0."""
    weight = (score**2).sum(axis=0)
    top = (values * score**2).sum(axis=0)
    return np.divide(top, weight, out=np.zeros_like(top), where=weight > 0)


def pathwise(
    f: Payoff,
    dist: Gaussian | Exponential,
    n: int,
    rng: np.random.Generator,
    derivative: Callable[[np.ndarray], ArrayLike],
) -> Estimate:
    """grad E[f(x)] ~ 1/n sum_i f'(x_i) * dx_i/dtheta, x = path(theta, noise).

    Requires: f differentiable with E|f'| < infinity. A jump in f breaks it
    without a sound: the derivative does not see the jump.

    Args:
        f: maps samples (n, ...) to payoffs (n,); used to check derivative.
        dist: Gaussian or Exponential; a discrete sample has no path.
        n: number of samples, >= 2.
        rng: source of randomness.
        derivative: f', maps samples (n, ...) to the same shape.
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
    x = dist.sample(n, checks.generator(rng))
    if not callable(derivative):
        raise TypeError(f"derivative must be a function, got {derivative!r}")
    slope = checks.array("derivative(x)", derivative(x.copy()), x.shape)
    _same_slope(f, x[:8], slope[:8])
    return _mean_of(dist.path(x, slope), n)


def _same_slope(f: Payoff, x: Floats, slope: Floats) -> None:
    """Hold ``slope`` against differences of f on a few samples together."""
    step = 1e-5 * np.minimum(np.abs(x), x.std(axis=0))
    high, low = checks.payoff(f, x + step), checks.payoff(f, x - step)
    want = high - low
    got = 2 * (slope * step).reshape(len(x), -1).sum(axis=1)
    size = np.linalg.norm
    rounding = 1e-14 * (size(high) + size(low))
    if size(want - got) > 1e-3 * (size(want) + size(got)) + rounding:
        row = int(np.abs(want - got).argmax())
        raise ValueError(
            f"derivative and f disagree at x = {x[row]}: a small step should "
            f"change f by {got[row]:.6g}, it does by {want[row]:.6g}"
        )


class Scored(Protocol):
    """Any object with sample and score."""

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray: ...

    def score(self, x: np.ndarray) -> Floats: ...


@dataclass(frozen=True, eq=False)
class ScoreCheck:
    """What `score_check` found: mean score, its standard error, verdict."""

    mean: Floats
    standard_error: Floats
    passed: bool


def _draw(
    dist: Scored, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, Floats]:
    """n samples, (n, ...), and their scores, (n, p)."""
    if not (hasattr(dist, "sample") and hasattr(dist, "score")):
        raise TypeError(f"dist must have sample and score, got {dist!r}")
    x = dist.sample(n, checks.generator(rng))
    return x, checks.array("score", dist.score(x), (n, None))


def score_check(
    dist: Scored, rng: np.random.Generator, n: int = 100_000
) -> ScoreCheck:
    """E[score(x)] = 0, the licence of every score-function estimator.

    Rings where the support moves with theta so that mass is lost or gained,
    and for a score whose mean is not 0. Its silence proves nothing.

    Args:
        dist: any object with ``sample(n, rng)`` and ``score(x)``.
        rng: source of randomness.
        n: number of samples, >= 1000.
    Returns:
        ScoreCheck; passed unless a mean is more than 6 standard errors
        from 0 (2e-9 a parameter for a right score and a normal mean).
    """
    _, score = _draw(dist, checks.whole("n", n, 1000), rng)
    variance = score.var(axis=0)
    if hasattr(dist, "fisher"):
        variance = np.maximum(variance, np.diag(dist.fisher()))
    mean, error = score.mean(axis=0), np.sqrt(variance / n)
    rounding = 1e-12 * np.abs(score).max()
    passed = bool((np.abs(mean) <= 6 * error + rounding).all())
    return ScoreCheck(mean, error, passed)
