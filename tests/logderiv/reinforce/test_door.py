"""What an environment hands in, and what its spaces forbid.

Every environment here is a right one with one thing changed. The right one
passes; each change is refused by train, evaluate and policy_gradient, with
the environment's name, whether single ones take turns or many step together.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.spaces import Box, Discrete
from torch import nn

from logderiv.reinforce import episodes as module
from logderiv.reinforce import (
    evaluate,
    make_policy,
    policy_gradient,
    rollouts,
    train,
)
from logderiv.reinforce.training import stream

FLOATS = Box(-1.0, 1.0, (4,), np.float32)
PIXELS = Box(0, 255, (4,), np.uint8)
WHOLE = Box(-9, 9, (2, 2), np.int64)
ROOMS = Discrete(5, start=2)
Change = Callable[[object], object]


class Given(gym.Env):
    """Three steps that give what they are told to."""

    action_space = Discrete(2)

    def __init__(
        self,
        space: gym.Space,
        seen: Change = lambda seen: seen,
        step: Change = lambda step: step,
        reset: Change = lambda reset: reset,
        length: float = 3,
    ) -> None:
        self.observation_space, self.length = space, length
        self.change, self.change_step, self.change_reset = seen, step, reset

    def reset(self, **_: object) -> object:
        self.time = 0
        return self.change_reset((self._seen(), {}))

    def step(self, action: int) -> object:
        self.time += 1
        over = self.time >= self.length
        return self.change_step((self._seen(), 1.0, over, False, {}))

    def _seen(self) -> object:
        space = self.observation_space
        if isinstance(space, Discrete):
            seen = int(space.start)
        else:
            seen = np.zeros(space.shape, space.dtype)
        return self.change(seen) if self.time == 1 else seen


def put(place: int, value: object) -> Change:
    """A step with something else in one place."""
    return lambda step: (*step[:place], value, *step[place + 1 :])


SEEN = {
    "one for four": (FLOATS, lambda seen: np.zeros(1, np.float32)),
    "a number for four": (FLOATS, lambda seen: 0.5),
    "five for four": (FLOATS, lambda seen: np.zeros(5, np.float32)),
    "a column for a row": (FLOATS, lambda seen: np.zeros((4, 1), np.float32)),
    "nothing": (FLOATS, lambda seen: None),
    "words": (FLOATS, lambda seen: np.array(["a"] * 4)),
    "complex": (FLOATS, lambda seen: np.zeros(4, complex)),
    "ragged": (FLOATS, lambda seen: [[1.0], [1.0, 2.0], 1.0, 1.0]),
    "above its bound": (FLOATS, lambda seen: seen + 1.5),
    "below its bound": (FLOATS, lambda seen: seen - 1.001),
    "a fraction of a pixel": (PIXELS, lambda seen: np.full(4, 0.9)),
    "a pixel of 256": (PIXELS, lambda seen: np.full(4, 256)),
    "a pixel below 0": (PIXELS, lambda seen: np.full(4, -1)),
    "a fraction among integers": (WHOLE, lambda seen: np.full((2, 2), 0.9)),
    "an integer too large": (WHOLE, lambda seen: np.full((2, 2), 10)),
    "the room before the first": (ROOMS, lambda seen: 1),
    "room -1": (ROOMS, lambda seen: -1),
    "the room after the last": (ROOMS, lambda seen: 7),
    "half a room": (ROOMS, lambda seen: 2.5),
    "a room in a list": (ROOMS, lambda seen: np.array([2])),
}
STEPS = {
    "a reward in an array": (put(1, np.array([1.0])), "a reward must be"),
    "no reward": (put(1, None), "a reward must be"),
    "a word for a reward": (put(1, "1.0"), "a reward must be"),
    "terminated in an array": (put(2, np.array([False])), "terminated must be"),
    "terminated 0": (put(2, 0), "terminated must be"),
    "terminated nothing": (put(2, None), "terminated must be"),
    "truncated in an array": (put(3, np.array([True])), "truncated must be"),
    "truncated a word": (put(3, "no"), "truncated must be"),
    "four of five": (lambda step: step[:4], "step must return a tuple of 5"),
    "a list": (list, "step must return a tuple of 5"),
    "nothing at all": (lambda step: None, "step must return a tuple of 5"),
}
RESETS = {
    "the observation alone": lambda reset: reset[0],
    "three": lambda reset: (*reset, {}),
}


def id_of(label: str) -> str:
    return re.sub(r"\W", "-", label) + "-v0"


@pytest.fixture(scope="module", autouse=True)
def registered(register: Callable[..., None]) -> None:
    """The checker of Gymnasium is off: it warns of some of these, once."""
    off = {"disable_env_checker": True}
    for number, space in enumerate((FLOATS, PIXELS, WHOLE, ROOMS)):
        register(f"Right{number}-v0", partial(Given, space), **off)
    for label, (space, change) in SEEN.items():
        register(id_of(label), partial(Given, space, change), **off)
    for label, (change, _) in STEPS.items():
        register(id_of(label), partial(Given, FLOATS, step=change), **off)
    for label, change in RESETS.items():
        register(id_of(label), partial(Given, FLOATS, reset=change), **off)
    endless = partial(Given, FLOATS, length=np.inf)
    register("Never-v0", endless, **off)
    register("Late-v0", endless, max_episode_steps=60, **off)


def each_way(env_id: str) -> Iterator[Callable[[], object]]:
    """The calls by which a user meets an environment."""
    with torch.random.fork_rng():
        policy = nn.LazyLinear(2)
    yield lambda: train(env_id=env_id, updates=1, episodes=2)
    yield lambda: evaluate(policy, 2, env_id=env_id)
    yield lambda: policy_gradient(policy, env_id, 2, seed=0)


def refused(env_id: str, said: str) -> None:
    for call in each_way(env_id):
        with pytest.raises(ValueError, match=re.escape(said)) as caught:
            call()
        assert f"{env_id}: " in str(caught.value)


@pytest.mark.parametrize("number", range(4))
def test_what_the_spaces_allow_passes(number: int) -> None:
    for call in each_way(f"Right{number}-v0"):
        call()


@pytest.mark.parametrize("label", SEEN)
def test_observations_that_the_space_forbids_are_refused(label: str) -> None:
    space, _ = SEEN[label]
    refused(id_of(label), f"an observation must lie in {space}")


@pytest.mark.parametrize("label", STEPS)
def test_steps_that_are_none_are_refused(label: str) -> None:
    refused(id_of(label), STEPS[label][1])


@pytest.mark.parametrize("label", RESETS)
def test_resets_that_are_none_are_refused(label: str) -> None:
    refused(id_of(label), "reset must return a tuple of 2")


def test_an_episode_that_does_not_end_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_STEPS", 50)
    refused("Never-v0", "an episode has not ended within 50 steps")
    assert evaluate(lambda seen: torch.zeros(2, 2), 2, env_id="Late-v0").sum()


class Native(CartPoleVectorEnv):
    """CartPole's own vector environment, with one thing changed."""

    def __init__(self, change: Change, **settings: object) -> None:
        super().__init__(**settings)
        self.change = change

    def step(self, actions: np.ndarray) -> tuple:
        return self.change(super().step(actions))


TOGETHER = {
    "a row too few": (lambda s: (s[0][:1], *s[1:]), "an observation must lie"),
    "a feature too many": (
        lambda s: (np.zeros((2, 5), np.float32), *s[1:]),
        "an observation must lie",
    ),
    "out of its bounds": (lambda s: (s[0] + 5, *s[1:]), "an observation must"),
    "rewards in a column": (
        lambda s: (s[0], s[1][:, None], *s[2:]),
        "a reward must be",
    ),
    "one reward for all": (put(1, 1.0), "a reward must be"),
    "one end for all": (put(2, False), "terminated must be"),
    "ends as numbers": (
        lambda s: (*s[:2], s[2].astype(float), *s[3:]),
        "terminated must be",
    ),
    "cuts in a column": (
        lambda s: (*s[:3], s[3][:, None], s[4]),
        "truncated must be",
    ),
}


@pytest.mark.parametrize("label", TOGETHER)
def test_environments_that_step_together_are_checked_as_well(
    label: str,
) -> None:
    change, said = TOGETHER[label]
    envs = Native(change, num_envs=2)
    envs.spec = gym.spec("CartPole-v1")
    with pytest.raises(ValueError, match=f"CartPole-v1: {said}"):
        rollouts(lambda seen: torch.zeros(2, 2), envs, stream(0, 0))
    right = Native(lambda step: step, num_envs=2)
    assert rollouts(
        lambda seen: torch.zeros(2, 2), right, stream(0, 0)
    ).mask.any()


POLICIES = {
    "of another environment": (
        lambda: make_policy("mlp", torch.ones(1, 6), 3, 0),
        "policy must map observations (2, 4) to logits (2, 2)",
    ),
    "of torch, of another environment": (
        lambda: nn.Sequential(nn.Linear(6, 2), nn.ReLU()),
        "policy must map observations (2, 4) to logits (2, 2)",
    ),
    "a pair": (
        lambda: lambda seen: (torch.zeros(2, 2), torch.zeros(2)),
        "it returned a tuple, wanted a tensor",
    ),
    "a distribution over other actions": (
        lambda: lambda seen: torch.distributions.Categorical(torch.eye(3)[1:]),
        "must give 2 actions from 0 to 1, got tensor([1, 2]) of Categorical",
    ),
    "a distribution that is continuous": (
        lambda: (
            lambda seen: torch.distributions.Uniform(0.1, torch.full((2,), 0.9))
        ),
        "must give 2 actions from 0 to 1, got tensor([0.",
    ),
    "a distribution of another shape": (
        lambda: lambda seen: torch.distributions.Categorical(torch.ones(3, 2)),
        "must give 2 actions from 0 to 1, got tensor(",
    ),
    "nothing": (lambda: lambda seen: None, "it returned a NoneType"),
    "a value instead of logits": (
        lambda: nn.Linear(4, 1),
        "floating-point logits of shape (2, 2), got float32 of shape (2, 1)",
    ),
    "somewhere else": (
        lambda: nn.Linear(4, 2, device="meta"),
        "to logits (2, 2) on the CPU, it fails",
    ),
}


@pytest.mark.parametrize("label", POLICIES)
def test_policies_that_do_not_fit_are_refused(label: str) -> None:
    make, said = POLICIES[label]
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        evaluate(make(), 2)


def adam_counts_on_the_default_device() -> bool:
    """As in older releases: there, nothing can be learned on "meta"."""
    weight = torch.zeros(1, device="cpu", requires_grad=True)
    weight.grad = torch.ones(1, device="cpu")
    adam = torch.optim.Adam([weight])
    with torch.device("meta"), contextlib.suppress(RuntimeError):
        adam.step()
    return adam.state[weight]["step"].device.type == "meta"


def test_torch_s_default_device_does_not_matter() -> None:
    """As where there is a graphics card, and torch was told to use it."""
    if adam_counts_on_the_default_device():
        pytest.skip("this torch counts Adam's steps on the default device")
    before = train(0, updates=2, episodes=4)
    torch.set_default_device("meta")
    try:
        after = train(0, updates=2, episodes=4)
        returns = evaluate(after.policy, 4)
        gradient = policy_gradient(after.policy, "CartPole-v1", 4, 0)
    finally:
        torch.set_default_device(None)
    assert after.history == before.history
    assert np.array_equal(returns, evaluate(before.policy, 4))
    assert gradient.device.type == "cpu"
