"""The policy gradient and the training loop.

Policy gradients of small problems are z-tested against the exact gradient
with the exact variance of the estimate, over all pairs of episodes, |z| < 6:
a right estimate fails once in 1e7 seeds, all components together. Learning
needs luck with the initial policy; its seeds are fixed, as all are.
"""

import random
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache, partial
from itertools import product

import gymnasium as gym
import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import Tensor, nn

from logderiv.expectation import all_trajectories, policy_gradient_exact
from logderiv.reinforce import (
    Rollouts,
    TrainResult,
    advantages,
    evaluate,
    full_return,
    log_probs,
    loop,
    make_envs,
    make_policy,
    objective,
    policy_gradient,
    rewards_to_go,
    rollouts,
    train,
    training,
)
from logderiv.reinforce.episodes import by_chance
from logderiv.reinforce.returns import checked_weights
from logderiv.trajectories import (
    MDP,
    SoftmaxPolicy,
    coins,
    dynamics_log_prob,
    policy_log_prob,
    rewards,
    short_corridor,
    trajectory_score,
)

Weights = Callable[[np.ndarray, np.ndarray], np.ndarray]
Reset = tuple[int, dict]
Step = tuple[object, float, bool, bool, dict]
NEVER = 10**9


class Tabular(gym.Env):
    """An MDP of chapter 2 as an environment; ``first`` is its action 0."""

    def __init__(self, mdp: MDP, seen: list[int], first: int = 0) -> None:
        self.mdp, self.seen, self.first = mdp, seen, first
        actions = mdp.reward.shape[1]
        self.observation_space = gym.spaces.Discrete(max(seen) + 1, start=first)
        self.action_space = gym.spaces.Discrete(actions, start=first)

    def reset(
        self, *, seed: int | None = None, options: dict | None = None
    ) -> Reset:
        super().reset(seed=seed)
        self.state = self.np_random.choice(
            len(self.mdp.start), p=self.mdp.start
        )
        return self.seen[self.state] + self.first, {}

    def step(self, action: int) -> Step:
        now, action = self.state, int(action) - self.first
        chance = self.mdp.transition[now, action]
        self.state = self.np_random.choice(len(chance), p=chance)
        return (
            self.seen[self.state] + self.first,
            float(self.mdp.reward[now, action]),
            bool(self.mdp.terminal[self.state]),
            False,
            {},
        )


STAY, WALK, SLIP, GOAL = 0, 1, 0.25, 2
PAY = [[0.0, -1.0], [1.0, 4.0]]


class Chain(gym.Env):
    """Two places and the goal; it cannot be stepped past the goal.

    Walking slips one time in four. The places are seen as -1 and 0, the
    actions are called 3 and 4, and only here is it known how they work.
    """

    observation_space = gym.spaces.Discrete(2, start=-1)
    action_space = gym.spaces.Discrete(2, start=3)
    place = GOAL

    def reset(
        self, *, seed: int | None = None, options: dict | None = None
    ) -> Reset:
        super().reset(seed=seed)
        self.place = 0
        return -1, {}

    def step(self, action: int) -> Step:
        if self.place == GOAL:
            raise RuntimeError("stepped past the end")
        paid = PAY[self.place][action - 3]
        walks = action == 4 and self.np_random.random() >= SLIP
        self.place += int(walks)
        return self.place % 2 - 1, paid, self.place == GOAL, False, {}


def chain_gradient(logits: np.ndarray, horizon: int) -> np.ndarray:
    """grad J by a walk through every history of the chain."""
    p, total = softmax(logits, axis=1), np.zeros((2, 2))

    def follow(
        place: int, left: int, chance: float, paid: float, score: np.ndarray
    ) -> None:
        nonlocal total
        if place == GOAL or left == 0:
            total = total + chance * paid * score
            return
        for action, ways in (
            (STAY, {place: 1.0}),
            (WALK, {place: SLIP, place + 1: 1 - SLIP}),
        ):
            step = score.copy()
            step[place] += np.eye(2)[action] - p[place]
            for after, likely in ways.items():
                times = chance * p[place, action] * likely
                pay = paid + PAY[place][action]
                follow(after, left - 1, times, pay, step)

    follow(0, horizon, 1.0, 0.0, np.zeros((2, 2)))
    return total.ravel()


def chain() -> MDP:
    """The chain as an MDP of chapter 2."""
    moves = np.zeros((3, 2, 3))
    for place in (0, 1):
        moves[place, STAY, place] = 1
        moves[place, WALK, [place, place + 1]] = SLIP, 1 - SLIP
    moves[GOAL, :, GOAL] = 1
    paid = np.array([*PAY, [0.0, 0.0]])
    return MDP(np.eye(3)[0], moves, paid, np.arange(3) == GOAL)


HORIZON = {"Coins": 5, "Corridor": 5, "Chain": 3}
SEEN = {"Coins": [0], "Corridor": [0, 1, 0, 0], "Chain": [0, 1, 0]}
PROBLEMS: dict[str, tuple[MDP, SoftmaxPolicy]] = {
    "Coins": (coins(), SoftmaxPolicy([[0.2, -0.6]], SEEN["Coins"])),
    "Corridor": (
        short_corridor(),
        SoftmaxPolicy([[0.0, 1.0], [0.0, 0.0]], SEEN["Corridor"]),
    ),
    "Chain": (
        chain(),
        SoftmaxPolicy([[0.0, 0.5], [0.5, 0.0]], SEEN["Chain"]),
    ),
}
any_problem = pytest.mark.parametrize("name", list(PROBLEMS))


def countdown() -> MDP:
    """Five steps of 1, whatever is done, and then the end."""
    moves = np.zeros((6, 2, 6))
    moves[np.arange(5), :, np.arange(1, 6)] = 1
    moves[5, :, 5] = 1
    return MDP(np.eye(6)[0], moves, np.ones((6, 2)), np.arange(6) == 5)


class Sick(gym.Env):
    """Three steps; from the ``first`` seed on, the second is not finite.

    The first ``immune`` environments that are made never fall ill.
    """

    made, first = 0, 4

    def __init__(self, what: str, value: float, immune: int = 0) -> None:
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (1,))
        self.action_space = gym.spaces.Discrete(2)
        self.what, self.value, self.seeds = what, value, 0
        Sick.made += 1
        self.healthy = Sick.made <= immune

    def reset(
        self, *, seed: int | None = None, options: dict | None = None
    ) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.time, self.seeds = 0, self.seeds + (seed is not None)
        return np.zeros(1, dtype=np.float32), {}

    def step(self, action: int) -> Step:
        self.time += 1
        seen = self.np_random.normal(size=1).astype(np.float32)
        ill = self.seeds >= self.first and not self.healthy and self.time == 2
        if ill and self.what == "observations":
            seen[:] = self.value
        reward = self.value if ill and self.what == "rewards" else 1.0
        return seen, reward, self.time == 3, False, {}


ILLNESSES = {
    f"{what}_{value}-v0": (what, value)
    for what in ("rewards", "observations")
    for value in (np.nan, np.inf, -np.inf)
}


@pytest.fixture(scope="module", autouse=True)
def environments(register: Callable[..., None]) -> None:
    """The small problems, for gymnasium, under names of their own."""
    plain = partial(register, disable_env_checker=True)
    five = partial(plain, max_episode_steps=5)
    makers = {
        "Coins-v0": (partial(Tabular, coins(), SEEN["Coins"]), 4.5),
        "Unsolvable-v0": (partial(Tabular, coins(), SEEN["Coins"]), 5.5),
        "Shifted-v0": (partial(Tabular, coins(), SEEN["Coins"], 5), None),
        "Corridor-v0": (
            partial(Tabular, short_corridor(), SEEN["Corridor"]),
            None,
        ),
        "Countdown-v0": (partial(Tabular, countdown(), [0] * 6), None),
        "Met-v0": (partial(Tabular, countdown(), [0] * 6), 5.0),
        "Missed-v0": (partial(Tabular, countdown(), [0] * 6), 5.0 + 1e-9),
    }
    for env_id, (make, threshold) in makers.items():
        five(env_id, make, reward_threshold=threshold)
    register("Chain-v0", Chain, max_episode_steps=HORIZON["Chain"])
    for env_id, illness in ILLNESSES.items():
        plain(env_id, partial(Sick, *illness))
    examined = partial(Sick, "rewards", np.nan, immune=2)
    plain("Examined-v0", examined, reward_threshold=10.0)


def as_module(policy: SoftmaxPolicy) -> nn.Module:
    rows, actions = policy.logits.shape
    module = nn.Linear(rows, actions, bias=False)
    module.weight.data = torch.tensor(policy.logits.T, dtype=torch.float32)
    return module


def step_scores(policy: SoftmaxPolicy, states, actions, mask) -> np.ndarray:
    """The score of each step, (n, T, p)."""
    now = states[:, :-1]
    rows, count = policy.logits.shape
    step = np.eye(count)[actions] - np.exp(policy.log_probs())[now]
    seen = np.eye(rows)[policy.observation[now]] * mask[..., None]
    return np.einsum("nto,nta->ntoa", seen, step).reshape(*mask.shape, -1)


@cache
def exact_gradient(name: str) -> np.ndarray:
    return policy_gradient_exact(*PROBLEMS[name], HORIZON[name])


@cache
def moments_of_pairs(name: str, weights: Weights) -> tuple[np.ndarray, ...]:
    """Mean and variance of the estimate from a batch of two episodes."""
    mdp, policy = PROBLEMS[name]
    paths = all_trajectories(mdp, HORIZON[name])
    scores, paid = step_scores(policy, *paths), rewards(mdp, paths)
    assert np.allclose(scores.sum(axis=1), trajectory_score(policy, paths))
    p = np.exp(dynamics_log_prob(mdp, paths) + policy_log_prob(policy, paths))
    chance, terms = [], []
    for pair in product(range(len(p)), repeat=2):
        rows = list(pair)
        weight = weights(paid[rows], paths.mask[rows])
        terms.append(np.einsum("et,etp->p", weight, scores[rows]) / 2)
        chance.append(p[rows].prod())
    terms, chance = np.array(terms), np.array(chance)
    mean = chance @ terms
    return mean, chance @ (terms - mean) ** 2


def per_step_mean(paid: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return rewards_to_go(paid, mask) / mask.sum(axis=1, keepdims=True)


def pairing_lost(paid: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """mean(log_probs) * sum(weights), an episode at a time."""
    total = advantages(paid, mask).sum(axis=1, keepdims=True)
    return total / mask.sum(axis=1, keepdims=True) * mask


def own_mean(paid: np.ndarray, mask: np.ndarray) -> np.ndarray:
    returns = rewards_to_go(paid, mask)
    running = np.maximum(mask.sum(axis=0), 1)
    return (returns - returns.sum(axis=0) / running) * mask


def reward_alone(paid: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return paid * mask


def test_the_chains_exact_gradient_has_two_independent_sources() -> None:
    logits = PROBLEMS["Chain"][1].logits
    got = chain_gradient(logits, HORIZON["Chain"])
    assert np.allclose(got, exact_gradient("Chain"), atol=1e-12)
    assert (np.abs(got) > 0.05).all()


@any_problem
@pytest.mark.parametrize("weights", [rewards_to_go, full_return, advantages])
def test_weights_do_not_bias_by_enumeration(
    name: str, weights: Weights
) -> None:
    mean, _ = moments_of_pairs(name, weights)
    assert np.allclose(mean, exact_gradient(name), atol=1e-12)


WRONG = [
    ("Coins", per_step_mean),
    ("Corridor", per_step_mean),
    ("Chain", per_step_mean),
    ("Coins", pairing_lost),
    ("Coins", own_mean),
    ("Corridor", own_mean),
    ("Chain", own_mean),
    ("Corridor", reward_alone),
    ("Chain", reward_alone),
]


@pytest.mark.parametrize(("name", "weights"), WRONG)
def test_enumeration_rejects_wrong_weights(name: str, weights: Weights) -> None:
    wrong, _ = moments_of_pairs(name, weights)
    assert not np.allclose(wrong, exact_gradient(name), atol=1e-2)


SEEDS = 400


@cache
def mean_gradient(name: str, weights: Weights) -> np.ndarray:
    """The mean of policy_gradient over many batches of two, as (O * A,)."""
    module = as_module(PROBLEMS[name][1])
    total = sum(
        policy_gradient(module, f"{name}-v0", 2, seed, weights)
        for seed in range(SEEDS)
    )
    return (total / SEEDS).numpy().reshape(module.weight.shape).T.ravel()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("Coins", advantages),
        ("Coins", full_return),
        ("Corridor", advantages),
        ("Corridor", full_return),
        ("Chain", advantages),
        ("Chain", full_return),
        ("Chain", rewards_to_go),
    ],
)
def test_policy_gradient_agrees_with_the_exact_gradient(
    name: str, weights: Weights, agrees
) -> None:
    _, variance = moments_of_pairs(name, weights)
    error = np.sqrt(variance / SEEDS)
    assert agrees(mean_gradient(name, weights), exact_gradient(name), error)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "weights"), WRONG)
def test_z_test_rejects_wrong_weights(
    name: str, weights: Weights, agrees
) -> None:
    mean, variance = moments_of_pairs(name, weights)
    error = np.sqrt(variance / SEEDS)
    got = mean_gradient(name, weights)
    assert agrees(got, mean, error)
    assert not agrees(got, exact_gradient(name), error)


def test_spaces_that_do_not_start_at_zero_make_no_difference() -> None:
    module = as_module(PROBLEMS["Coins"][1])
    plain, shifted = (
        policy_gradient(module, env_id, 3, seed=0)
        for env_id in ("Coins-v0", "Shifted-v0")
    )
    assert torch.equal(plain, shifted)


def cartpole_policy(kind: str = "mlp") -> nn.Module:
    return make_policy(kind, torch.ones(1, 4), 2, seed=0)


def test_log_probs_are_those_of_the_actions_taken(batch: Rollouts) -> None:
    policy = cartpole_policy()
    got = log_probs(policy, batch).detach()
    logits = policy(batch.observations).detach()
    twin = torch.distributions.Categorical(logits=logits)
    want = twin.log_prob(batch.actions)
    mask = torch.tensor(batch.mask)
    assert torch.allclose(got[mask], want[mask], atol=1e-5)
    assert (got[~mask] == 0).all()


def explicit_gradient(
    policy: nn.Module, batch: Rollouts, weight: np.ndarray
) -> Tensor:
    """The mean over episodes, a step and a backward pass at a time."""
    total = 0.0
    for row, length in enumerate(batch.mask.sum(axis=1)):
        for t in range(length):
            logits = policy(batch.observations[row, t])
            log_prob = torch.log_softmax(logits, 0)[batch.actions[row, t]]
            parts = torch.autograd.grad(log_prob, list(policy.parameters()))
            total = total + weight[row, t] * flat(parts)
    return total / len(batch.mask)


def flat(parts: list[Tensor]) -> Tensor:
    return torch.cat([part.flatten() for part in parts])


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[Rollouts]:
    """Every batch that a policy rolls out from here on."""
    seen = []

    def spy(*args: object, **kwargs: object) -> Rollouts:
        seen.append(rollouts(*args, **kwargs))
        return seen[-1]

    for module in (loop, training):
        monkeypatch.setattr(module, "rollouts", spy)
    return seen


@pytest.fixture
def chances(monkeypatch: pytest.MonkeyPatch) -> list[Rollouts]:
    """Every batch that is played by chance from here on."""
    seen = []

    def spy(*args: object) -> Rollouts:
        seen.append(by_chance(*args))
        return seen[-1]

    monkeypatch.setattr(training, "by_chance", spy)
    return seen


Seen = tuple[list[Tensor], Tensor]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Seen]:
    """Parameters and gradient before every step of an optimiser."""
    seen = []

    class Spy(torch.optim.Adam):
        def step(self, *args: object) -> None:
            leaves = self.param_groups[0]["params"]
            before = [leaf.detach().clone() for leaf in leaves]
            seen.append((before, flat([leaf.grad for leaf in leaves])))
            super().step(*args)

    monkeypatch.setattr(torch.optim, "Adam", Spy)
    return seen


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """One evaluation, at the end, of two episodes."""
    monkeypatch.setattr(training, "CHECK_EVERY", NEVER)
    monkeypatch.setattr(training, "CHECK_EPISODES", 2)


@pytest.mark.parametrize("weights", [advantages, rewards_to_go])
def test_policy_gradient_is_the_mean_of_its_episodes_gradients(
    weights: Weights, batches: list[Rollouts]
) -> None:
    policy = cartpole_policy("linear")
    got = policy_gradient(policy, "CartPole-v1", 4, 0, weights)
    (batch,) = batches
    weight = weights(batch.rewards, batch.mask)
    want = explicit_gradient(policy, batch, weight)
    size = want.abs().max()
    assert ((got - want).abs() < 1e-4 * size).all()
    per_step = want * 4 / int(batch.mask.sum())
    assert not ((got - per_step).abs() < 1e-4 * size).all()


def test_objective_is_the_surrogate_over_episodes(
    batch: Rollouts, uniform: nn.Module
) -> None:
    value = objective(uniform, batch, rewards_to_go).item()
    weight = rewards_to_go(batch.rewards, batch.mask)
    want = -np.log(2) * weight.sum() / len(weight)
    assert np.isclose(value, want, rtol=1e-5)


def test_weights_may_alter_what_they_are_given(
    batch: Rollouts, uniform: nn.Module
) -> None:
    def careless(paid: np.ndarray, mask: np.ndarray) -> np.ndarray:
        weight = rewards_to_go(paid, mask)
        paid[:], mask[:] = 7, False
        return weight

    rewards, mask = batch.rewards.copy(), batch.mask.copy()
    value = objective(uniform, batch, checked_weights(careless))
    assert torch.equal(value, objective(uniform, batch, rewards_to_go))
    assert np.array_equal(batch.rewards, rewards)
    assert np.array_equal(batch.mask, mask)


def test_there_is_nothing_to_learn_where_all_returns_are_equal() -> None:
    """The other episode's return is one's own: advantages are exactly 0."""
    policy = nn.Linear(1, 2)
    gradient = partial(policy_gradient, policy, "Countdown-v0", 4, 0)
    assert not gradient().any()
    assert gradient(weights=rewards_to_go).any()
    once, often = (
        weights_of(train(0, "Countdown-v0", updates=n, episodes=4))
        for n in (1, 3)
    )
    assert torch.equal(once, often)


def put(policy: nn.Module, values: list[Tensor]) -> nn.Module:
    for leaf, value in zip(policy.parameters(), values, strict=True):
        leaf.data = value.clone()
    return policy


@pytest.mark.usefixtures("unchecked")
def test_every_step_gets_the_gradient_of_its_own_batch(
    batches: list[Rollouts], steps: list[Seen]
) -> None:
    policy = train(seed=5, updates=3, episodes=4).policy
    assert len(steps) == 3
    for (before, gradient), batch in zip(steps, batches[:3], strict=True):
        value = objective(put(policy, before), batch, advantages)
        parts = torch.autograd.grad(value, list(policy.parameters()))
        assert torch.equal(flat(parts), gradient)


def test_policy_gradient_is_what_the_optimiser_gets(steps: list[Seen]) -> None:
    policy = train(seed=5, updates=2, episodes=4).policy
    (before, gradient), (later, _) = steps
    again = policy_gradient(put(policy, before), "CartPole-v1", 4, seed=5)
    assert torch.equal(again, gradient)
    other = policy_gradient(put(policy, later), "CartPole-v1", 4, seed=5)
    assert not torch.equal(other, gradient)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("env_id", ["CartPole-v1", "Chain-v0"])
def test_an_update_depends_on_policy_seed_and_number_alone(
    env_id: str, batches: list[Rollouts], steps: list[Seen]
) -> None:
    policy = train(5, env_id, updates=3, episodes=4).policy
    for number, (before, _) in enumerate(steps):
        key = (training.TRAINING, number)
        stream = np.random.SeedSequence(5, spawn_key=key)
        rng = np.random.default_rng(stream)
        with closing(make_envs(env_id, 4)) as envs:
            again = rollouts(put(policy, before), envs, rng)
        for one, other in zip(batches[number], again, strict=True):
            assert np.array_equal(one, other)


def adam(gradients: list[Tensor], rate: float) -> Tensor:
    """The way that Adam goes uphill, by its definition."""
    mean, square, way = 0.0, 0.0, 0.0
    for t, gradient in enumerate(gradients, 1):
        gradient = gradient.double()
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        size = (square / (1 - 0.999**t)).sqrt() + 1e-8
        way = way + rate * mean / (1 - 0.9**t) / size
    return way


@pytest.mark.usefixtures("unchecked")
def test_steps_are_adams_and_go_uphill(steps: list[Seen]) -> None:
    result = train(seed=5, updates=4, episodes=4, learning_rate=0.01)
    gone = weights_of(result) - flat(steps[0][0])
    way = adam([gradient for _, gradient in steps], 0.01).float()
    assert torch.allclose(gone, way, atol=1e-6)
    assert not torch.allclose(gone, -way, atol=1e-3)


def test_learning_rate_sets_the_size_of_the_first_step(
    steps: list[Seen],
) -> None:
    """Adam's first step is the learning rate, whatever the gradient."""
    result = train(seed=5, updates=1, episodes=4, learning_rate=0.01)
    moved = (weights_of(result) - flat(steps[0][0])).abs()
    assert torch.allclose(moved, torch.tensor(0.01), rtol=1e-3)


@pytest.mark.parametrize(("policy", "rate"), training.LEARNING_RATE.items())
def test_a_policy_has_a_learning_rate_of_its_own(
    policy: str, rate: float
) -> None:
    own, given, other = (
        weights_of(tiny(policy=policy, updates=1, learning_rate=value))
        for value in (None, rate, 1.1 * rate)
    )
    assert torch.equal(own, given)
    assert not torch.equal(own, other)


def test_every_seed_starts_from_a_policy_of_its_own(steps: list[Seen]) -> None:
    for seed in (5, 5, 6):
        train(seed, updates=1, episodes=2)
    first, again, other = (step[0][0] for step in steps)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_same_seed_same_gradient_bit_for_bit() -> None:
    policy = cartpole_policy()
    first, again, other = (
        policy_gradient(policy, "CartPole-v1", 4, seed) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    size = sum(leaf.numel() for leaf in policy.parameters())
    assert first.shape == (size,)


def test_same_seed_same_evaluation(uniform: nn.Module) -> None:
    first, again, other = (evaluate(uniform, 50, seed) for seed in (1, 1, 2))
    assert first.shape == (50,)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_evaluation_sums_the_rewards_of_each_episode(
    uniform: nn.Module, batches: list[Rollouts]
) -> None:
    returns = evaluate(uniform, 50)
    assert returns.tolist() == batches[0].mask.sum(axis=1).tolist()
    assert returns.dtype == np.float64


def tiny(seed: int = 0, **changes: object) -> TrainResult:
    return train(seed, **({"updates": 4, "episodes": 4} | changes))


def weights_of(result: TrainResult) -> Tensor:
    return flat([leaf.detach() for leaf in result.policy.parameters()])


@pytest.mark.parametrize("policy", ["mlp", "linear"])
@pytest.mark.parametrize("env_id", ["CartPole-v1", "Chain-v0"])
def test_same_seed_same_training_bit_for_bit(policy: str, env_id: str) -> None:
    run = partial(tiny, env_id=env_id, policy=policy)
    torch.manual_seed(1)
    first = run(3)
    torch.manual_seed(2)
    again, other = run(3), run(4)
    assert first.history == again.history
    assert torch.equal(weights_of(first), weights_of(again))
    assert first.history != other.history
    assert not torch.equal(weights_of(first), weights_of(other))


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """torch.set_num_threads, undone."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def everything() -> list[np.ndarray]:
    """Numbers of a training, a gradient and an evaluation."""
    policy = cartpole_policy()
    result = train(3, updates=3, episodes=64)
    return [
        np.array([update.mean_return for update in result.history]),
        weights_of(result).numpy(),
        policy_gradient(policy, "CartPole-v1", 200, 0).numpy(),
        evaluate(policy, 100),
    ]


def test_numbers_do_not_depend_on_the_number_of_threads(
    threads: Callable[[int], None],
) -> None:
    """On some CPUs they would, if it were not one thread that computes."""
    threads(1)
    one = everything()
    threads(2)
    assert all(map(np.array_equal, one, everything()))


CALLS: dict[str, Callable[[Weights], object]] = {
    "train": lambda weights: tiny(weights=weights, updates=1),
    "policy_gradient": lambda weights: policy_gradient(
        cartpole_policy(), "CartPole-v1", 2, 0, weights
    ),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_one_thread_computes_and_then_there_are_as_many_as_before(
    call: Callable[[Weights], object], threads: Callable[[int], None]
) -> None:
    seen = []

    def counting(paid: np.ndarray, mask: np.ndarray) -> np.ndarray:
        seen.append(torch.get_num_threads())
        return advantages(paid, mask)

    threads(2)
    call(counting)
    assert seen == [1]
    assert torch.get_num_threads() == 2


FAILURES: list[Callable[[], object]] = [
    *(partial(call, lambda paid, mask: None) for call in CALLS.values()),
    lambda: train(0, "rewards_nan-v0", updates=3, episodes=2),
    lambda: train(env_id="Pendulum-v1"),
    lambda: policy_gradient(nn.Linear(1, 2), "Pendulum-v1", 2, 0),
    lambda: evaluate(nn.Linear(1, 2), 2, env_id="Pendulum-v1"),
    lambda: evaluate(nn.Linear(4, 3), 2),
]


@pytest.mark.parametrize("call", FAILURES)
def test_threads_are_given_back_after_a_failure(
    call: Callable[[], object], threads: Callable[[int], None]
) -> None:
    threads(2)
    with pytest.raises((TypeError, ValueError)):
        call()
    assert torch.get_num_threads() == 2


def global_states() -> list[object]:
    _, numbers, *rest = np.random.get_state()
    return [
        torch.get_rng_state().tolist(),
        numbers.tolist(),
        rest,
        random.getstate(),
    ]


@pytest.mark.parametrize(
    "call",
    [
        tiny,
        lambda: tiny(env_id="Chain-v0"),
        partial(
            policy_gradient, as_module(PROBLEMS["Chain"][1]), "Chain-v0", 2, 0
        ),
        lambda: policy_gradient(cartpole_policy("linear"), "CartPole-v1", 2, 0),
        lambda: evaluate(cartpole_policy("linear"), 3),
    ],
)
def test_the_global_generators_are_left_alone(
    call: Callable[[], object],
) -> None:
    call()
    before = global_states()
    call()
    assert global_states() == before


def test_a_change_of_a_global_generator_shows() -> None:
    for draw in (partial(torch.rand, 1), np.random.rand, random.random):
        before = global_states()
        draw()
        assert global_states() != before


def test_evaluation_does_not_alter_training(
    monkeypatch: pytest.MonkeyPatch, batches: list[Rollouts]
) -> None:
    runs = []
    for every in (1, NEVER):
        monkeypatch.setattr(training, "CHECK_EVERY", every)
        runs.append(tiny())
    sizes = [len(batch.mask) for batch in batches]
    assert sizes == [4, 100] * 4 + [4] * 4 + [100]
    assert runs[0].history == runs[1].history
    assert torch.equal(weights_of(runs[0]), weights_of(runs[1]))


def test_training_checks_and_fresh_episodes_have_nothing_in_common(
    monkeypatch: pytest.MonkeyPatch,
    batches: list[Rollouts],
    chances: list[Rollouts],
) -> None:
    """Of one seed, and of another: every episode has a start of its own.

    All batches are of one size: the same stream would give the same starts.
    """
    monkeypatch.setattr(training, "CHECK_EVERY", 1)
    monkeypatch.setattr(training, "CHECK_EPISODES", 4)
    for seed in (0, 1):
        evaluate(tiny(seed).policy, 4, seed=seed)
    starts = torch.cat([b.observations[:, 0] for b in batches + chances])
    assert len(starts) == 2 * (4 * (4 + 4) + 4 + 4)
    assert len(starts.unique(dim=0)) == len(starts)


def test_more_updates_begin_with_the_same_ones() -> None:
    few, many = (tiny(updates=n).history for n in (2, 4))
    assert many[:2] == few


def test_history_counts_real_steps_only(chances: list[Rollouts]) -> None:
    """Those by chance, before the first update, included."""
    result = tiny()
    steps = [update.env_steps for update in result.history]
    returns = [update.mean_return for update in result.history]
    before = chances[0].mask.sum()
    assert len(steps) == 4
    assert np.allclose(before + np.cumsum(returns) * 4, steps)
    assert result.env_steps == steps[-1]
    assert result.cpu_seconds > 0


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("env_id", ["CartPole-v1", "Acrobot-v1"])
def test_the_policy_scales_what_it_sees_by_one_batch_of_chance(
    env_id: str, chances: list[Rollouts]
) -> None:
    policy = train(0, env_id, updates=1, episodes=2).policy
    (batch,) = chances
    assert len(batch.mask) == 2
    seen = batch.observations[torch.tensor(batch.mask)]
    assert torch.equal(policy[0].size, seen.abs().amax(dim=0))


def test_an_untrained_policy_is_not_solved() -> None:
    result = tiny()
    assert not result.solved
    assert result.solved_steps is None
    assert result.solved_cpu_seconds is None


def sizes_of(
    env_id: str, batches: list[Rollouts], monkeypatch: pytest.MonkeyPatch
) -> tuple[TrainResult, list[int]]:
    """A training of 40 steps an update, and 40 before, checked every 100."""
    monkeypatch.setattr(training, "CHECK_EVERY", 100)
    result = train(0, env_id, policy="linear", updates=7, episodes=8)
    return result, [len(batch.mask) for batch in batches]


def test_checks_come_with_the_steps_and_at_the_end(
    batches: list[Rollouts], monkeypatch: pytest.MonkeyPatch
) -> None:
    result, sizes = sizes_of("Unsolvable-v0", batches, monkeypatch)
    assert result.env_steps == 40 + 7 * 40
    assert sizes == [8, 8, 100, 8, 8, 100, 8, 8, 8, 100]
    assert not result.solved


def test_nothing_is_checked_without_a_threshold(
    batches: list[Rollouts], monkeypatch: pytest.MonkeyPatch
) -> None:
    result, sizes = sizes_of("Countdown-v0", batches, monkeypatch)
    assert sizes == [8] * 7
    assert not result.solved


@pytest.mark.parametrize(
    ("env_id", "solved"), [("Met-v0", True), ("Missed-v0", False)]
)
def test_a_threshold_that_is_met_is_solved(env_id: str, solved: bool) -> None:
    """Every episode returns 5."""
    assert train(0, env_id, updates=1, episodes=2).solved == solved


def test_training_learns_a_coin_and_says_when(
    monkeypatch: pytest.MonkeyPatch, batches: list[Rollouts]
) -> None:
    """Solved is 4.5 heads of 5 on average, in a check of 100 episodes."""
    monkeypatch.setattr(training, "CHECK_EVERY", 100)
    result = train(0, "Coins-v0", policy="linear", updates=40, episodes=8)
    sizes = [len(batch.mask) for batch in batches]
    last = 39 - sizes[::-1].index(100) + sizes.count(100)
    assert result.solved
    assert 0 < result.solved_steps < result.env_steps == (1 + 40) * 8 * 5
    assert result.solved_steps == 8 * 5 * (1 + sizes[:last].count(8))
    assert 0 < result.solved_cpu_seconds < result.cpu_seconds
    checked = [b.rewards.sum() / 100 for b in batches if len(b.mask) == 100]
    assert [mean >= 4.5 for mean in checked] == [False] * (len(checked) - 1) + [
        True
    ]
    greedy = evaluate(result.policy, 10, greedy=True, env_id="Coins-v0")
    assert greedy.tolist() == [5] * 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_training_solves_cartpole(seed: int) -> None:
    result = train(seed)
    assert result.solved
    assert result.solved_steps <= result.env_steps
    assert len(result.history) == 60


@pytest.mark.usefixtures("unchecked")
def test_acrobot_runs(batches: list[Rollouts], chances: list[Rollouts]) -> None:
    result = train(0, "Acrobot-v1", updates=1, episodes=2)
    (line,) = result.history
    batch = batches[0]
    assert batch.observations.shape == (*batch.mask.shape, 6)
    played, ended = batch.mask.sum(), (~batch.truncated).sum()
    assert line.env_steps == played + chances[0].mask.sum()
    assert np.isclose(2 * line.mean_return, ended - played)
    assert (batch.mask.sum(axis=1)[batch.truncated] == 500).all()


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("seed", [0, 1])
def test_training_learns_acrobot(seed: int) -> None:
    """Not every seed: where no episode of a batch gets up, none is better."""
    history = train(seed, "Acrobot-v1", updates=15, episodes=8).history
    assert history[0].mean_return < -350
    assert history[-1].mean_return > -200


@pytest.mark.parametrize("policy", ["linear", "mlp"])
@pytest.mark.parametrize("env_id", ILLNESSES)
def test_what_is_not_finite_stops_the_training_with_its_update(
    env_id: str, policy: str
) -> None:
    what, value = ILLNESSES[env_id]
    healthy = train(0, env_id, policy, updates=2, episodes=2)
    assert [update.mean_return for update in healthy.history] == [3.0, 3.0]
    said = rf"update 3: {what} must be finite.* got {value}"
    with pytest.raises(ValueError, match=said):
        train(0, env_id, policy, updates=4, episodes=2)


@pytest.mark.parametrize("env_id", ILLNESSES)
def test_what_is_not_finite_before_the_first_update_stops_it_too(
    env_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    what, value = ILLNESSES[env_id]
    monkeypatch.setattr(Sick, "first", 1)
    said = rf"before update 1: {what} must be finite.* got {value}"
    with pytest.raises(ValueError, match=said):
        train(0, env_id, updates=1, episodes=2)


@pytest.mark.parametrize("env_id", ILLNESSES)
def test_what_is_not_finite_is_no_evaluation_and_no_gradient(
    env_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    what, value = ILLNESSES[env_id]
    monkeypatch.setattr(Sick, "first", 1)
    policy = nn.Sequential(nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 2))
    for call in (
        lambda: evaluate(policy, 2, env_id=env_id),
        lambda: policy_gradient(policy, env_id, 2, 0),
    ):
        with pytest.raises(ValueError, match=rf"{what} must.* got {value}"):
            call()


def test_what_is_not_finite_in_a_check_stops_it_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Sick, "made", 0)
    monkeypatch.setattr(Sick, "first", 1)
    with pytest.raises(ValueError, match=r"update 2: rewards.* got nan"):
        train(0, "Examined-v0", updates=2, episodes=2)


def test_a_parameter_that_is_not_finite_stops_the_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Astray(torch.optim.Adam):
        taken = 0

        def step(self, *args: object) -> None:
            super().step(*args)
            self.taken += 1
            if self.taken == 2:
                self.param_groups[0]["params"][1].data[0] = -np.inf

    monkeypatch.setattr(torch.optim, "Adam", Astray)
    said = "update 2: parameter 1.bias must be finite, got -inf"
    with pytest.raises(ValueError, match=said):
        tiny(policy="linear")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("greedy", [True, False])
def test_a_policy_that_is_not_finite_is_refused(
    value: float, greedy: bool
) -> None:
    policy = cartpole_policy()
    policy[-1].bias.data[1] = value
    for call in (
        lambda: policy_gradient(policy, "CartPole-v1", 2, 0),
        lambda: evaluate(policy, 2, greedy=greedy),
    ):
        with pytest.raises(ValueError, match=f"finite logits, got {value}"):
            call()


def test_a_policy_may_compute_in_float64_and_have_frozen_layers() -> None:
    """The gradient is that of float32, 0 where nothing is to be learned."""
    policy = cartpole_policy()
    wanted = policy_gradient(policy, "CartPole-v1", 4, 0)
    policy.double()[1].requires_grad_(False)
    found = policy_gradient(policy, "CartPole-v1", 4, 0)
    frozen = sum(each.numel() for each in policy[1].parameters())
    assert (found[:frozen] == 0).all()
    assert torch.allclose(found[frozen:].float(), wanted[frozen:], rtol=1e-3)
    assert evaluate(policy, 3).shape == (3,)


def test_a_hook_acts_in_rollouts_as_it_does_in_gradients() -> None:
    policy = nn.Linear(4, 2)
    policy.register_forward_hook(lambda *_: torch.tensor([[0.0, 9.0]] * 50))
    assert evaluate(policy, 50, greedy=True).mean() < 12


def test_many_episodes_are_evaluated_in_blocks(
    monkeypatch: pytest.MonkeyPatch, uniform: nn.Module
) -> None:
    monkeypatch.setattr(training, "MOST_ROWS", 8)
    returns = evaluate(uniform, 20)
    assert returns.shape == (20,)
    assert len(set(returns[:8])) > 1
    assert not np.array_equal(returns[:8], returns[8:16])


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        (lambda paid, mask: paid * np.nan, "must be finite, .* got nan"),
        (lambda paid, mask: paid[:, :1], r"shape \(2, \d+\), got \(2, 1\)"),
        (lambda paid, mask: None, "real numbers, got object"),
        (lambda paid, mask: mask, "must hold numbers"),
        (lambda paid, mask: paid * 1e100, "must be finite, got inf"),
    ],
)
def test_weights_that_do_not_fit_stop_the_training(
    weight: Weights, said: str
) -> None:
    def weights(paid: np.ndarray, mask: np.ndarray) -> np.ndarray:
        calls.append(None)
        return (weight if len(calls) == 2 else advantages)(paid, mask)

    calls = []
    with pytest.raises((TypeError, ValueError), match=f"^update 2: .*{said}"):
        tiny(episodes=2, weights=weights)


BAD_CALLS: list[tuple[Callable[[], object], str]] = [
    (lambda: train(policy="cnn"), "'cnn'"),
    (lambda: train(policy=None), "None"),
    (lambda: train(seed=-1), "-1"),
    (lambda: train(seed=0.5), "0.5"),
    (lambda: train(seed="0"), "'0'"),
    (lambda: train(updates=0), "0"),
    (lambda: train(episodes=1), "1"),
    (lambda: train(learning_rate=0.0), "0.0"),
    (lambda: train(learning_rate=-0.1), "-0.1"),
    (lambda: train(learning_rate=np.nan), "nan"),
    (lambda: train(learning_rate="fast"), "'fast'"),
    (lambda: policy_gradient(nn.Linear(4, 2), "CartPole-v1", 1, 0), "got 1"),
    (lambda: policy_gradient(nn.Linear(4, 2), "CartPole-v1", True, 0), "True"),
    (lambda: policy_gradient(nn.Linear(4, 2), "CartPole-v1", 2, None), "None"),
    (lambda: evaluate(nn.Linear(4, 2), 0), "got 0"),
    (lambda: evaluate(nn.Linear(4, 2), 2.5), "2.5"),
    (lambda: evaluate(nn.Linear(4, 2), 2, seed=-3), "-3"),
    (lambda: evaluate(nn.Linear(4, 2), 2, greedy="yes"), "'yes'"),
    (lambda: evaluate(nn.Linear(4, 3), 2), "(2, 2)"),
    (lambda: train(weights=None), "None"),
    (lambda: train(weights="advantages"), "'advantages'"),
    (lambda: train(env_id=None), "None"),
    (lambda: evaluate(nn.Linear(4, 2), 2, env_id=3), "3"),
]


@pytest.mark.parametrize(("call", "said"), BAD_CALLS)
def test_bad_arguments_are_refused_with_what_they_were(
    call: Callable[[], object], said: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        call()


def test_a_learning_rate_beyond_float32_is_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("1e+40")):
        tiny(learning_rate=1e40)
