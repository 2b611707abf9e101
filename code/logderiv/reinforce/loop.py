"""REINFORCE, the whole of it: roll out, weigh, differentiate, step.

grad J ~ 1/n sum_i sum_t weight_it * grad log policy(a_it | s_it)
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from torch import Tensor, nn
from torch.optim import Optimizer

from logderiv.checks import Floats, Mask
from logderiv.reinforce.episodes import Rollouts, rollouts
from logderiv.reinforce.policies import log_prob
from logderiv.surrogate import surrogate

Weights = Callable[[Floats, Mask], Floats]


def updates(
    policy: nn.Module,
    envs: VectorEnv,
    optimizer: Optimizer,
    weights: Weights,
    rngs: Iterable[np.random.Generator],
) -> Iterator[Rollouts]:
    """theta <- step(theta, grad J), an update for each generator in rngs.

    Requires: an optimizer that maximises; else it walks downhill.
    Yields the episodes of each update, after its step.
    """
    for rng in rngs:
        batch = rollouts(policy, envs, rng)
        optimizer.zero_grad()
        objective(policy, batch, weights).backward()
        optimizer.step()
        yield batch


def objective(policy: nn.Module, batch: Rollouts, weights: Weights) -> Tensor:
    """1/n sum_i sum_t log policy(a_it | s_it) * weight_it, for n episodes.

    The surrogate of chapter 3, which divides by n: its gradient is grad J, its
    value is nothing.
    """
    log_policy = log_probs(policy, batch)
    weight = torch.from_numpy(weights(batch.rewards, batch.mask))
    return surrogate(log_policy, weight.to(log_policy.dtype))


def log_probs(policy: nn.Module, batch: Rollouts) -> Tensor:
    """log policy(a_t | s_t), (episode, time); 0 where no step is real."""
    every = log_prob(policy, batch.observations, batch.actions)
    return torch.where(torch.from_numpy(batch.mask), every, 0.0)
