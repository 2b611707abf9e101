"""Values on their way into the box and out of it, as JSON, never a pickle.

Plain numbers, strings, lists, and dicts with strings as keys; NumPy arrays,
torch tensors, NumPy generators (by their state), and functions of the given
code (by their name). A tuple or a set arrives as a list.
"""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

MOST = 20_000
LONG = np.dtype(np.longdouble)


def encode(value: object) -> object:
    """A value as JSON allows it.

    Raises:
        TypeError: a value of another kind.
    """
    torch = sys.modules.get("torch")
    if value is None or isinstance(value, bool | int | float | str):
        return _plain(value)
    if isinstance(value, np.longdouble):
        return float(value)
    if isinstance(value, np.generic):
        return encode(value.item())
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return _array(value)
    if torch and isinstance(value, torch.Tensor):
        tensor = encode(value.detach().cpu().numpy())
        return {"tensor": tensor, "requires_grad": value.requires_grad}
    if isinstance(value, np.random.Generator):
        return {"generator": value.bit_generator.state}
    return _of_parts(value)


def _array(value: np.ndarray) -> object:
    plain = np.asarray(value, float if value.dtype == LONG else None)
    flat, shape = plain.ravel().tolist(), list(plain.shape)
    return {"array": flat, "shape": shape, "dtype": str(plain.dtype)}


def _of_parts(value: object) -> object:
    """A collection, part by part; a function, by name."""
    if isinstance(value, list | tuple | np.ndarray):
        return [encode(each) for each in value]
    if isinstance(value, dict):
        return {"dict": {str(k): encode(v) for k, v in value.items()}}
    if isinstance(value, set | frozenset):
        return [encode(each) for each in sorted(value, key=repr)]
    if callable(value) and hasattr(value, "__name__"):
        return {"given": value.__name__}
    raise TypeError(f"a {type(value).__name__} is no number, array or list")


def _plain(value: object) -> object:
    """Of a subclass of int, float or str, the number or text alone."""
    kinds = (bool, int, float, str)
    return next((k(value) for k in kinds if isinstance(value, k)), None)


def decode(value: Any, given: Mapping[str, object]) -> Any:
    """The value again; functions by name from the given code."""
    if isinstance(value, list):
        return [decode(each, given) for each in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return _array_again(value)
    if "tensor" in value:
        import torch

        tensor = torch.as_tensor(decode(value["tensor"], given))
        return tensor.requires_grad_(value["requires_grad"])
    if "generator" in value:
        bits = np.random.PCG64()
        bits.state = value["generator"]
        return np.random.Generator(bits)
    if "dict" in value:
        return {k: decode(v, given) for k, v in value["dict"].items()}
    return given[value["given"]]


def _array_again(value: dict) -> np.ndarray:
    dtype = np.dtype(value["dtype"])
    if dtype.kind not in "biuf":
        raise TypeError(f"an array of {dtype}")
    if max(len(value["array"]), *value["shape"], 0) > MOST:
        raise ValueError(f"an array of shape {value['shape']}")
    return np.array(value["array"], dtype).reshape(value["shape"])
