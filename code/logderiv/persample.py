"""Chapter 3, in torch. The score of every sample, for any policy network.

score_i = grad log policy(action_i | observation_i)

A backward pass gives the sum of the scores of a batch. Here grad is of the
log-probability of one row, and vmap takes it of many rows at once. Before
that, the door: only where rows do not influence each other has each a score.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy

ROWS = 1024


def score_blocks(
    policy: nn.Module, observations: ArrayLike, actions: ArrayLike
) -> Iterator[Tensor]:
    """The scores of ROWS rows, of the next ROWS rows, and so on: (m, p) each.

    Args, Raises: as `logderiv.surrogate.score_matrix`.
    """
    states, chosen = _checked(policy, observations, actions)
    blocks = zip(states.split(ROWS), chosen.split(ROWS), strict=True)
    return (_scores(policy, *rows) for rows in blocks)


@torch.inference_mode(False)
def _scores(policy: nn.Module, states: Tensor, actions: Tensor) -> Tensor:
    """grad log policy(action | state), a row for each: (m, p)."""
    score = grad(partial(_log_prob, policy))
    theta = tuple(each.detach() for each in policy.parameters())
    rows = states.clone(), actions
    try:
        found = vmap(score, in_dims=(None, 0, 0))(theta, *rows)
    except RuntimeError:
        # Recurrent layers, and an `if` that looks at numbers: row by row.
        alone = [score(theta, *row) for row in zip(*rows, strict=True)]
        found = map(torch.stack, zip(*alone, strict=True))
    return torch.cat([each.flatten(1) for each in found], dim=1)


def _log_prob(
    policy: nn.Module,
    theta: tuple[Tensor, ...],
    state: Tensor,
    action: Tensor,
) -> Tensor:
    """log policy(action | state), were theta its parameters."""
    value = dict(zip(policy.parameters(), theta, strict=True))
    placed = {name: value[each] for name, each in _places(policy)}
    row = (state.unsqueeze(0),)
    logits = functional_call(policy, placed, row, tie_weights=False)
    return -cross_entropy(logits, action.unsqueeze(0))


def _places(policy: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Where parameters are; a module that is used twice is one place."""
    for prefix, module in policy.named_modules():
        yield from module.named_parameters(
            prefix, recurse=False, remove_duplicate=False
        )


# The door


@torch.inference_mode(False)
def _checked(
    policy: nn.Module, observations: ArrayLike, actions: ArrayLike
) -> tuple[Tensor, Tensor]:
    """Observations (n, ...) and actions (n,) that have scores."""
    if not isinstance(policy, nn.Module):
        raise TypeError(f"policy must be a torch module, got {policy!r}")
    parameters = list(policy.parameters())
    if not parameters:
        raise ValueError(f"policy has no parameters: {policy!r}")
    states = _observations(observations, parameters[0])
    with torch.no_grad():
        logits = _logits(policy, states)
    _check_alone(policy, states, logits)
    return states, _actions(actions, logits)


def _logits(policy: nn.Module, states: Tensor) -> Tensor:
    """policy(states), of which the policy gets a copy: finite, (n, K)."""
    before = torch.get_rng_state()
    try:
        logits = policy(states.clone())
    except Exception as error:
        raise ValueError(
            "policy fails on observations of shape "
            f"{tuple(states.shape)}, {states.dtype}: {error}"
        ) from error
    if not torch.equal(before, torch.get_rng_state()):
        raise ValueError(
            "the logits of a row must depend on its observation alone, got "
            f"random ones from {policy!r:.80}: switch dropout off with "
            "policy.eval()"
        )
    _check_logits(logits, states)
    return logits


def _check_logits(logits: object, states: Tensor) -> None:
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        raise TypeError(
            f"policy must return a tensor of logits, got {logits!r}"
        )
    if logits.dim() != 2 or len(logits) != len(states):
        raise ValueError(
            f"policy must map observations {tuple(states.shape)} to "
            f"logits ({len(states)}, K), got {tuple(logits.shape)}"
        )
    _check_finite("the logits of policy", logits)


def _check_alone(policy: nn.Module, states: Tensor, logits: Tensor) -> None:
    """Some rows, last to first, without the others: logits must not move."""
    last = len(logits) - 1
    count = max(1, min(4, last))
    rows = torch.linspace(last, 0, count, device=logits.device).long()
    with torch.enable_grad():
        alone = _logits(policy, states[rows])
    _check_attached(policy, alone)
    among = logits[rows]
    if alone.shape != among.shape or not (
        _close(alone, among)
        and _close(alone.log_softmax(1), among.log_softmax(1))
    ):
        raise ValueError(
            "the logits of a row must depend on its observation alone, got "
            f"{logits[-1].tolist()} among {len(logits)} rows and "
            f"{alone[0].tolist()} among {len(alone)}: switch batch norm and "
            "dropout off with policy.eval()"
        )


def _check_attached(policy: nn.Module, logits: Tensor) -> None:
    learns = any(each.requires_grad for each in policy.parameters())
    if learns and not logits.requires_grad:
        raise ValueError(
            f"the logits {tuple(logits.shape)} are cut off from the parameters "
            f"of {policy!r:.80}: no detach, no torch.no_grad"
        )


def _close(some: Tensor, other: Tensor) -> bool:
    size = float(other.detach().abs().max())
    return torch.allclose(some, other, rtol=1e-3, atol=1e-4 * size)


def _observations(observations: ArrayLike, like: Tensor) -> Tensor:
    """A tensor (n, ...), floats in the precision of the parameters."""
    states = _tensor("observations", observations)
    if states.dim() == 0 or states.numel() == 0:
        raise ValueError(
            f"observations must be (n, ...), got shape {tuple(states.shape)}"
        )
    if not states.is_floating_point():
        return states
    _check_finite("observations", states)
    return states.detach().to(like)


def _actions(actions: ArrayLike, logits: Tensor) -> Tensor:
    """Whole numbers (n,), from 0 to K - 1."""
    chosen = _tensor("actions", actions)
    kind = chosen.dtype
    if kind == torch.bool or kind.is_floating_point or kind.is_complex:
        raise TypeError(
            f"actions must be whole numbers, got {kind} "
            f"of shape {tuple(chosen.shape)}"
        )
    if chosen.shape != logits.shape[:1]:
        raise ValueError(
            f"actions must have shape ({len(logits)},), one for each "
            f"observation, got {tuple(chosen.shape)}"
        )
    chosen = chosen.long()
    wrong = (chosen < 0) | (chosen >= logits.shape[1])
    if wrong.any():
        raise ValueError(
            f"actions must be from 0 to {logits.shape[1] - 1}, "
            f"got {chosen[wrong][0].item()}"
        )
    return chosen.to(logits.device)


def _tensor(name: str, value: ArrayLike) -> Tensor:
    if np.ma.isMaskedArray(value):
        raise TypeError(
            f"{name} is a masked array of shape {np.shape(value)}, "
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


def _check_finite(name: str, value: Tensor) -> None:
    if not torch.isfinite(value).all():
        bad = value[~torch.isfinite(value)][0].item()
        raise ValueError(f"{name} must be finite, got {bad}")
