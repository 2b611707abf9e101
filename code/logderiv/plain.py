"""Chapter 3. Estimators of grad E[f(x)], as the pages show them.

Each returns its terms, (n, p): the estimate is ``terms.mean(axis=0)``.
Nothing is checked here; ``logderiv.sampling`` is the same behind a door.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from logderiv.checks import Floats, Samples
from logderiv.family import Family

Function = Callable[[Samples], Samples]
Baseline = float | str | None


def score_function(
    f: Function, dist: Family, n: int, rng: Generator, baseline: Baseline = None
) -> Floats:
    """(f(x) - b) * score(x)."""
    x = dist.sample(n, rng)
    payoff, score = f(x)[:, None], dist.score(x)
    return (payoff - baseline_of(baseline, payoff, score)) * score


def baseline_of(
    name: Baseline, payoff: Samples, score: Floats
) -> Floats | float:
    """b, from its name, or the constant itself."""
    if name == "leave-one-out":
        return mean_of_others(payoff)
    if name == "optimal":
        return best_of_other_half(payoff, score)
    return float(name or 0.0)


def mean_of_others(values: Samples, mask: Samples | bool = True) -> Floats:
    """b_i = the mean of all other values, or of those in the mask, (n, ...)."""
    mask = np.broadcast_to(mask, values.shape)
    values = np.where(mask, values, 0.0)
    others = mask.sum(axis=0) - mask
    return (values.sum(axis=0) - values) / np.maximum(others, 1) * mask


def best_of_other_half(payoff: Samples, score: Floats) -> Floats:
    """b_i = the best constant for the half of the samples without i, (n, p)."""
    half = len(score) // 2
    b = np.empty_like(score)
    b[:half] = best_constant(payoff[half:], score[half:])
    b[half:] = best_constant(payoff[:half], score[:half])
    return b


def best_constant(payoff: Samples, score: Floats) -> Floats:
    """b_j = E[f s_j^2] / E[s_j^2]."""
    return (payoff * score**2).mean(axis=0) / (score**2).mean(axis=0)


def pathwise(
    f: Function, dist: Family, n: int, rng: Generator, derivative: Function
) -> Floats:
    """f'(x) * dx/dtheta. f itself is not called."""
    x = dist.sample(n, rng)
    return dist.path(x, derivative(x))


def measure_valued(
    f: Function, dist: Family, n: int, rng: Generator, coupled: bool = True
) -> Floats:
    """constant * (f(plus) - f(minus)), a column for each weak derivative."""
    pairs = dist.weak_derivatives()
    high, low = np.empty((2, n, len(pairs)))
    for j, pair in enumerate(pairs):
        plus, minus = pair.draw(n, rng, coupled)
        high[:, j], low[:, j] = f(plus), f(minus)
    return np.array([pair.constant for pair in pairs]) * (high - low)


def finite_difference(
    f: Function,
    dist: Family,
    n: int,
    rng: Generator,
    step: float,
    common_random_numbers: bool = True,
) -> Floats:
    """(f(x at theta_j + step) - f(x at theta_j - step)) / (2 step)."""
    high, low = np.empty((2, n, len(dist.parameters)))
    for j in range(len(dist.parameters)):
        noise = dist.noise(n, rng)
        fresh = noise if common_random_numbers else dist.noise(n, rng)
        high[:, j] = f(dist.moved(j, step).transform(noise))
        low[:, j] = f(dist.moved(j, -step).transform(fresh))
    return (high - low) / (2 * step)
