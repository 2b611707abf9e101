"""Environments that a module of tests registers, and CartPole at random."""

from collections.abc import Callable, Iterator
from contextlib import closing

import gymnasium as gym
import numpy as np
import pytest
from torch import nn

from logderiv.reinforce import Rollouts, make_envs, rollouts


@pytest.fixture(scope="module")
def register() -> Iterator[Callable[..., None]]:
    """gymnasium.register, undone after the module."""
    names = []

    def remember(env_id: str, *args: object, **kwargs: object) -> None:
        gym.register(env_id, *args, **kwargs)
        names.append(env_id)

    yield remember
    for env_id in names:
        del gym.registry[env_id]


@pytest.fixture(scope="session")
def uniform() -> nn.Module:
    """Both actions of CartPole, half of the time each."""
    module = nn.Linear(4, 2)
    nn.init.zeros_(module.weight)
    nn.init.zeros_(module.bias)
    return module


@pytest.fixture(scope="session")
def batch(uniform: nn.Module) -> Rollouts:
    """500 episodes of CartPole with random actions."""
    with closing(make_envs("CartPole-v1", 500)) as envs:
        return rollouts(uniform, envs, np.random.default_rng(0))
