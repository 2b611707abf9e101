"""The usual mistakes, each handed to the right loop.

Most are a wrong weight, so `train` takes them as they are. Two are a policy:
one leaves out the log, one acts by argmax.
"""

from contextlib import closing

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import Categorical

from logderiv.checks import Floats
from logderiv.reinforce import loop
from logderiv.reinforce.episodes import make_envs
from logderiv.reinforce.returns import advantages, rewards_to_go
from logderiv.reinforce.training import (
    LEARNING_RATE,
    TRAINING,
    begin,
    one_thread,
    stream,
)

Shape = torch.Size | list[int] | tuple[int, ...]
SHORT = "logderiv/CartPole50-v1"
gym.register(
    SHORT,
    vector_entry_point=gym.spec("CartPole-v1").vector_entry_point,
    max_episode_steps=50,
)


def mean_times_sum(rewards: Floats, mask: np.ndarray) -> Floats:
    """mean over t of log policy, times the sum over t of G_t."""
    to_go = rewards_to_go(rewards, mask)
    mean = to_go.sum(axis=1, keepdims=True) / mask.sum(axis=1, keepdims=True)
    return mean * mask


def own_sample_mean(rewards: Floats, mask: np.ndarray) -> Floats:
    """G_t less the mean over all running episodes, its own included."""
    to_go = rewards_to_go(rewards, mask)
    return (to_go - to_go.sum(axis=0) / mask.sum(axis=0).clip(min=1)) * mask


def own_episode_mean(rewards: Floats, mask: np.ndarray) -> Floats:
    """G_t less the mean of G_t over the steps of the episode itself."""
    return rewards_to_go(rewards, mask) * mask - mean_times_sum(rewards, mask)


def mean_over_steps(rewards: Floats, mask: np.ndarray) -> Floats:
    """(G_t - b_t) / T, the mean over the episode's steps for their sum."""
    return advantages(rewards, mask) / mask.sum(axis=1, keepdims=True)


class NoLog(Categorical):
    """The log left out: log_prob is the probability itself."""

    def log_prob(self, value: Tensor) -> Tensor:
        """policy(a | s), where log policy(a | s) should stand."""
        return super().log_prob(value).exp()


class Argmax(Categorical):
    """A draw is the most probable action, whatever the others are."""

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """The action with the largest logit."""
        return self.mode.expand(torch.Size(sample_shape) + self.batch_shape)


class Acting(nn.Module):
    """A policy of logits that acts and learns as ``kind(logits=)`` does."""

    def __init__(self, policy: nn.Module, kind: type[Categorical]) -> None:
        super().__init__()
        self.policy, self.kind = policy, kind

    def forward(self, rows: Tensor) -> Categorical:
        """The distribution over actions, (n,)."""
        return self.kind(logits=self.policy(rows))


def learn(
    seed: int, kind: type[Categorical], updates: int = 60
) -> tuple[nn.Module, list[float]]:
    """`train` on CartPole without its books, for a policy that acts otherwise.

    Args:
        seed: as in `train`.
        kind: of distribution over actions; Categorical makes no mistake.
        updates: gradient steps.
    Returns:
        The last policy, as logits, and the mean return of each batch.
    """
    with one_thread(), closing(make_envs("CartPole-v1", 16)) as envs:
        policy = begin(envs, "mlp", seed).policy
        optimizer = torch.optim.Adam(
            policy.parameters(), lr=LEARNING_RATE["mlp"], maximize=True
        )
        rngs = (stream(seed, TRAINING, k) for k in range(updates))
        batches = loop.updates(
            Acting(policy, kind), envs, optimizer, advantages, rngs
        )
        returns = [float(batch.rewards.sum(axis=1).mean()) for batch in batches]
    return policy, returns
