"""The mistakes of chapter 4, convicted on three states and five steps.

The expected gradient of an objective, over all pairs of episodes, against the
exact policy gradient: sums only, nothing fails by chance.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Categorical

from logderiv.expectation import all_trajectories
from logderiv.reinforce import (
    Rollouts,
    advantages,
    mistakes,
    objective,
    train,
)
from logderiv.trajectories import (
    Trajectories,
    dynamics_log_prob,
    rewards,
    short_corridor,
)

WORLD = short_corridor()
STEPS = 5
OBJECTIVES = {
    "mean times sum": partial(objective, weights=mistakes.mean_times_sum),
    "no log": lambda policy, batch: objective(
        mistakes.Acting(policy, mistakes.NoLog), batch, advantages
    ),
    "own sample": partial(objective, weights=mistakes.own_sample_mean),
    "own episode": partial(objective, weights=mistakes.own_episode_mean),
    "mean over steps": partial(objective, weights=mistakes.mean_over_steps),
}
right = partial(objective, weights=advantages)


@pytest.fixture
def policy() -> nn.Module:
    """Logits for each of the states."""
    states = int(all_trajectories(WORLD, STEPS).states.max()) + 1
    module = nn.Linear(states, 2, bias=False)
    values = torch.linspace(-0.6, 0.8, 2 * states).reshape(2, states)
    module.weight.data = values.sin()
    return module


def batch_of(
    policy: nn.Module, paths: Trajectories, rows: list[int]
) -> Rollouts:
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
    policy: nn.Module, aim: Callable, steps: int = STEPS
) -> torch.Tensor:
    """The mean gradient of an objective, over all pairs of episodes."""
    paths = all_trajectories(WORLD, steps)
    p = probabilities(policy, paths)
    mean = torch.zeros_like(policy.weight)
    for i, j in np.ndindex(len(p), len(p)):
        value = aim(policy, batch_of(policy, paths, [i, j]))
        [part] = torch.autograd.grad(value, [policy.weight])
        mean += float(p[i] * p[j]) * part
    return mean


def off(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """Relative distance."""
    return float((found - wanted).norm() / wanted.norm())


def test_the_right_objective_has_the_exact_gradient(policy: nn.Module) -> None:
    assert off(expected(policy, right), exact(policy)) < 1e-3


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_exact_gradient_convicts_a_wrong_objective(
    policy: nn.Module, name: str
) -> None:
    assert off(expected(policy, OBJECTIVES[name]), exact(policy)) > 0.1


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
        torch.autograd.grad(each(module, batch), [module.bias])[0]
        for each in (right, OBJECTIVES["own sample"])
    )
    assert torch.allclose(half, whole / 2)
    assert whole.norm() > 0.1


def test_the_exact_gradient_convicts_a_cut(policy: nn.Module) -> None:
    assert off(expected(policy, right, steps=2), exact(policy)) > 0.1


def test_the_exact_gradient_convicts_argmax(policy: nn.Module) -> None:
    """Two episodes of argmax are the same one: all weights are 0."""
    paths = all_trajectories(WORLD, STEPS)
    best = np.argmax(probabilities(policy, paths))
    value = right(policy, batch_of(policy, paths, [best, best]))
    [part] = torch.autograd.grad(value, [policy.weight])
    assert off(part, exact(policy)) > 0.9


def test_a_policy_that_draws_rightly_has_the_exact_gradient(
    policy: nn.Module,
) -> None:
    acting = mistakes.Acting(policy, Categorical)
    right_too = partial(objective, acting, weights=advantages)
    found = expected(policy, lambda _, batch: right_too(batch))
    assert off(found, exact(policy)) < 1e-3


@pytest.mark.slow
def test_what_acts_rightly_learns() -> None:
    _, returns = mistakes.learn(3, Categorical, updates=25)
    assert np.mean(returns[-3:]) > 3 * returns[0]


@pytest.mark.parametrize("kind", [mistakes.NoLog, mistakes.Argmax])
def test_what_does_not_has_other_returns(kind: type[Categorical]) -> None:
    _, returns = mistakes.learn(3, kind, updates=4)
    assert returns != mistakes.learn(3, Categorical, updates=4)[1]


def test_no_log_and_argmax_are_that_and_no_more() -> None:
    logits = torch.tensor([[0.3, -0.5, 1.1], [2.0, 2.5, -1.0]])
    right, argmax, no_log = (
        kind(logits=logits)
        for kind in (Categorical, mistakes.Argmax, mistakes.NoLog)
    )
    actions = torch.tensor([1, 0])
    assert argmax.sample().tolist() == [2, 1]
    assert torch.equal(argmax.log_prob(actions), right.log_prob(actions))
    assert torch.equal(no_log.log_prob(actions), right.log_prob(actions).exp())
    torch.manual_seed(0)
    drawn = right.sample((50,))
    torch.manual_seed(0)
    assert torch.equal(no_log.sample((50,)), drawn)


def test_the_short_task_ends_after_50_steps() -> None:
    history = train(0, mistakes.SHORT, updates=25).history
    assert max(update.mean_return for update in history) <= 50
    assert history[-1].mean_return > 40


@pytest.mark.parametrize("name", ["mean times sum", "own episode"])
def test_where_every_step_pays_the_same_it_is_half_the_gradient(
    policy: nn.Module, name: str
) -> None:
    """The corridor pays -1 a step, CartPole 1: the mean G is (T + 1) / 2."""
    wrong = expected(policy, OBJECTIVES[name])
    assert off(2 * wrong, exact(policy)) < 1e-3
    assert off(wrong, exact(policy)) > 0.4


def test_without_the_log_no_baseline_is_harmless() -> None:
    """The mean of grad pi is 1/2 grad sum pi^2, which is not 0."""
    logits = torch.tensor([0.3, -0.5, 1.1], requires_grad=True)
    pi = torch.softmax(logits, dim=0)
    slopes = [
        torch.autograd.grad(each, logits, retain_graph=True)[0] for each in pi
    ]
    mean = sum(p.detach() * slope for p, slope in zip(pi, slopes, strict=True))
    [half] = torch.autograd.grad((pi**2).sum() / 2, logits)
    assert torch.allclose(mean, half)
    assert mean.norm() > 0.05
