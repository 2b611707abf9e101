"""What every public function does at the door: refuse, and say why."""

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Payoff = Callable[[np.ndarray], ArrayLike]

SMALLEST, LARGEST, MOST = 1e-150, 1e150, 2**53
NOT_REAL = bool | np.timedelta64


def real(name: str, value: object, positive: bool = False) -> float:
    """A number, as a float, whose square a float can hold; or > 0, too."""
    lowest = SMALLEST if positive else -LARGEST
    wanted = f"a real number from {lowest:g} to {LARGEST:g}"
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, NOT_REAL) or not isinstance(value, Real):
        raise TypeError(f"{name} must be {wanted}, got {value!r}")
    exact: Any = value.item() if isinstance(value, np.generic) else value
    if not lowest <= exact <= LARGEST:
        raise ValueError(f"{name} must be {wanted}, got {value!r}")
    return float(value)


def whole(name: str, value: object, at_least: int) -> int:
    """A whole number, from ``at_least`` to 2^53."""
    if isinstance(value, NOT_REAL) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if int(value) < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {value}")
    if int(value) > MOST:
        raise ValueError(f"{name} must be at most 2**53, got {value}")
    return int(value)


def boolean(name: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def numbers(name: str, value: ArrayLike) -> Floats:
    """Real numbers as an array of floats, a copy; NaN and inf pass."""
    return _reals(name, value).astype(float)


def _reals(name: str, value: ArrayLike) -> np.ndarray:
    """value as an array of booleans, integers or floats."""
    if np.ma.isMaskedArray(value):
        raise TypeError(
            f"{name} is a masked array of shape {value.shape}, "
            "its mask would be lost"
        )
    try:
        result = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{name} must be an array, got {value!r:.80}"
        ) from error
    if result.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} must hold real numbers, got {result.dtype}: {value!r:.80}"
        )
    return result


def array(
    name: str, value: ArrayLike, shape: tuple, booleans: bool = False
) -> Floats:
    """A finite float array of ``shape``; None there stands for any length."""
    result = _reals(name, value)
    if result.dtype == bool and not booleans:
        raise TypeError(f"{name} must hold numbers, got {value!r:.80}")
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
    return bounded(name, result)


def bounded(name: str, value: Floats) -> Floats:
    """value, if it is finite and its squares are."""
    good = np.abs(value) <= LARGEST
    if not good.all():
        raise ValueError(
            f"{name} must be finite, of size up to {LARGEST:g}, "
            f"got {value[~good][0]} among its values"
        )
    return value


def pretty(shape: tuple) -> str:
    """A shape for an error message: None prints as ?."""
    inside = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({inside},)" if len(shape) == 1 else f"({inside})"


def generator(rng: object) -> np.random.Generator:
    """A numpy.random.Generator; seeds and the global state are refused."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            "rng must be a numpy.random.Generator, for example "
            f"numpy.random.default_rng(0), got {rng!r}"
        )
    return rng


def function(name: str, value: object) -> Callable:
    """Something that can be called."""
    if not callable(value):
        raise TypeError(
            f"{name} must be a function of the samples, got {value!r}"
        )
    return value


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
    """f(x) as finite floats of shape (n,), for n samples x.

    f gets a copy of x; what it returns may be its own, and change at the next
    call.
    """
    raw = _reals("f(x)", function("f", f)(x.copy()))
    values = raw.astype(float, copy=False)
    if values.shape != x.shape[:1]:
        raise ValueError(
            f"f must map samples {x.shape} to payoffs {x.shape[:1]}, "
            f"it returned shape {values.shape}"
        )
    if not np.isfinite(values).all():
        where = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(f"f returned {values[where]} at x = {x[where]}")
    if raw.dtype.kind in "iu" and (np.abs(values) > 2**53).any():
        raise ValueError(
            f"f returned integers up to {np.abs(values).max():.3g}, where "
            "int64 may have wrapped around: let f compute with floats"
        )
    return values
