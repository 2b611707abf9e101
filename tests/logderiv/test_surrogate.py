"""The line against the estimator of numpy, on the same samples.

Nothing here fails by chance: both sides see the same samples.
"""

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from logderiv.identity import Categorical
from logderiv.plain import mean_of_others
from logderiv.sampling import score_function
from logderiv.surrogate import surrogate

LOGITS = [0.0, 0.5, -0.3]
PAYOFFS = np.array([1.0, 2.0, 4.0])


def leaf(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def gradient_of(objective: Tensor, at: Tensor) -> np.ndarray:
    return torch.autograd.grad(objective, at)[0].numpy()


def log_probs(logits: Tensor, x: np.ndarray) -> Tensor:
    return torch.log_softmax(logits, dim=0)[torch.tensor(x)]


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 30),
    baseline=st.sampled_from([None, 1.5, "leave-one-out"]),
)
def test_gradient_is_the_score_function_estimate(
    seed: int, n: int, baseline: float | str | None
) -> None:
    dist = Categorical(LOGITS)
    est = score_function(
        lambda x: PAYOFFS[x], dist, n, np.random.default_rng(seed), baseline
    )
    x = dist.sample(n, np.random.default_rng(seed))
    weight = PAYOFFS[x]
    if baseline == "leave-one-out":
        weight = weight - mean_of_others(weight)
    elif baseline is not None:
        weight = weight - baseline
    logits = leaf(LOGITS)
    value = surrogate(log_probs(logits, x), torch.tensor(weight))
    assert np.allclose(gradient_of(value, logits), est.gradient, atol=1e-12)


def test_value_by_hand() -> None:
    log_prob = torch.tensor([-1.0, -2.0])
    assert surrogate(log_prob, torch.tensor([3.0, -1.0])).item() == -0.5
    table = torch.tensor([[-1.0, -2.0, -3.0], [-4.0, -5.0, -6.0]])
    weight = torch.tensor([[1.0, 1.0, 1.0], [2.0, 0.0, 0.0]])
    assert surrogate(table, weight).item() == -7.0


def test_result_is_a_scalar_of_the_same_precision() -> None:
    value = surrogate(torch.zeros(3).double(), torch.ones(3).double())
    assert value.shape == ()
    assert value.dtype == torch.float64


def test_no_gradient_flows_through_the_weight() -> None:
    logits, x = leaf(LOGITS), np.array([0, 2, 2])
    moving = torch.exp(logits)[torch.tensor(x)]
    held = surrogate(log_probs(logits, x), moving.detach())
    given = surrogate(log_probs(logits, x), moving)
    leaking = (log_probs(logits, x) * moving).sum() / 3
    want = gradient_of(held, logits)
    assert np.array_equal(want, gradient_of(given, logits))
    assert not np.allclose(want, gradient_of(leaking, logits))


def test_weight_is_left_as_it_was() -> None:
    weight = leaf([1.0, 2.0])
    surrogate(leaf([-1.0, -1.0]), weight).backward()
    assert weight.grad is None
    assert weight.requires_grad


@given(n=st.integers(1, 5), steps=st.integers(1, 5))
def test_steps_are_summed_and_samples_averaged(n: int, steps: int) -> None:
    """Per-step means would be ``steps`` times too small."""
    log_prob = torch.full((n, steps), -0.5, dtype=torch.float64)
    log_prob.requires_grad_()
    weight = torch.ones((n, steps), dtype=torch.float64)
    right = gradient_of(surrogate(log_prob, weight), log_prob)
    assert np.allclose(right, 1 / n, atol=1e-15)
    per_step = gradient_of((log_prob * weight).mean(), log_prob)
    assert np.allclose(per_step, right / steps, atol=1e-15)


def test_a_table_is_the_sum_over_its_steps() -> None:
    logits, x = leaf(LOGITS), np.array([[0, 1], [2, 2], [1, 0]])
    weight = torch.tensor([[1.0, 2.0], [-1.0, 0.5], [3.0, 0.0]]).double()
    table = surrogate(log_probs(logits, x), weight)
    columns = sum(
        surrogate(log_probs(logits, x[:, t]), weight[:, t]) for t in (0, 1)
    )
    assert np.allclose(
        gradient_of(table, logits), gradient_of(columns, logits), atol=1e-15
    )


def test_steps_of_weight_zero_add_nothing() -> None:
    logits = leaf(LOGITS)
    short = log_probs(logits, np.array([[0], [2]]))
    long = log_probs(logits, np.array([[0, 1, 1], [2, 0, 2]]))
    weight = torch.tensor([[1.5, 0.0, 0.0], [-2.0, 0.0, 0.0]]).double()
    want = surrogate(short, weight[:, :1])
    got = surrogate(long, weight)
    assert got.item() == want.item()
    assert np.array_equal(gradient_of(got, logits), gradient_of(want, logits))


@pytest.mark.parametrize(
    ("left", "right"),
    [((3,), (3, 1)), ((3, 1), (3,)), ((3,), (1,)), ((2, 3), (3, 2))],
)
def test_shapes_that_would_broadcast_are_refused(
    left: tuple[int, ...], right: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match="one shape") as error:
        surrogate(torch.zeros(left), torch.zeros(right))
    assert str(left) in str(error.value)
    assert str(right) in str(error.value)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (3, 0), (2, 2, 2)])
def test_shapes_without_samples_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(str(shape))):
        surrogate(torch.zeros(shape), torch.zeros(shape))


BAD: list[tuple[object, object, str]] = [
    (torch.zeros(2), torch.ones(2, dtype=torch.int64), "weight.*int64"),
    (torch.zeros(2), torch.ones(2, dtype=torch.bool), "weight.*bool"),
    (torch.zeros(2).long(), torch.ones(2), "log_prob.*int64"),
    (torch.zeros(2), torch.ones(2) * 1j, "weight.*complex64"),
    (torch.zeros(2), np.ones(2), "weight.*float64"),
    ([0.0, 0.0], torch.ones(2), "log_prob.*list"),
    (torch.zeros(1), 1.0, "weight.*float"),
    (torch.tensor([0.0, -np.inf]), torch.ones(2), "log_prob.*-inf"),
    (torch.tensor([0.0, np.nan]), torch.ones(2), "log_prob.*nan"),
    (torch.zeros(2), torch.tensor([np.inf, 0.0]), "weight.*inf"),
    (torch.zeros(2), torch.tensor([0.0, np.nan]), "weight.*nan"),
    (torch.tensor([0.0, -np.inf]), torch.zeros(2), "log_prob.*-inf"),
]


@pytest.mark.parametrize(("log_prob", "weight", "said"), BAD)
def test_bad_arguments_are_refused_with_what_they_were(
    log_prob: object, weight: object, said: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        surrogate(log_prob, weight)
