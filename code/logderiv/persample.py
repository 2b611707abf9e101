"""Chapter 3, in torch. The score of every sample, for any policy network.

A backward pass gives the sum of the scores of a batch. Through a linear layer
y = W a + b each sample's own part can be read off on the way: with delta the
gradient of its log-probability in y, it is the outer product of delta and a
for W, and delta for b. Networks that are not made of such layers go through
torch.func, a block of rows at a time.

Source: Goodfellow (2015), "Efficient per-example gradient computations".
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

ROWS = 1024

# delta (n, out), and inputs (n, in) or None for ones.
Factors = tuple[Tensor, Tensor | None]


@dataclass
class Call:
    """One call of a linear layer: what went in and what came out."""

    layer: nn.Linear
    inputs: Tensor
    outputs: Tensor


class PerSample:
    """The scores of a batch, worked out when they are asked for.

    Args, Raises: as `logderiv.surrogate.score_matrix`.
    """

    def __init__(
        self, policy: nn.Module, observations: ArrayLike, actions: ArrayLike
    ) -> None:
        self.parameters = _parameters(policy)
        self.policy = policy
        self.observations = _observations(observations, self.parameters[0])
        with torch.enable_grad():
            logits, calls = _recorded(policy, self.observations)
            self.actions = _actions(actions, logits)
            few = _alone(policy, self.observations, logits)
            self.delta = _score_in_logits(logits, self.actions)
            self.factors = None
            if _are_all(calls, self.parameters, len(logits)):
                factors = _outer_factors(logits, self.delta, calls)
                if _add_up(factors, self.parameters, few, self.delta):
                    self.factors = factors

    def matrix(self) -> Tensor:
        """(n, p), columns as ``policy.parameters()``.

        It is filled as its transpose: rows of n numbers are written faster
        than columns.
        """
        n, sizes = len(self.actions), [each.numel() for each in self.parameters]
        result = self.delta.new_empty(sum(sizes), n)
        if self.factors is None:
            for rows in _blocks(n):
                result[:, rows] = self._by_vmap(rows).T
            return result.T
        parts = result.split(sizes)
        for parameter, part in zip(self.parameters, parts, strict=True):
            delta, inputs = self.factors[parameter]
            if inputs is None:
                part.copy_(delta.T)
                continue
            by_row = delta.T.contiguous(), inputs.T.contiguous()
            outer = part.unflatten(0, parameter.shape)
            torch.mul(by_row[0].unsqueeze(1), by_row[1], out=outer)
        return result.T

    def second_moment(self) -> Tensor:
        """(p,), the mean of the squared scores."""
        n = len(self.actions)
        if self.factors is None:
            squares = (self._by_vmap(rows) ** 2 for rows in _blocks(n))
            return sum(each.sum(dim=0) for each in squares) / n
        moments = []
        for parameter in self.parameters:
            delta, inputs = self.factors[parameter]
            square = delta**2
            total = square.sum(0) if inputs is None else square.T @ inputs**2
            moments.append(total.ravel() / n)
        return torch.cat(moments)

    def _by_vmap(self, rows: slice) -> Tensor:
        """The scores of some rows, (m, p)."""
        frozen = dict(self.policy.named_buffers())
        named = {k: v.detach() for k, v in self.policy.named_parameters()}

        def log_prob(
            parameters: dict[str, Tensor], observation: Tensor, action: Tensor
        ) -> Tensor:
            inputs = (observation.unsqueeze(0),)
            logits = functional_call(self.policy, (parameters, frozen), inputs)
            return logits.log_softmax(dim=1).gather(1, action.view(1, 1)).sum()

        scores = vmap(grad(log_prob), in_dims=(None, 0, 0))(
            named, self.observations[rows], self.actions[rows]
        )
        return torch.cat([each.flatten(1) for each in scores.values()], dim=1)


def _recorded(
    policy: nn.Module, observations: Tensor
) -> tuple[Tensor, list[Call]]:
    """The logits, and every call of a linear layer on the way to them."""
    calls: list[Call] = []

    def record(layer: nn.Module, inputs: tuple, outputs: Tensor) -> None:
        calls.append(Call(layer, inputs[0], outputs))

    with ExitStack() as hooks:
        for layer in policy.modules():
            if type(layer) is nn.Linear:
                hooks.enter_context(layer.register_forward_hook(record))
        logits = policy(observations)
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        raise TypeError(
            f"policy must return a tensor of logits, got {logits!r}"
        )
    if logits.dim() != 2 or len(logits) != len(observations):
        raise ValueError(
            f"policy must map observations {tuple(observations.shape)} to "
            f"logits ({len(observations)}, K), got {tuple(logits.shape)}"
        )
    if not torch.isfinite(logits).all():
        bad = logits[~torch.isfinite(logits)][0].item()
        raise ValueError(f"policy must return finite logits, got {bad}")
    return logits, calls


def _are_all(calls: list[Call], parameters: list[nn.Parameter], n: int) -> bool:
    """Whether the calls, one a layer, account for every parameter."""
    owned = [p for call in calls for p in call.layer.parameters()]
    return (
        len(owned) == len(parameters)
        and set(owned) == set(parameters)
        and all(p.requires_grad for p in parameters)
        and all(
            call.inputs.shape[:-1] == (n,) and call.outputs._version == 0
            for call in calls
        )
    )


def _outer_factors(
    logits: Tensor, delta: Tensor, calls: list[Call]
) -> dict[nn.Parameter, Factors]:
    """The scores of each parameter as an outer product of two factors."""
    outputs = [call.outputs for call in calls]
    deltas = torch.autograd.grad(logits, outputs, delta)
    factors = {}
    for call, each in zip(calls, deltas, strict=True):
        factors[call.layer.weight] = each, call.inputs.detach()
        if call.layer.bias is not None:
            factors[call.layer.bias] = each, None
    return factors


def _add_up(
    factors: dict[nn.Parameter, Factors],
    parameters: list[nn.Parameter],
    few: Tensor,
    delta: Tensor,
) -> bool:
    """Whether the first rows' scores sum to what a backward pass gives: a
    parameter may be used outside its layer, too.
    """
    exact = torch.autograd.grad(few, parameters, delta[: len(few)])
    for parameter, total in zip(parameters, exact, strict=True):
        each, inputs = factors[parameter]
        each = each[: len(few)]
        ours = each.sum(0) if inputs is None else each.T @ inputs[: len(few)]
        if not _close(ours, total):
            return False
    return True


def _alone(policy: nn.Module, observations: Tensor, logits: Tensor) -> Tensor:
    """The logits of the first rows without the others: they must not move."""
    few = policy(observations[: max(1, min(4, len(logits) - 1))])
    if few.shape[1:] != logits.shape[1:] or not _close(few, logits[: len(few)]):
        raise ValueError(
            "the logits of a row must depend on its observation alone, got "
            f"{logits[0].tolist()} among {len(logits)} rows and "
            f"{few[0].tolist()} among {len(few)}: switch batch norm and "
            "dropout off with policy.eval()"
        )
    return few


def _close(some: Tensor, other: Tensor) -> bool:
    size = float(other.detach().abs().max())
    return torch.allclose(some, other, rtol=1e-3, atol=1e-4 * size)


def _score_in_logits(logits: Tensor, actions: Tensor) -> Tensor:
    """e_a - softmax(logits), (n, K)."""
    rows = logits.detach().T
    score = torch.zeros_like(rows).scatter_(0, actions.unsqueeze(0), 1)
    return (score - rows.softmax(dim=0)).T


def _parameters(policy: nn.Module) -> list[nn.Parameter]:
    if not isinstance(policy, nn.Module):
        raise TypeError(f"policy must be a torch module, got {policy!r}")
    parameters = list(policy.parameters())
    if not parameters:
        raise ValueError(f"policy has no parameters: {policy!r}")
    return parameters


def _observations(observations: ArrayLike, like: Tensor) -> Tensor:
    """A tensor (n, ...), floats in the precision of the parameters."""
    result = _tensor("observations", observations)
    if result.dim() == 0 or result.numel() == 0:
        raise ValueError(
            f"observations must be (n, ...), got shape {tuple(result.shape)}"
        )
    if not result.is_floating_point():
        return result
    if not torch.isfinite(result).all():
        bad = result[~torch.isfinite(result)][0].item()
        raise ValueError(f"observations must be finite, got {bad}")
    return result.detach().to(like)


def _actions(actions: ArrayLike, logits: Tensor) -> Tensor:
    """Whole numbers (n,), from 0 to K - 1."""
    result = _tensor("actions", actions)
    if result.is_floating_point() or result.dtype == torch.bool:
        raise TypeError(f"actions must be whole numbers, got {result.dtype}")
    if result.shape != logits.shape[:1]:
        raise ValueError(
            f"actions must have shape ({len(logits)},), one for each "
            f"observation, got {tuple(result.shape)}"
        )
    wrong = (result < 0) | (result >= logits.shape[1])
    if wrong.any():
        raise ValueError(
            f"actions must be from 0 to {logits.shape[1] - 1}, "
            f"got {result[wrong][0].item()}"
        )
    return result.long().to(logits.device)


def _tensor(name: str, value: ArrayLike) -> Tensor:
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{name} must be a tensor or an array, got {value!r:.80}"
        ) from error


def _blocks(n: int) -> Iterator[slice]:
    for first in range(0, n, ROWS):
        yield slice(first, first + ROWS)
