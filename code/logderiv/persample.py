"""Chapter 3, in torch. The score of every sample, for any policy network.

A backward pass gives the sum of the scores of a batch. Through a linear layer
y = W a + b each sample's own part can be read off on the way: with delta the
gradient of its log-probability in y, it is the outer product of delta and a
for W, and delta for b. Networks that are not made of such layers go through
torch.func, a block of rows at a time.

Source: Goodfellow (2015), "Efficient per-example gradient computations".
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
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
    input: Tensor
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
        with torch.inference_mode(False), torch.enable_grad():
            logits, calls = _recorded(policy, self.observations)
            self.actions = _actions(actions, logits)
            rows, few = _alone(policy, self.observations, logits)
            self.delta = _score_in_logits(logits, self.actions)
            self.factors = None
            if _are_all(calls, self.parameters, logits):
                factors = _outer_factors(logits, self.delta, calls)
                exact = torch.autograd.grad(
                    few, self.parameters, self.delta[rows]
                )
                if _add_up(factors, self.parameters, rows, exact):
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
                result[:, rows] = self._rows(rows).T
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
            squares = (self._rows(rows) ** 2 for rows in _blocks(n))
            return sum(each.sum(dim=0) for each in squares) / n
        moments = []
        for parameter in self.parameters:
            delta, inputs = self.factors[parameter]
            square = delta**2
            total = square.sum(0) if inputs is None else square.T @ inputs**2
            moments.append(total.ravel() / n)
        return torch.cat(moments)

    def _rows(self, rows: slice) -> Tensor:
        """The scores of some rows, (m, p)."""
        held = tuple(each.detach() for each in self.parameters)
        batch = self.observations[rows].clone(), self.actions[rows]
        every = vmap(grad(self._log_prob), in_dims=(None, 0, 0))
        try:
            scores = every(held, *batch)
        except RuntimeError:
            return self._by_loop(*batch)
        return torch.cat([each.flatten(1) for each in scores], dim=1)

    def _by_loop(self, observations: Tensor, actions: Tensor) -> Tensor:
        """A backward pass a row, for what vmap cannot do: (m, p)."""
        held = tuple(each.detach().requires_grad_() for each in self.parameters)
        scores = []
        for row in zip(observations, actions, strict=True):
            with torch.enable_grad():
                log_prob = self._log_prob(held, *row)
            found = torch.autograd.grad(log_prob, held, materialize_grads=True)
            scores.append(torch.cat([each.flatten() for each in found]))
        return torch.stack(scores)

    def _log_prob(
        self,
        parameters: tuple[Tensor, ...],
        observation: Tensor,
        action: Tensor,
    ) -> Tensor:
        """log policy(action | observation) with these parameters."""
        value = dict(zip(self.parameters, parameters, strict=True))
        places = {name: value[each] for name, each in _places(self.policy)}
        places |= dict(self.policy.named_buffers())
        inputs = (observation.unsqueeze(0),)
        logits = functional_call(self.policy, places, inputs, tie_weights=False)
        return logits.log_softmax(dim=1).gather(1, action.view(1, 1)).sum()


def _places(policy: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Where parameters are; a module that is used twice is one place."""
    for prefix, module in policy.named_modules():
        yield from module.named_parameters(
            prefix, recurse=False, remove_duplicate=False
        )


def _logits(policy: nn.Module, observations: Tensor) -> Tensor:
    """policy(observations), of which the policy gets a copy."""
    state = torch.get_rng_state()
    try:
        logits = policy(observations.clone())
    except Exception as error:
        raise ValueError(
            "policy fails on observations of shape "
            f"{tuple(observations.shape)}, {observations.dtype}: {error}"
        ) from error
    if not torch.equal(state, torch.get_rng_state()):
        raise ValueError(
            "the logits of a row must depend on its observation alone, got "
            f"random ones from {policy!r:.80}: switch dropout off with "
            "policy.eval()"
        )
    return logits


def _recorded(
    policy: nn.Module, observations: Tensor
) -> tuple[Tensor, list[Call]]:
    """The logits, and every call of a linear layer on the way to them."""
    calls: list[Call] = []

    def record(
        layer: nn.Module, inputs: tuple, named: dict, outputs: Tensor
    ) -> None:
        calls.append(Call(layer, *inputs, **named, outputs=outputs))

    with ExitStack() as hooks:
        for layer in policy.modules():
            if type(layer) is nn.Linear:
                hooks.enter_context(
                    layer.register_forward_hook(record, with_kwargs=True)
                )
        logits = _logits(policy, observations)
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        raise TypeError(
            f"policy must return a tensor of logits, got {logits!r}"
        )
    if logits.dim() != 2 or len(logits) != len(observations):
        raise ValueError(
            f"policy must map observations {tuple(observations.shape)} to "
            f"logits ({len(observations)}, K), got {tuple(logits.shape)}"
        )
    if not logits.requires_grad and any(
        each.requires_grad for each in policy.parameters()
    ):
        raise ValueError(
            f"the logits {tuple(logits.shape)} are cut off from the parameters "
            f"of {policy!r:.80}: no detach, no torch.no_grad"
        )
    if not torch.isfinite(logits).all():
        bad = logits[~torch.isfinite(logits)][0].item()
        raise ValueError(f"policy must return finite logits, got {bad}")
    return logits, calls


def _are_all(
    calls: list[Call], parameters: list[nn.Parameter], logits: Tensor
) -> bool:
    """Whether the calls, one a layer, account for every parameter."""
    both = [(call.layer.weight, call.layer.bias) for call in calls]
    owned = [p for pair in both for p in pair if p is not None]
    return (
        len(owned) == len(parameters)
        and set(owned) == set(parameters)
        and all(p.requires_grad for p in parameters)
        and all(
            call.input.shape[:-1] == (len(logits),)
            and call.outputs._version == 0
            for call in calls
        )
        and _used_once(logits, parameters)
    )


def _used_once(logits: Tensor, parameters: list[nn.Parameter]) -> bool:
    """Whether one step of the way to the logits reads each parameter."""
    uses, seen, ahead = Counter(), set(), [logits.grad_fn]
    while ahead:
        for node, _ in ahead.pop().next_functions:
            if hasattr(node, "variable"):
                uses[node.variable] += 1
            elif node is not None and node not in seen:
                seen.add(node)
                ahead.append(node)
    return all(uses[parameter] == 1 for parameter in parameters)


def _outer_factors(
    logits: Tensor, delta: Tensor, calls: list[Call]
) -> dict[nn.Parameter, Factors]:
    """The scores of each parameter as an outer product of two factors."""
    outputs = [call.outputs for call in calls]
    deltas = torch.autograd.grad(logits, outputs, delta)
    factors = {}
    for call, each in zip(calls, deltas, strict=True):
        factors[call.layer.weight] = each, call.input.detach()
        if call.layer.bias is not None:
            factors[call.layer.bias] = each, None
    return factors


def _add_up(
    factors: dict[nn.Parameter, Factors],
    parameters: list[nn.Parameter],
    rows: Tensor,
    exact: tuple[Tensor, ...],
) -> bool:
    """Whether some rows' scores sum to what a backward pass gives: a hook may
    have changed what a layer returns.
    """
    for parameter, total in zip(parameters, exact, strict=True):
        each, inputs = factors[parameter]
        each = each[rows]
        ours = each.sum(0) if inputs is None else each.T @ inputs[rows]
        if not _close(ours, total):
            return False
    return True


def _alone(
    policy: nn.Module, observations: Tensor, logits: Tensor
) -> tuple[Tensor, Tensor]:
    """Some rows, last to first, and their logits without the others: they
    must not move.
    """
    last = len(logits) - 1
    count = max(1, min(4, last))
    rows = torch.linspace(last, 0, count, device=logits.device).long()
    few = _logits(policy, observations[rows])
    among = logits[rows]
    if few.shape != among.shape or not (
        _close(few, among) and _close(few.log_softmax(1), among.log_softmax(1))
    ):
        raise ValueError(
            "the logits of a row must depend on its observation alone, got "
            f"{logits[-1].tolist()} among {len(logits)} rows and "
            f"{few[0].tolist()} among {len(few)}: switch batch norm and "
            "dropout off with policy.eval()"
        )
    return rows, few


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
    if (
        result.dtype == torch.bool
        or result.dtype.is_floating_point
        or result.is_complex()
    ):
        raise TypeError(
            f"actions must be whole numbers, got {result.dtype} "
            f"of shape {tuple(result.shape)}"
        )
    if result.shape != logits.shape[:1]:
        raise ValueError(
            f"actions must have shape ({len(logits)},), one for each "
            f"observation, got {tuple(result.shape)}"
        )
    result = result.long()
    wrong = (result < 0) | (result >= logits.shape[1])
    if wrong.any():
        raise ValueError(
            f"actions must be from 0 to {logits.shape[1] - 1}, "
            f"got {result[wrong][0].item()}"
        )
    return result.to(logits.device)


def _tensor(name: str, value: ArrayLike) -> Tensor:
    if np.ma.isMaskedArray(value):
        raise TypeError(
            f"{name} is a masked array of shape {value.shape}, "
            "its mask would be lost"
        )
    if isinstance(value, Tensor):
        return value
    try:
        return torch.as_tensor(value, device="cpu")
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"{name} must be a tensor or an array, got {value!r:.80}"
        ) from error


def _blocks(n: int) -> Iterator[slice]:
    for first in range(0, n, ROWS):
        yield slice(first, first + ROWS)
