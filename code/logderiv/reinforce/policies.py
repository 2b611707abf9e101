"""The policy: a torch module from observations (n, features) to logits (n, K),
and how it acts on arrays.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from logderiv import checks
from logderiv.checks import Floats

HIDDEN = 32
DRAWN_AT_ONCE = 2**14  # numbers; a draw costs less in company

Actor = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
Forward = Callable[[np.ndarray], np.ndarray | Distribution]
Policy = nn.Module | Callable[[Tensor], Tensor | np.ndarray | Distribution]


class Scaled(nn.Module):
    """x / size, feature by feature; nothing in it is learned."""

    size: Tensor

    def __init__(self, size: Tensor) -> None:
        super().__init__()
        self.register_buffer("size", size)

    def forward(self, rows: Tensor) -> Tensor:
        return rows / self.size


def make_policy(kind: str, seen: Tensor, actions: int, seed: int) -> nn.Module:
    """A torch module from observations (n, features) to logits (n, K).

    Every feature is divided by its largest size in ``seen`` first, so that
    all of them start out between -1 and 1.

    Args:
        kind: "mlp", one hidden layer of 32 tanh units, or "linear".
        seen: (m, features), observations.
        actions: how many there are, K.
        seed: of the initial weights; torch's own generator stays untouched.
    Returns:
        (n, features) -> (n, K).
    Raises:
        ValueError: another kind.
    """
    size = seen.abs().amax(dim=0)
    scaled = Scaled(torch.where(size > 0, size, 1.0))
    sequence = np.random.SeedSequence(checks.whole("seed", seed, 0))
    source = torch.Generator().manual_seed(int(sequence.generate_state(1)[0]))
    if kind == "linear":
        return nn.Sequential(scaled, _linear(len(size), actions, source))
    if kind == "mlp":
        return nn.Sequential(
            scaled,
            _linear(len(size), HIDDEN, source),
            nn.Tanh(),
            _linear(HIDDEN, actions, source),
        )
    raise ValueError(f"policy must be 'mlp' or 'linear', got {kind!r}")


def _linear(inputs: int, outputs: int, source: torch.Generator) -> nn.Linear:
    """A layer with torch's own kind of initial weights, from ``source``."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs, device="cpu")
    for parameter in layer.parameters():
        nn.init.uniform_(
            parameter, -(inputs**-0.5), inputs**-0.5, generator=source
        )
    return layer


def actor(
    policy: Policy,
    shape: tuple[int, int],
    rng: np.random.Generator,
    greedy: bool,
) -> Actor:
    """Observations (n, features) -> logits (n, K), actions (n,).

    Actions are drawn from the softmax of the logits: the largest of logit +
    Gumbel noise is such a draw. Without the noise it is the most probable one.

    Requires: the parameters do not change while it is in use.

    A policy may give a torch Distribution instead, which draws by itself.

    Args:
        policy: maps observations (n, features) to logits (n, K), or to a
            Distribution over actions (n,).
        shape: (n, K).
        rng: source of the noise.
        greedy: no noise.
    Returns:
        A function of observations (n, features).
    Raises:
        ValueError: on use, a policy that fails, or logits that are misshapen.
    """
    forward, noise = _forward(policy), _gumbel(rng, shape)

    @np.errstate(all="ignore")
    def act(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        try:
            output = forward(seen)
        except Exception as error:
            raise ValueError(
                f"policy must map observations {seen.shape} to logits {shape} "
                f"on the CPU, it fails: {error}"
            ) from error
        if isinstance(output, Distribution):
            return _drawn(output, shape, rng, greedy)
        logits = _checked(output, shape)
        preference = logits if greedy else logits + next(noise)
        return logits, preference.argmax(axis=1)

    return act


def _drawn(
    output: Distribution,
    shape: tuple[int, int],
    rng: np.random.Generator,
    greedy: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities (n, 1) and actions (n,), drawn from ``rng``."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(rng.integers(2**63)))
        actions = output.mode if greedy else output.sample()
    count, choices = shape
    if (
        actions.shape != (count,)
        or not (
            (actions >= 0) & (actions < choices) & (actions == actions.long())
        ).all()
    ):
        raise ValueError(
            f"policy must give {count} actions from 0 to {choices - 1}, "
            f"got {actions} of {output}"
        )
    return output.log_prob(actions)[:, None].numpy(), actions.long().numpy()


def log_prob(
    policy: nn.Module, observations: Tensor, actions: Tensor
) -> Tensor:
    """log policy(a | s).

    Args:
        policy: maps observations (n, features) to logits (n, K), or to a
            torch Distribution whose log_prob is (n,).
        observations: (..., features).
        actions: (...).
    Returns:
        (...).
    """
    output = policy(as_input(policy, observations).flatten(0, -2))
    taken = actions.flatten()
    if isinstance(output, Distribution):
        return output.log_prob(taken).view(actions.shape)
    every = output.log_softmax(dim=-1)
    return every.gather(-1, taken[:, None]).view(actions.shape)


def _gumbel(
    rng: np.random.Generator, shape: tuple[int, int]
) -> Iterator[Floats]:
    block = max(1, DRAWN_AT_ONCE // math.prod(shape))
    while True:
        yield from rng.gumbel(size=(block, *shape))


def _forward(policy: Policy) -> Forward:
    """The policy as a function of arrays, (n, features) -> (n, K).

    The layers of our own policies run in NumPy on the same memory: at 16 rows
    most of the time of a torch call is not arithmetic.
    """
    layers = list(policy) if type(policy) is nn.Sequential else [policy]
    steps = [step for step in map(_in_numpy, layers) if step]
    if len(steps) < len(layers):
        return lambda rows: _as_array(policy(as_input(policy, rows)))

    def forward(rows: np.ndarray) -> np.ndarray:
        for step in steps:
            rows = step(rows)
        return rows

    return forward


def as_input(policy: Policy, rows: np.ndarray | Tensor) -> Tensor:
    """Observations in the type of number that the policy computes with, on
    the CPU whatever torch's default device is.
    """
    rows = torch.as_tensor(rows, device="cpu")
    if not isinstance(policy, nn.Module):
        return rows
    return rows.to(next(policy.parameters(), rows).dtype)


def _in_numpy(layer: Policy) -> Callable[[np.ndarray], np.ndarray] | None:
    """One layer as a function of arrays; None if it is not of a known kind."""
    if getattr(layer, "_forward_hooks", 0) or getattr(
        layer, "_forward_pre_hooks", 0
    ):
        return None
    if isinstance(layer, nn.Module) and any(
        held.device.type != "cpu" for held in layer.parameters()
    ):
        return None
    if type(layer) is nn.Tanh:
        return np.tanh
    if type(layer) is Scaled:
        size = layer.size.numpy()
        return lambda rows: rows / size
    if type(layer) is nn.Linear and layer.bias is not None:
        weight = layer.weight.detach().numpy().T
        bias = layer.bias.detach().numpy()
        return lambda rows: rows @ weight + bias
    return None


def _as_array(output: object) -> np.ndarray | Distribution:
    if isinstance(output, Distribution):
        return output
    if not isinstance(output, Tensor | np.ndarray):
        raise TypeError(
            f"it returned a {type(output).__name__}, wanted a tensor"
        )
    return np.asarray(output)


def _checked(logits: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if logits.dtype.kind != "f" or logits.shape != shape:
        raise ValueError(
            f"policy must return floating-point logits of shape {shape}, "
            f"got {logits.dtype} of shape {logits.shape}"
        )
    return logits
