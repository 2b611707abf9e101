"""The line with right derivatives of every order, by enumeration.

Outcomes are enumerated and weighted by their probability, held fixed, so the
expected derivative of one term is exact; it must be that of the objective.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch import Tensor

from logderiv.surrogate import dice, surrogate

Loss = Callable[[Tensor, Tensor], Tensor]

T = 3
SIDES = torch.tensor([0.0, 1.0]).double()
PATHS = torch.tensor(list(product([0.0, 1.0], repeat=T))).double()


def leaf(value: object) -> Tensor:
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


def derivatives(value: Tensor, at: Tensor, order: int) -> list[float]:
    """The first, second, ... derivative in a scalar."""
    found = []
    for _ in range(order):
        if not value.requires_grad:
            return found + [0.0] * (order - len(found))
        (value,) = torch.autograd.grad(value, at, create_graph=True)
        found.append(value.item())
    return found


def expected(loss: Loss, log_prob: Tensor, weight: Tensor) -> Tensor:
    """sum_x p(x) loss of x alone, p held fixed; rows are outcomes."""
    p = log_prob.reshape(len(log_prob), -1).sum(dim=1).exp().detach()
    each = [loss(log_prob[[i]], weight[[i]]) for i in range(len(p))]
    return (p * torch.stack(each)).sum()


def coin_log_prob(theta: Tensor, x: Tensor) -> Tensor:
    """log p(x), x of 0s and 1s, p(1) = sigmoid(theta)."""
    sigmoid = torch.nn.functional.logsigmoid
    return x * sigmoid(theta) + (1 - x) * sigmoid(-theta)


# One step


@pytest.mark.parametrize("theta", [-1.2, 0.0, 0.4, 2.5])
@pytest.mark.parametrize("payoffs", [(0.0, 1.0), (3.0, -2.0), (5.0, 5.0)])
def test_a_coin_has_the_derivatives_of_its_mean(
    theta: float, payoffs: tuple[float, float]
) -> None:
    at, f = leaf(theta), torch.tensor(payoffs).double()
    p = torch.sigmoid(at)
    exact = derivatives((1 - p) * f[0] + p * f[1], at, 4)
    log_prob = coin_log_prob(at, SIDES)
    got = derivatives(expected(dice, log_prob, f), at, 4)
    assert np.allclose(got, exact, rtol=0, atol=1e-13)
    twin = derivatives(expected(surrogate, log_prob, f), at, 4)
    assert np.isclose(twin[0], exact[0], rtol=0, atol=1e-13)
    assert not np.isclose(twin[1], exact[1], rtol=0, atol=1e-3)


@pytest.mark.parametrize("baseline", [-3.0, 0.7, 10.0])
def test_a_constant_baseline_changes_no_derivative(baseline: float) -> None:
    at, f = leaf(0.4), torch.tensor([3.0, -2.0]).double()
    log_prob = coin_log_prob(at, SIDES)
    want = derivatives(expected(dice, log_prob, f), at, 4)
    got = derivatives(expected(dice, log_prob, f - baseline), at, 4)
    assert np.allclose(got, want, rtol=0, atol=1e-13)


def test_three_arms_have_the_hessian_of_their_mean() -> None:
    f = torch.tensor([1.0, -2.0, 4.0]).double()
    at = torch.tensor([0.0, 0.5, -0.3]).double()

    def objective(logits: Tensor) -> Tensor:
        return logits.softmax(dim=0) @ f

    def by(loss: Loss) -> Callable[[Tensor], Tensor]:
        return lambda logits: expected(loss, logits.log_softmax(dim=0), f)

    hessian = torch.autograd.functional.hessian
    want = hessian(objective, at)
    assert torch.allclose(hessian(by(dice), at), want, rtol=0, atol=1e-14)
    twin = hessian(by(surrogate), at)
    assert not torch.allclose(twin, want, rtol=0, atol=0.1)


def gaussian_curvature(loss: Loss, mean: float) -> float:
    """E over N(mean, 1) of the second derivative of one term, f = x^2."""
    z, weight = np.polynomial.hermite_e.hermegauss(8)
    total = 0.0
    for x, p in zip(mean + z, weight / weight.sum(), strict=True):
        at = leaf(mean)
        term = loss(-0.5 * (x - at).reshape(1) ** 2, torch.tensor([x**2]))
        total += p * derivatives(term, at, 2)[1]
    return total


def test_the_gaussian_knob_has_curvature_2() -> None:
    """E[x^2] = mean^2 + 1, of second derivative 2; E[-f] = -3.25 is not it."""
    assert np.isclose(gaussian_curvature(dice, 1.5), 2, rtol=0, atol=1e-12)
    twin = gaussian_curvature(surrogate, 1.5)
    assert np.isclose(twin, -3.25, rtol=0, atol=1e-12)


# T coins in a row

STEP_REWARDS = {
    "heads": lambda x, t: x[:, t],
    "all heads so far": lambda x, t: x[:, : t + 1].prod(dim=1),
    "heads, discounted": lambda x, t: 0.5**t * x[:, t],
    "heads times tails before": lambda x, t: (
        x[:, t] * (1 + (1 - x[:, :t]).sum(dim=1))
    ),
    "only at the end": lambda x, t: (t == T - 1) * x.sum(dim=1) ** 2,
    "only at the start": lambda x, t: (t == 0) * (1 + x[:, 0]),
}


def rewards_of(name: str) -> Tensor:
    step = STEP_REWARDS[name]
    return torch.stack([step(PATHS, t) for t in range(T)], dim=1)


def to_go(rewards: Tensor) -> Tensor:
    return rewards.flip(1).cumsum(dim=1).flip(1)


def of_the_past() -> Tensor:
    """A baseline that sees the steps before its own."""
    before = PATHS.cumsum(dim=1) - PATHS
    return 0.3 + before**2 + torch.arange(T)


WEIGHTS = {
    "rewards to go": to_go,
    "return at every step": lambda r: r.sum(1, keepdim=True).expand(-1, T),
    "less a constant": lambda r: to_go(r) - 1.7,
    "less a baseline of the past": lambda r: to_go(r) - of_the_past(),
    "return less a baseline": lambda r: (
        r.sum(1, keepdim=True).expand(-1, T) - of_the_past()
    ),
}


@pytest.mark.parametrize("theta", [-0.8, 0.3])
@pytest.mark.parametrize("rewards", STEP_REWARDS)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_coins_in_a_row_have_the_derivatives_of_their_return(
    weights: str, rewards: str, theta: float
) -> None:
    at, reward = leaf(theta), rewards_of(rewards)
    log_prob = coin_log_prob(at, PATHS)
    p = log_prob.sum(dim=1).exp()
    exact = derivatives(p @ reward.sum(dim=1), at, 3)
    weight = WEIGHTS[weights](reward)
    got = derivatives(expected(dice, log_prob, weight), at, 3)
    assert np.allclose(got, exact, rtol=0, atol=1e-12)
    twin = derivatives(expected(surrogate, log_prob, weight), at, 3)
    assert np.isclose(twin[0], exact[0], rtol=0, atol=1e-12)
    assert not np.isclose(twin[1], exact[1], rtol=0, atol=1e-3)


def test_a_baseline_of_the_present_would_bias() -> None:
    at, reward = leaf(0.3), rewards_of("heads")
    log_prob = coin_log_prob(at, PATHS)
    exact = derivatives(log_prob.sum(1).exp() @ reward.sum(dim=1), at, 2)
    peeking = to_go(reward) - PATHS
    got = derivatives(expected(dice, log_prob, peeking), at, 2)
    assert not np.allclose(got, exact, rtol=0, atol=0.1)


def test_steps_apart_would_lose_the_second_derivative() -> None:
    """One box a step, without the steps before it: right to first order."""

    def apart(log_prob: Tensor, weight: Tensor) -> Tensor:
        box = (log_prob - log_prob.detach()).exp()
        return (box * weight).sum() / len(weight)

    at, reward = leaf(0.3), rewards_of("all heads so far")
    log_prob = coin_log_prob(at, PATHS)
    exact = derivatives(log_prob.sum(1).exp() @ reward.sum(dim=1), at, 2)
    twin = derivatives(expected(apart, log_prob, to_go(reward)), at, 2)
    assert np.isclose(twin[0], exact[0], rtol=0, atol=1e-13)
    assert not np.isclose(twin[1], exact[1], rtol=0, atol=0.01)


# Any numbers

TABLES = array_shapes(min_dims=1, max_dims=2, max_side=5).flatmap(
    lambda shape: st.tuples(
        arrays(np.float64, shape, elements=st.floats(-20, 0)),
        arrays(np.float64, shape, elements=st.floats(-100, 100)),
    )
)


@given(TABLES)
def test_the_gradient_is_that_of_the_surrogate(
    tables: tuple[np.ndarray, np.ndarray],
) -> None:
    log_prob, weight = leaf(tables[0].tolist()), torch.tensor(tables[1])
    got, want = (
        torch.autograd.grad(loss(log_prob, weight), log_prob)[0]
        for loss in (dice, surrogate)
    )
    assert torch.allclose(got, want, rtol=0, atol=1e-12)
    assert torch.allclose(want, weight / len(weight), rtol=0, atol=1e-12)


@given(TABLES)
def test_the_value_is_the_mean_of_the_first_weight(
    tables: tuple[np.ndarray, np.ndarray],
) -> None:
    log_prob, weight = (torch.tensor(table) for table in tables)
    first = weight if weight.dim() == 1 else weight[:, 0]
    value = dice(log_prob, weight)
    assert value.shape == ()
    assert torch.isclose(value, first.mean(), rtol=0, atol=1e-12)


@given(st.floats(-1, 1), st.integers(2, 6))
def test_a_batch_is_the_mean_of_its_rows(theta: float, n: int) -> None:
    at, weight = leaf(theta), to_go(rewards_of("heads"))[:n]
    log_prob = coin_log_prob(at, PATHS[:n])
    whole = derivatives(dice(log_prob, weight), at, 3)
    rows = [
        derivatives(dice(log_prob[[i]], weight[[i]]), at, 3) for i in range(n)
    ]
    assert np.allclose(whole, np.mean(rows, axis=0), rtol=0, atol=1e-12)
    assert not np.allclose(whole, np.sum(rows, axis=0), rtol=0, atol=1e-3)


@given(st.floats(-1, 1), st.integers(1, T), st.integers(1, 3))
def test_steps_that_are_not_real_add_nothing(
    theta: float, real: int, padding: int
) -> None:
    at = leaf(theta)
    log_prob = coin_log_prob(at, PATHS[:, :real])
    weight = to_go(rewards_of("heads")[:, :real])
    want = derivatives(dice(log_prob, weight), at, 3)
    more = coin_log_prob(at, torch.ones(len(PATHS), padding).double())
    longer = torch.cat([log_prob, more], dim=1)
    none = torch.zeros(len(PATHS), padding).double()
    padded = dice(longer, torch.cat([weight, none], dim=1))
    assert np.isclose(padded.item(), dice(log_prob, weight).item(), rtol=1e-14)
    assert np.allclose(derivatives(padded, at, 3), want, rtol=0, atol=1e-13)
    unmasked = dice(longer, torch.cat([weight, none + 1], dim=1))
    off = np.subtract(derivatives(unmasked, at, 3), want)
    assert np.abs(off).max() > 0.01


def test_no_derivative_flows_through_the_weight() -> None:
    at = leaf(0.4)
    log_prob = coin_log_prob(at, SIDES)
    moving = torch.stack([at**2, at.exp()])
    held = derivatives(dice(log_prob, moving.detach()), at, 3)
    assert derivatives(dice(log_prob, moving), at, 3) == held
    leaking = (log_prob - log_prob.detach()).exp() * moving
    assert not np.allclose(derivatives(leaking.mean(), at, 3), held, atol=0.01)


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.bfloat16]
)
def test_result_is_a_scalar_of_the_same_precision(dtype: torch.dtype) -> None:
    value = dice(torch.zeros(3, 2, dtype=dtype), torch.ones(3, 2, dtype=dtype))
    assert value.shape == ()
    assert value.dtype == dtype
    assert value.item() == 1


BAD: list[tuple[object, object]] = [
    (torch.zeros(3), torch.zeros(3, 1)),
    (torch.zeros(3, 1), torch.zeros(3)),
    (torch.zeros(1), torch.zeros(3)),
    (torch.zeros(2, 3), torch.zeros(3, 2)),
    (torch.zeros(()), torch.zeros(())),
    (torch.zeros(0), torch.zeros(0)),
    (torch.zeros(3, 0), torch.zeros(3, 0)),
    (torch.zeros(2, 2, 2), torch.zeros(2, 2, 2)),
    (torch.zeros(2), torch.ones(2, dtype=torch.int64)),
    (torch.zeros(2), torch.ones(2, dtype=torch.bool)),
    (torch.zeros(2).long(), torch.ones(2)),
    (torch.zeros(2), torch.ones(2) * 1j),
    (torch.zeros(2), np.ones(2)),
    ([0.0, 0.0], torch.ones(2)),
    (torch.zeros(1), 1.0),
    (None, torch.ones(2)),
    (torch.tensor([0.0, -np.inf]), torch.ones(2)),
    (torch.tensor([[0.0, -np.inf]]), torch.ones(1, 2)),
    (torch.tensor([[np.nan, 0.0]]), torch.ones(1, 2)),
    (torch.zeros(2), torch.tensor([np.inf, 0.0])),
    (torch.zeros(1, 2), torch.tensor([[np.inf, np.inf]])),
    (torch.zeros(2), torch.tensor([0.0, np.nan])),
    (torch.tensor([0.0, -np.inf]), torch.zeros(2)),
    (torch.tensor([[0.0, -np.inf]]), torch.zeros(1, 2)),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_arguments_are_refused_as_by_the_surrogate(case: int) -> None:
    log_prob, weight = BAD[case]
    with pytest.raises((TypeError, ValueError)) as want:
        surrogate(log_prob, weight)
    with pytest.raises((TypeError, ValueError)) as got:
        dice(log_prob, weight)
    assert got.type is want.type
    assert str(got.value) == str(want.value)
