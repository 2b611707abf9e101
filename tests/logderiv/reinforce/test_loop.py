"""The loop that is shown, `train` around it, and the script of the chapter."""

import ast
import inspect
import json
import types
from contextlib import closing
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from logderiv.reinforce import (
    Rollouts,
    advantages,
    full_return,
    loop,
    make_envs,
    make_policy,
    policy_gradient,
    train,
)
from logderiv.reinforce.training import TRAINING, begin, stream

CHAPTER = Path(__file__).parents[3] / "chapters/4-reinforce/reinforce.ipynb"


def flat(policy: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in policy.parameters()])


def by_loop(seed: int, updates: int) -> tuple[nn.Module, list[float]]:
    with closing(make_envs("CartPole-v1", 16)) as envs:
        policy = begin(envs, "mlp", seed).policy
        adam = torch.optim.Adam(policy.parameters(), 0.03, maximize=True)
        rngs = (stream(seed, TRAINING, k) for k in range(updates))
        batches = loop.updates(policy, envs, adam, advantages, rngs)
        return policy, [batch.rewards.sum(1).mean() for batch in batches]


def test_train_is_the_loop_bit_for_bit() -> None:
    policy, returns = by_loop(3, 4)
    result = train(3, updates=4)
    assert [update.mean_return for update in result.history] == returns
    assert torch.equal(flat(result.policy), flat(policy))
    assert not torch.equal(flat(by_loop(4, 4)[0]), flat(policy))


@pytest.mark.parametrize("weights", [advantages, full_return])
def test_a_step_is_the_policy_gradient_uphill(weights: loop.Weights) -> None:
    """With SGD: theta + rate * grad, and the batch comes after the step."""
    policy = make_policy("linear", torch.ones(3, 4), 2, seed=0)
    before, rate = flat(policy), 1e-3
    gradient = policy_gradient(policy, "CartPole-v1", 8, 5, weights)
    sgd = torch.optim.SGD(policy.parameters(), rate, maximize=True)
    with closing(make_envs("CartPole-v1", 8)) as envs:
        rngs = [stream(5, TRAINING, 0), stream(5, TRAINING, 1)]
        batches = loop.updates(policy, envs, sgd, weights, rngs)
        assert torch.equal(flat(policy), before)
        next(batches)
        assert torch.allclose(flat(policy), before + rate * gradient)
        assert not torch.allclose(flat(policy), before - rate * gradient)
        assert len(list(batches)) == 1


def test_it_can_be_read_in_one_sitting() -> None:
    source = inspect.getsource(loop)
    assert len(source.splitlines()) <= 60
    assert not [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.If)
    ]


# The script.


def script() -> str:
    cells = json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"]
    (source,) = [
        "".join(cell["source"])
        for cell in cells
        if "script" in cell["metadata"].get("tags", [])
    ]
    return source


class Recorded(gym.vector.VectorWrapper):
    """What was seen and done, step by step, and what came of it."""

    def reset(self, **how: object) -> tuple:
        self.steps: list[tuple] = []
        self.seen, extra = super().reset(**how)
        return self.seen, extra

    def step(self, actions: np.ndarray) -> tuple:
        seen, reward, *ends, extra = super().step(actions)
        self.steps.append((self.seen, actions, reward, ends[0] | ends[1]))
        self.seen = seen
        return seen, reward, *ends, extra

    def batch(self) -> Rollouts:
        """As `rollouts` would give it."""
        seen, actions, rewards, ended = (
            np.stack(part, axis=1) for part in zip(*self.steps, strict=True)
        )
        before = np.cumsum(ended, axis=1) - ended
        return Rollouts(
            torch.from_numpy(seen),
            torch.from_numpy(actions),
            rewards * (before == 0),
            before == 0,
            np.zeros(len(seen), dtype=bool),
        )


def first_update(source: str) -> tuple[Recorded, nn.Module, Tensor]:
    """The world, the policy before it and the gradient of the first update."""
    made, steps = [], []

    class Spy(torch.optim.Adam):
        def step(self) -> None:
            steps.append([p.grad for p in self.param_groups[0]["params"]])

    def make_vec(*args: object) -> Recorded:
        made.append(Recorded(gym.make_vec(*args)))
        return made[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "Adam", Spy)
        space = {"gym": types.SimpleNamespace(make_vec=make_vec)}
        assert source.count("range(60)") == 1
        once = source.replace("import gymnasium as gym\n", "")
        exec(once.replace("range(60)", "range(1)"), space)
    gradient = torch.cat([part.flatten() for part in steps[0]])
    return made[0], space["policy"], gradient


def by_the_loop(policy: nn.Module, batch: Rollouts) -> Tensor:
    value = loop.objective(policy, batch, advantages)
    slopes = torch.autograd.grad(value, list(policy.parameters()))
    return torch.cat([slope.flatten() for slope in slopes])


def test_the_scripts_first_gradient_is_the_loops() -> None:
    world, policy, gradient = first_update(script())
    wanted = by_the_loop(policy, world.batch())
    assert torch.allclose(gradient, wanted, rtol=1e-4, atol=1e-4)
    assert wanted.norm() > 1


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("to_go - others", "to_go"),
        ("paid.flip(1).cumsum(1).flip(1)", "paid.cumsum(1)"),
        ("pi.log_prob(action)", "pi.log_prob(action).exp()"),
        ("real.sum(0) - real", "real.sum(0)"),
    ],
)
def test_a_slip_in_the_script_is_seen(right: str, wrong: str) -> None:
    assert script().count(right) == 1
    world, policy, gradient = first_update(script().replace(right, wrong))
    wanted = by_the_loop(policy, world.batch())
    assert not torch.allclose(gradient, wanted, rtol=1e-4, atol=1e-4)


def test_the_script_needs_little() -> None:
    source = script()
    assert len([line for line in source.splitlines() if line.strip()]) <= 25
    imports = [
        line
        for line in source.splitlines()
        if line.startswith(("import", "from"))
    ]
    assert imports == [
        "import gymnasium as gym",
        "import torch",
        "from logderiv.surrogate import surrogate",
    ]
