"""Values cross the line whole, and nothing else crosses it."""

import json

import numpy as np
import pytest
import torch

from coursework.values import decode, encode


def given_function(x: float) -> float:
    return x


def across(value: object) -> object:
    line = json.dumps(encode(value))
    return decode(json.loads(line), {"given_function": given_function})


@pytest.mark.parametrize(
    "value",
    [None, True, 3, -0.1, 1e-300, "é", [1, [2.5, None]], {"a": [1]}],
)
def test_plain_values(value: object) -> None:
    assert across(value) == value


def test_sets_and_tuples_come_as_lists() -> None:
    assert across({2, 1}) == [1, 2]
    assert across((1, (2,))) == [1, [2]]


def test_infinite_values() -> None:
    assert across(float("inf")) == float("inf")
    assert np.isnan(across(float("nan")))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.zeros((0, 4)),
        np.array(3),
        np.array([True, False]),
        np.array([1, 2], dtype=np.int32),
        np.array([np.nan, np.inf], dtype=np.float32),
    ],
)
def test_arrays_keep_shape_and_kind(array: np.ndarray) -> None:
    came = across(array)
    np.testing.assert_array_equal(came, array)
    assert (came.shape, came.dtype) == (array.shape, array.dtype)


def test_long_and_masked_arrays_come_as_plain_ones() -> None:
    long = across(np.array([0.25, 0.5], np.longdouble))
    assert (long.dtype, long.tolist()) == (float, [0.25, 0.5])
    masked = across(np.ma.masked_array([1.0, 0.0], mask=[False, True]))
    assert masked.tolist() == [1, 0]


def test_numbers_of_numpy() -> None:
    assert across(np.float64(0.25)) == 0.25
    assert across(np.longdouble(0.25)) == 0.25
    assert across(np.bool_(True)) is True


def test_tensors() -> None:
    tensor = torch.tensor([1.0, 2.0], requires_grad=True)
    came = across(tensor)
    assert torch.equal(came, tensor)
    assert came.requires_grad
    assert across(torch.tensor(2)).dtype == torch.int64


def test_a_generator_arrives_as_it_was() -> None:
    rng = np.random.default_rng(5)
    rng.normal(size=3)
    came = across(rng)
    assert came.normal() == rng.normal()


def test_a_given_function_arrives_by_name() -> None:
    assert across(given_function) is given_function
    with pytest.raises(KeyError):
        decode(encode(print), {})


def test_a_number_with_opinions_arrives_as_a_number() -> None:
    class Yes(float):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None

    assert type(across(Yes(2))) is float
    assert across(Yes(2)) != 3


@pytest.mark.parametrize("value", [object(), 1j, b"x", np.array([object()])])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="is no number, array or list"):
        encode(value)


@pytest.mark.parametrize(
    "sent",
    [
        {"array": [1], "shape": [2], "dtype": "float64"},
        {"array": [1], "shape": [1], "dtype": "object"},
        {"array": ["x"], "shape": [1], "dtype": "U100000000"},
        {"array": [], "shape": [0, 10**9], "dtype": "float64"},
        {"array": [1] * 30_000, "shape": [30_000], "dtype": "int64"},
        {"given": "nothing"},
        {"other": 1},
        {"generator": {"state": 1}},
    ],
)
def test_what_is_no_value_is_refused(sent: object) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        decode(sent, {})
