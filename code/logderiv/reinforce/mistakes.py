"""The usual mistakes, each as one change to the right loop.

Most are a wrong weight, so `train` takes them as they are. Two are not:
leaving out the log, and collecting with argmax.
"""

from contextlib import closing

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor, nn

from logderiv.checks import Floats
from logderiv.reinforce.episodes import Rollouts, make_envs, rollouts
from logderiv.reinforce.returns import advantages, rewards_to_go
from logderiv.reinforce.training import (
    LEARNING_RATE,
    TRAINING,
    begin,
    log_probs,
    objective,
    one_thread,
    stream,
)
from logderiv.surrogate import surrogate

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


def no_log(policy: nn.Module, batch: Rollouts) -> Tensor:
    """1/n sum_i sum_t policy * (G_t - b_t), the log left out."""
    weight = torch.from_numpy(advantages(batch.rewards, batch.mask))
    return surrogate(log_probs(policy, batch).exp(), weight.float())


def learn(
    seed: int, updates: int = 60, log: bool = True, greedy: bool = False
) -> tuple[nn.Module, list[float]]:
    """`train` on CartPole without its books, and with a mistake in it.

    Args:
        seed: as in `train`; without a mistake, the same numbers.
        updates: gradient steps.
        log: False leaves it out.
        greedy: collect with the most probable action, the argmax mistake.
    Returns:
        The last policy, and the mean return of each batch.
    """
    returns = []
    with one_thread(), closing(make_envs("CartPole-v1", 16)) as envs:
        policy = begin(envs, "mlp", seed).policy
        optimizer = torch.optim.Adam(
            policy.parameters(), lr=LEARNING_RATE["mlp"], maximize=True
        )
        for update in range(updates):
            rng = stream(seed, TRAINING, update)
            batch = rollouts(policy, envs, rng, greedy)
            optimizer.zero_grad()
            if log:
                objective(policy, batch, advantages).backward()
            else:
                no_log(policy, batch).backward()
            optimizer.step()
            returns.append(float(batch.rewards.sum(axis=1).mean()))
    return policy, returns
