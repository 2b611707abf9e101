"""The mistakes of chapter 4, convicted on three states and five steps.

The expected gradient of an objective, over all pairs of episodes, against the
exact policy gradient: sums only, nothing fails by chance.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from logderiv.expectation import all_trajectories
from logderiv.reinforce import Rollouts, mistakes, train
from logderiv.trajectories import (
    Trajectories,
    dynamics_log_prob,
    rewards,
    short_corridor,
)

WORLD = short_corridor()
STEPS = 5
OBJECTIVES = [
    mistakes.mean_times_sum,
    mistakes.no_log,
    mistakes.own_sample_mean,
    mistakes.own_episode_mean,
    mistakes.mean_over_steps,
]


@pytest.fixture
def policy() -> nn.Module:
    """Logits for each of the states."""
    states = int(all_trajectories(WORLD, STEPS).states.max()) + 1
    module = nn.Linear(states, 2, bias=False)
    values = torch.linspace(-0.6, 0.8, 2 * states).reshape(2, states)
    module.weight.data = values.sin()
    return module


def batch_of(policy: nn.Module, paths: Trajectories, rows: list[int]):
    states = torch.from_numpy(paths.states[rows][:, :-1]).clip(0)
    return Rollouts(
        nn.functional.one_hot(states, policy.in_features).float(),
        torch.from_numpy(paths.actions[rows]).clip(0),
        np.where(paths.mask, rewards(WORLD, paths), 0.0)[rows],
        paths.mask[rows],
        np.zeros(len(rows), dtype=bool),
    )


def probabilities(policy: nn.Module, paths: Trajectories) -> np.ndarray:
    """Of all paths, from one log-probability a step."""
    batch = batch_of(policy, paths, list(range(len(paths.mask))))
    every = torch.log_softmax(policy(batch.observations), dim=-1)
    taken = every.gather(-1, batch.actions.unsqueeze(-1)).squeeze(-1)
    steps = (taken.detach().numpy() * paths.mask).sum(axis=1)
    return np.exp(steps + dynamics_log_prob(WORLD, paths))


def exact(policy: nn.Module) -> torch.Tensor:
    """Slope of sum over paths of p(path) R(path), by differences."""
    paths = all_trajectories(WORLD, STEPS)
    total = np.where(paths.mask, rewards(WORLD, paths), 0.0).sum(axis=1)
    slope = torch.zeros_like(policy.weight)
    for index in np.ndindex(*slope.shape):
        value = {}
        for step in (-1e-2, 1e-2):
            with torch.no_grad():
                policy.weight[index] += step
                value[step] = probabilities(policy, paths) @ total
                policy.weight[index] -= step
        slope[index] = (value[1e-2] - value[-1e-2]) / 2e-2
    return slope


def expected(
    policy: nn.Module, objective: Callable, steps: int = STEPS
) -> torch.Tensor:
    """The mean gradient of an objective, over all pairs of episodes."""
    paths = all_trajectories(WORLD, steps)
    p = probabilities(policy, paths)
    mean = torch.zeros_like(policy.weight)
    for i, j in np.ndindex(len(p), len(p)):
        value = objective(policy, batch_of(policy, paths, [i, j]))
        [part] = torch.autograd.grad(value, [policy.weight])
        mean += float(p[i] * p[j]) * part
    return mean


def off(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """Relative distance."""
    return float((found - wanted).norm() / wanted.norm())


def test_the_right_objective_has_the_exact_gradient(policy: nn.Module) -> None:
    assert off(expected(policy, mistakes.right), exact(policy)) < 1e-3


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_exact_gradient_convicts_a_wrong_objective(
    policy: nn.Module, objective: Callable
) -> None:
    assert off(expected(policy, objective), exact(policy)) > 0.1


def test_the_own_sample_shrinks_the_gradient_of_two_to_half() -> None:
    """Where both episodes run at every step, as on ten coins."""
    batch = Rollouts(
        torch.ones(2, 3, 1),
        torch.tensor([[0, 1, 1], [1, 0, 1]]),
        np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 4.0]]),
        np.ones((2, 3), dtype=bool),
        np.zeros(2, dtype=bool),
    )
    module = nn.Linear(1, 2)
    whole, half = (
        torch.autograd.grad(objective(module, batch), [module.bias])[0]
        for objective in (mistakes.right, mistakes.own_sample_mean)
    )
    assert torch.allclose(half, whole / 2)
    assert whole.norm() > 0.1


def test_the_exact_gradient_convicts_a_cut(policy: nn.Module) -> None:
    assert off(expected(policy, mistakes.right, steps=2), exact(policy)) > 0.1


def test_the_exact_gradient_convicts_argmax(policy: nn.Module) -> None:
    """Two episodes of argmax are the same one: all weights are 0."""
    paths = all_trajectories(WORLD, STEPS)
    best = np.argmax(probabilities(policy, paths))
    value = mistakes.right(policy, batch_of(policy, paths, [best, best]))
    [part] = torch.autograd.grad(value, [policy.weight])
    assert off(part, exact(policy)) > 0.9


def test_the_bare_loop_is_train_without_its_books() -> None:
    """Same policy to begin with; the batches differ in their numbers only."""
    policy, returns = mistakes.learn(mistakes.right, seed=3, updates=25)
    assert len(returns) == 25
    history = train(3, updates=25).history
    late = [
        np.mean(returns[-5:]),
        np.mean([u.mean_return for u in history[-5:]]),
    ]
    assert min(late) > 100
    assert [p.shape for p in policy.parameters()] == [
        p.shape for p in train(3, updates=1).policy.parameters()
    ]


def test_the_short_task_ends_after_50_steps() -> None:
    _, returns = mistakes.learn(
        mistakes.right, seed=0, updates=15, env_id=mistakes.SHORT
    )
    assert max(returns) <= 50
    assert returns[-1] > 40


def test_argmax_collects_the_most_probable_actions() -> None:
    greedy, sampled = (
        mistakes.learn(mistakes.right, seed=0, updates=1, greedy=greedy)[1]
        for greedy in (True, False)
    )
    assert greedy != sampled
