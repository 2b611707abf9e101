"""What every public function does at the door: refuse, and say why."""

import math
from collections.abc import Callable
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Payoff = Callable[[np.ndarray], ArrayLike]


def real(name: str, value: object, positive: bool = False) -> float:
    """A finite real number, as a float; more than 0 if ``positive``."""
    wanted = "a finite real number" + (" > 0" if positive else "")
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {wanted}, got {value!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or (positive and number <= 0):
        raise ValueError(f"{name} must be {wanted}, got {value!r}")
    return number


def whole(name: str, value: object, at_least: int) -> int:
    """A whole number, no smaller than ``at_least``."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if value < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {value}")
    return int(value)


def array(name: str, value: ArrayLike, shape: tuple) -> Floats:
    """A finite float array of ``shape``; None there stands for any length."""
    try:
        result = np.array(value)
    except ValueError as error:
        raise TypeError(f"{name} must be an array, got {value!r}") from error
    if result.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold real numbers, got {value!r}")
    result = result.astype(float)
    if len(shape) != result.ndim or any(
        want not in (None, got)
        for want, got in zip(shape, result.shape, strict=True)
    ):
        raise ValueError(
            f"{name} must have shape {pretty(shape)}, got {result.shape}"
        )
    if result.size == 0:
        raise ValueError(f"{name} is empty, its shape is {result.shape}")
    if not np.isfinite(result).all():
        bad = result[~np.isfinite(result)][0]
        raise ValueError(f"{name} must be finite, got {bad} among its values")
    return result


def pretty(shape: tuple) -> str:
    """A shape for an error message: None prints as n."""
    inside = ", ".join("n" if size is None else str(size) for size in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"


def generator(rng: object) -> np.random.Generator:
    """A numpy.random.Generator; seeds and the global state are refused."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            "rng must be a numpy.random.Generator, for example "
            f"numpy.random.default_rng(0), got {rng!r}"
        )
    return rng


def probabilities(name: str, value: ArrayLike, shape: tuple) -> Floats:
    """An array whose last axis holds probabilities that sum to 1."""
    result = array(name, value, shape)
    if (result < 0).any():
        raise ValueError(f"{name} has a negative entry, {result.min()}")
    totals = result.sum(axis=-1)
    wrong = np.abs(totals - 1) > 1e-9
    if wrong.any():
        raise ValueError(
            f"{name} must sum to 1 along its last axis, "
            f"got a sum of {np.atleast_1d(totals[wrong])[0]}"
        )
    return result


def payoff(f: Payoff, x: np.ndarray) -> Floats:
    """f(x) as finite floats of shape (n,), for n samples x."""
    if not callable(f):
        raise TypeError(f"f must be a function of the samples, got {f!r}")
    values = np.asarray(f(x))
    if values.shape != x.shape[:1]:
        raise ValueError(
            f"f must map samples {x.shape} to payoffs {x.shape[:1]}, "
            f"it returned shape {values.shape}"
        )
    if values.dtype.kind not in "biuf":
        raise TypeError(f"f must return real numbers, got {values.dtype}")
    if not np.isfinite(values).all():
        where = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(f"f returned {values[where]} at x = {x[where]}")
    return values.astype(float)
