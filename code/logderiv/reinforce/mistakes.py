"""The usual mistakes, each as one change to a right loop, to see what they do.

An objective maps a policy and a batch to the number whose gradient is the
step. The right one is `training.objective`.
"""

from collections.abc import Callable
from contextlib import closing

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn

from logderiv.reinforce.episodes import Rollouts, make_envs, rollouts
from logderiv.reinforce.returns import advantages, rewards_to_go
from logderiv.reinforce.training import (
    LEARNING_RATE,
    begin,
    log_probs,
    objective,
)
from logderiv.surrogate import surrogate

Objective = Callable[[nn.Module, Rollouts], Tensor]

SHORT = "logderiv/CartPole50-v1"
gym.register(
    SHORT,
    vector_entry_point=gym.spec("CartPole-v1").vector_entry_point,
    max_episode_steps=50,
)


def right(policy: nn.Module, batch: Rollouts) -> Tensor:
    """1/n sum_i sum_t log policy * (G_t - b_t)."""
    return objective(policy, batch, advantages)


def mean_times_sum(policy: nn.Module, batch: Rollouts) -> Tensor:
    """mean over t of log policy, times the sum over t of G_t."""
    total = _to_go(batch).sum(dim=1, keepdim=True)
    length = torch.from_numpy(batch.mask).sum(dim=1, keepdim=True)
    return surrogate(log_probs(policy, batch), total / length * _real(batch))


def no_log(policy: nn.Module, batch: Rollouts) -> Tensor:
    """1/n sum_i sum_t policy * (G_t - b_t), the log left out."""
    weight = torch.from_numpy(advantages(batch.rewards, batch.mask))
    return surrogate(log_probs(policy, batch).exp(), weight.float())


def own_sample_mean(policy: nn.Module, batch: Rollouts) -> Tensor:
    """The baseline is the mean over all running episodes, its own included."""
    to_go, real = _to_go(batch), _real(batch)
    mean = to_go.sum(dim=0) / real.sum(dim=0).clamp(min=1)
    return surrogate(log_probs(policy, batch), (to_go - mean) * real)


def own_episode_mean(policy: nn.Module, batch: Rollouts) -> Tensor:
    """The baseline is the mean of G_t over the steps of the episode itself."""
    to_go, real = _to_go(batch), _real(batch)
    mean = to_go.sum(dim=1, keepdim=True) / real.sum(dim=1, keepdim=True)
    return surrogate(log_probs(policy, batch), (to_go - mean) * real)


def mean_over_steps(policy: nn.Module, batch: Rollouts) -> Tensor:
    """1/n sum_i of the mean over the episode's steps, instead of the sum."""
    weight = torch.from_numpy(advantages(batch.rewards, batch.mask)).float()
    length = _real(batch).sum(dim=1, keepdim=True)
    return surrogate(log_probs(policy, batch), weight / length)


def _to_go(batch: Rollouts) -> Tensor:
    return torch.from_numpy(rewards_to_go(batch.rewards, batch.mask)).float()


def _real(batch: Rollouts) -> Tensor:
    return torch.from_numpy(batch.mask).float()


def learn(
    step_towards: Objective,
    seed: int,
    updates: int = 60,
    greedy: bool = False,
    env_id: str = "CartPole-v1",
) -> tuple[nn.Module, list[float]]:
    """The bare loop: roll out, step towards an objective, nothing else.

    Args:
        step_towards: maps policy and batch to a scalar.
        seed: of everything random.
        updates: gradient steps.
        greedy: collect with the most probable action, the argmax mistake.
        env_id: where it learns; SHORT takes 50 steps for the whole task.
    Returns:
        The last policy, and the mean return of each batch.
    """
    rng, returns = np.random.default_rng(seed), []
    with closing(make_envs(env_id, 16)) as envs:
        policy = begin(envs, "mlp", seed).policy
        optimizer = torch.optim.Adam(
            policy.parameters(), lr=LEARNING_RATE["mlp"], maximize=True
        )
        for _ in range(updates):
            batch = rollouts(policy, envs, rng, greedy)
            optimizer.zero_grad()
            step_towards(policy, batch).backward()
            optimizer.step()
            returns.append(float(batch.rewards.sum(axis=1).mean()))
    return policy, returns
