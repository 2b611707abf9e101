"""Chapters 2 and 3. A derivative of E[f] as a difference of two averages.

    d/dtheta_j E[f(x)] = constant * (E[f(plus)] - E[f(minus)])

`weak_derivative` splits the derivative of p itself into two distributions;
`central_difference` moves theta a step up and a step down.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import singledispatch

import numpy as np

from logderiv import checks
from logderiv.identity import (
    Bernoulli,
    Categorical,
    Exponential,
    Family,
    Gaussian,
    Poisson,
)

Pair = Callable[[int, np.random.Generator], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Split:
    """The derivative in one parameter, as a weighted difference.

    Attributes:
        constant: what the difference of the two averages is multiplied by.
        pair: (m, rng) -> samples plus and minus, (m, ...) each, coupled: row
            by row from the same randomness.
    """

    constant: float
    pair: Pair

    def draw(
        self, m: int, rng: np.random.Generator, coupled: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """m pairs; not coupled, the minus side is that of other pairs."""
        plus, minus = self.pair(m, rng)
        return plus, minus if coupled else self.pair(m, rng)[1]


@singledispatch
def weak_derivative(dist: Family) -> list[Split]:
    """dp/dtheta_j = constant * (p_plus - p_minus), for every parameter j.

    | parameter     | constant             | plus         | minus           |
    |---------------|----------------------|--------------|-----------------|
    | logit         | p(1) p(0)            | 1            | 0               |
    | logits[j]     | p_j (1 - p_j)        | j            | p without j     |
    | Gaussian mean | 1 / (std sqrt(2 pi)) | mean + std R | mean - std R    |
    | Gaussian std  | 1 / std              | mean + std M | mean + std M U  |
    | Poisson rate  | 1                    | x + 1        | x               |
    | Exponential   | 1 / rate             | E / rate     | (E + E') / rate |

    R is Rayleigh, M is Maxwell with a random sign, U uniform on [0, 1), so
    that M U is standard normal; E and E' are standard exponential. What
    stands in both columns is shared by a coupled pair.

    Args:
        dist: a family of ``logderiv.identity``.
    Returns:
        A Split for each of ``dist.parameters``.
    Raises:
        TypeError: another distribution.
    Source: Pflug (1989); Heidergott, Vazquez-Abad and Volk-Makarewicz (2008).
    """
    raise TypeError(f"dist must be a family of logderiv.identity, got {dist!r}")


@weak_derivative.register
def _(dist: Bernoulli) -> list[Split]:
    def pair(m: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        return np.ones(m, dtype=np.int64), np.zeros(m, dtype=np.int64)

    return [Split(dist.fisher().item(), pair)]


@weak_derivative.register
def _(dist: Categorical) -> list[Split]:
    weights = np.diag(dist.fisher())
    return [
        Split(weight, _arm_and_rest(dist, arm))
        for arm, weight in enumerate(weights.tolist())
    ]


def _arm_and_rest(dist: Categorical, arm: int) -> Pair:
    """The arm itself, and a draw from the others."""
    others = np.delete(np.arange(len(dist.logits)), arm)
    rest = Categorical(dist.logits[others]) if len(others) else None

    def pair(m: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        plus = np.full(m, arm)
        return plus, others[rest.sample(m, rng)] if rest else plus

    return pair


@weak_derivative.register
def _(dist: Gaussian) -> list[Split]:
    std = np.atleast_1d(dist.std)
    means = [
        Split(1 / (scale * np.sqrt(2 * np.pi)), _along(dist, d, _rayleigh))
        for d, scale in enumerate(std)
    ]
    stds = [
        Split(1 / scale, _along(dist, d, _maxwell))
        for d, scale in enumerate(std)
    ]
    return means + stds


def _along(dist: Gaussian, d: int, standard: Pair) -> Pair:
    """Samples of dist whose coordinate d follows a standardised pair."""

    def pair(m: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        noise = dist.noise(m, rng)
        sides = []
        for side in standard(m, rng):
            moved = noise.copy()
            moved.reshape(m, -1)[:, d] = side
            sides.append(dist.transform(moved))
        return tuple(sides)

    return pair


def _rayleigh(m: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    draw = rng.rayleigh(size=m)
    return draw, -draw


def _maxwell(m: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    size = np.sqrt(rng.chisquare(3, m))
    draw = np.where(rng.random(m) < 0.5, size, -size)
    return draw, draw * rng.random(m)


@weak_derivative.register
def _(dist: Poisson) -> list[Split]:
    def pair(m: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        x = dist.sample(m, rng)
        return x + 1, x

    return [Split(1.0, pair)]


@weak_derivative.register
def _(dist: Exponential) -> list[Split]:
    def pair(m: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        x = dist.sample(m, rng)
        return x, x + dist.sample(m, rng)

    return [Split(1 / dist.rate, pair)]


def central_difference(dist: Family, step: float) -> list[Split]:
    """(E[f] at theta_j + step, less E[f] at theta_j - step) / (2 step).

    A coupled pair is one noise, transformed at both thetas.

    Args:
        dist: a family of ``logderiv.identity``.
        step: > 0, in the units of each parameter.
    Returns:
        A Split for each of ``dist.parameters``.
    Raises:
        TypeError: another distribution.
        ValueError: step leaves the range of a parameter, or is lost in the
            rounding of one.
    """
    if not isinstance(dist, Family):
        raise TypeError(
            f"dist must be a family of logderiv.identity, got {dist!r}"
        )
    step = checks.real("step", step, positive=True)
    return [
        Split(0.5 / step, _both_sides(dist, j, step))
        for j in range(len(dist.parameters))
    ]


def _both_sides(dist: Family, j: int, step: float) -> Pair:
    high, low = _moved(dist, j, step), _moved(dist, j, -step)

    def pair(m: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        noise = dist.noise(m, rng)
        return high.transform(noise), low.transform(noise)

    return pair


def _moved(dist: Family, j: int, step: float) -> Family:
    """dist with its j-th parameter moved by step."""
    name = dist.parameters[j].partition("[")[0]
    old = getattr(dist, name)
    new = np.array(old, dtype=float)
    new.reshape(-1)[j % new.size] += step
    if not abs(np.sum(new - old) / step - 1) < 1e-3:
        raise ValueError(
            f"step = {abs(step)} is lost in the rounding of "
            f"{dist.parameters[j]} = {np.ravel(old)[j % new.size]}"
        )
    try:
        return replace(dist, **{name: new if new.ndim else new.item()})
    except ValueError as error:
        raise ValueError(
            f"step = {abs(step)} takes {dist.parameters[j]} out of its "
            f"range: {error}"
        ) from error
