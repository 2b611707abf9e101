"""Trajectories of small MDPs, by enumeration, autograd and differences.

Everything is exact but one chi-square test of samples: a right sampler
fails it once in 1e9 seeds, and the seed is fixed.
"""

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from logderiv.expectation import all_trajectories
from logderiv.trajectories import (
    GOAL,
    LEFT,
    MDP,
    RIGHT,
    SoftmaxPolicy,
    Trajectories,
    blind_policy,
    coins,
    dynamics_log_prob,
    policy_log_prob,
    rewards,
    sample_trajectories,
    short_corridor,
    trajectory_score,
)

seeds = st.integers(0, 2**32 - 1)


def random_problem(seed: int) -> tuple[MDP, SoftmaxPolicy]:
    """Three states, the last one terminal; two of them look alike."""
    rng = np.random.default_rng(seed)
    transition = rng.dirichlet(np.ones(3), size=(3, 2))
    transition[0, 0] = [0.0, 1.0, 0.0]
    mdp = MDP(
        start=rng.dirichlet(np.ones(3)),
        transition=transition,
        reward=rng.normal(size=(3, 2)),
        terminal=np.array([False, False, True]),
    )
    seen = np.array([0, 1, 1])
    return mdp, SoftmaxPolicy(rng.normal(size=(2, 2)), observation=seen)


def log_p(mdp: MDP, policy: SoftmaxPolicy, paths: Trajectories) -> np.ndarray:
    return dynamics_log_prob(mdp, paths) + policy_log_prob(policy, paths)


def autograd_score(
    mdp: MDP, policy: SoftmaxPolicy, paths: Trajectories
) -> np.ndarray:
    """The gradient of log p(tau), dynamics and all, a path at a time."""
    rows = []
    for states, actions in zip(paths.states, paths.actions, strict=True):
        logits = torch.tensor(policy.logits, requires_grad=True)
        log_policy = torch.log_softmax(logits, dim=1)
        total = log_policy.sum() * 0 + np.log(mdp.start[states[0]])
        for t, action in enumerate(actions):
            if mdp.terminal[states[t]]:
                break
            row = policy.observation[states[t]]
            move = mdp.transition[states[t], action, states[t + 1]]
            total = total + log_policy[row, action] + np.log(move)
        total.backward()
        rows.append(logits.grad.numpy().ravel())
    return np.array(rows)


def difference_score(
    mdp: MDP, policy: SoftmaxPolicy, paths: Trajectories
) -> np.ndarray:
    """Central differences of log p(tau), good to h^2 = 1e-10."""
    columns = []
    for entry in np.eye(policy.logits.size).reshape(-1, *policy.logits.shape):
        ends = [
            log_p(
                mdp,
                SoftmaxPolicy(policy.logits + h * entry, policy.observation),
                paths,
            )
            for h in (1e-5, -1e-5)
        ]
        columns.append((ends[0] - ends[1]) / 2e-5)
    return np.stack(columns, axis=1)


@given(seed=seeds)
def test_probabilities_of_all_trajectories_sum_to_one(seed: int) -> None:
    mdp, policy = random_problem(seed)
    paths = all_trajectories(mdp, 4)
    assert np.isclose(np.exp(log_p(mdp, policy, paths)).sum(), 1, atol=1e-12)


@pytest.mark.parametrize("slip", [0.0, 0.1, 1.0])
def test_corridor_probabilities_sum_to_one(slip: float) -> None:
    mdp, policy = short_corridor(slip), blind_policy(0.3)
    p = np.exp(log_p(mdp, policy, all_trajectories(mdp, 6)))
    assert np.isclose(p.sum(), 1, atol=1e-12)


@given(seed=seeds)
def test_score_is_the_gradient_of_the_whole_log_probability(seed: int) -> None:
    mdp, policy = random_problem(seed)
    paths = sample_trajectories(mdp, policy, 5, 4, np.random.default_rng(seed))
    score = trajectory_score(policy, paths)
    assert np.allclose(score, autograd_score(mdp, policy, paths), atol=1e-12)
    slope = difference_score(mdp, policy, paths)
    assert np.allclose(score, slope, atol=1e-8)


def test_gradient_check_rejects_a_score_of_the_padding_too() -> None:
    mdp, policy = short_corridor(), blind_policy(0.7)
    paths = all_trajectories(mdp, 5)
    unmasked = paths._replace(mask=np.ones_like(paths.mask))
    wrong = trajectory_score(policy, unmasked)
    truth = autograd_score(mdp, policy, paths)
    assert np.allclose(trajectory_score(policy, paths), truth, atol=1e-12)
    assert not np.allclose(wrong, truth, atol=1e-6)
    assert not np.allclose(-wrong, truth, atol=1e-6)


@given(seed=seeds)
def test_mean_score_over_all_trajectories_is_zero(seed: int) -> None:
    mdp, policy = random_problem(seed)
    paths = all_trajectories(mdp, 4)
    p = np.exp(log_p(mdp, policy, paths))
    assert np.allclose(p @ trajectory_score(policy, paths), 0, atol=1e-12)


def test_the_dynamics_move_the_probability_and_not_the_score() -> None:
    policy = blind_policy(0.3)
    steady, slippery = short_corridor(0.1), short_corridor(0.4)
    paths = all_trajectories(steady, 4)
    before, after = (
        dynamics_log_prob(mdp, paths) for mdp in (steady, slippery)
    )
    assert (np.abs(before - after) > 0.1).all()
    for mdp in (steady, slippery):
        slope = difference_score(mdp, policy, paths)
        assert np.allclose(trajectory_score(policy, paths), slope, atol=1e-8)


def test_the_start_moves_the_probability_and_not_the_score() -> None:
    mdp, policy = random_problem(0)
    paths = all_trajectories(mdp, 3)
    mdp.start = mdp.start[[1, 2, 0]]
    slope = difference_score(mdp, policy, paths)
    assert np.allclose(trajectory_score(policy, paths), slope, atol=1e-8)


def p_value(
    mdp: MDP, policy: SoftmaxPolicy, horizon: int, samples: Trajectories
) -> float:
    """Chi-square of the sampled trajectories against the enumerated."""
    every = all_trajectories(mdp, horizon)
    p = np.exp(log_p(mdp, policy, every))
    keys = [
        tuple(row) for row in np.hstack([every.states, every.actions]).tolist()
    ]
    assert len(set(keys)) == len(keys)
    place = {key: k for k, key in enumerate(keys)}
    drawn = np.hstack([samples.states, samples.actions]).tolist()
    count = np.bincount([place[tuple(row)] for row in drawn], minlength=len(p))
    return stats.chisquare(count, p * len(drawn)).pvalue


def test_samples_come_up_as_often_as_enumerated() -> None:
    mdp, policy = short_corridor(0.2), blind_policy(0.4)
    rng = np.random.default_rng(0)
    samples = sample_trajectories(mdp, policy, 40_000, 4, rng)
    assert p_value(mdp, policy, 4, samples) > 1e-9
    assert p_value(mdp, blind_policy(0.45), 4, samples) < 1e-9
    assert p_value(short_corridor(0.25), policy, 4, samples) < 1e-9


def test_samples_of_a_random_problem_come_up_as_often_as_enumerated() -> None:
    mdp, policy = random_problem(3)
    rng = np.random.default_rng(0)
    samples = sample_trajectories(mdp, policy, 40_000, 2, rng)
    assert p_value(mdp, policy, 2, samples) > 1e-9


def test_one_path_through_the_corridor_by_hand() -> None:
    """In the middle state, left and right are swapped."""
    mdp = short_corridor()
    actions = [LEFT, RIGHT, LEFT, RIGHT, LEFT, LEFT]
    states = [0, 0, 1, 2, GOAL, GOAL, GOAL]
    mask = [True, True, True, True, False, False]
    path = Trajectories(*(np.array([part]) for part in (states, actions, mask)))
    policy = blind_policy(0.3)
    assert dynamics_log_prob(mdp, path).tolist() == [0.0]
    assert np.allclose(policy_log_prob(policy, path), np.log(0.3**2 * 0.7**2))
    assert rewards(mdp, path).tolist() == [[-1, -1, -1, -1, 0, 0]]
    score = trajectory_score(policy, path)
    assert np.allclose(score, [[2 - 4 * 0.7, 2 - 4 * 0.3]])


def test_an_impossible_move_has_probability_zero() -> None:
    states, actions = np.array([[0, 2]]), np.array([[RIGHT]])
    path = Trajectories(states, actions, np.array([[True]]))
    assert dynamics_log_prob(short_corridor(), path).tolist() == [-np.inf]


def test_after_the_goal_all_is_padding() -> None:
    mdp, policy = short_corridor(0.1), blind_policy(0.6)
    rng = np.random.default_rng(0)
    paths = sample_trajectories(mdp, policy, 500, 12, rng)
    real = paths.mask
    assert np.array_equal(real, paths.states[:, :-1] != GOAL)
    assert (real[:, 1:] <= real[:, :-1]).all()
    assert 0 < (~real).sum() < real.size
    assert (paths.states[:, 1:][~real] == GOAL).all()
    assert (paths.actions[~real] == 0).all()
    assert np.array_equal(rewards(mdp, paths), -1.0 * real)


def test_padding_counts_for_nothing() -> None:
    mdp, policy = short_corridor(), blind_policy(0.6)
    paths = all_trajectories(mdp, 6)
    actions = np.where(paths.mask, paths.actions, RIGHT)
    other = paths._replace(actions=actions)
    assert not np.array_equal(actions, paths.actions)
    for measure in (
        lambda p: policy_log_prob(policy, p),
        lambda p: trajectory_score(policy, p),
        lambda p: dynamics_log_prob(mdp, p),
        lambda p: rewards(mdp, p),
    ):
        assert np.array_equal(measure(other), measure(paths))


def test_shapes_and_types_of_trajectories() -> None:
    rng = np.random.default_rng(0)
    paths = sample_trajectories(coins(), SoftmaxPolicy([[0, 1]]), 5, 3, rng)
    assert paths.states.shape == (5, 4)
    assert paths.actions.shape == paths.mask.shape == (5, 3)
    assert paths.states.dtype.kind == paths.actions.dtype.kind == "i"
    assert paths.mask.dtype == bool
    assert paths.mask.all()


def test_coins_pay_their_action() -> None:
    paths = all_trajectories(coins(), 3)
    assert np.array_equal(rewards(coins(), paths), paths.actions)
    assert len(paths.actions) == 8


def test_same_seed_same_trajectories_other_seed_others() -> None:
    mdp, policy = short_corridor(0.1), blind_policy(0.5)
    first, again, other = (
        sample_trajectories(mdp, policy, 20, 9, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    )
    for left, right in zip(first, again, strict=True):
        assert np.array_equal(left, right)
    assert not np.array_equal(first.actions, other.actions)


@given(p=st.floats(0.001, 0.999))
def test_the_blind_policy_goes_right_with_its_probability(p: float) -> None:
    expected = np.tile(np.log([1 - p, p]), (4, 1))
    assert np.allclose(blind_policy(p).log_probs(), expected, atol=1e-12)


def test_states_that_look_alike_share_a_row() -> None:
    policy = SoftmaxPolicy([[0.0, 1.0], [2.0, 0.0]], observation=[1, 0, 1])
    rows = policy.log_probs()
    assert np.array_equal(rows[0], rows[2])
    assert np.allclose(np.exp(rows).sum(axis=1), 1)
    assert not np.allclose(rows[0], rows[1])


def mdp_with(**changes: object) -> Callable[[], MDP]:
    right = {
        "start": [1.0, 0.0],
        "transition": np.full((2, 2, 2), 0.5),
        "reward": np.zeros((2, 2)),
        "terminal": np.array([False, True]),
    }
    return lambda: MDP(**(right | changes))


def sampling(**changes: object) -> Callable[[], Trajectories]:
    right = {
        "mdp": coins(),
        "policy": SoftmaxPolicy([[0.0, 0.0]]),
        "n": 2,
        "horizon": 2,
        "rng": np.random.default_rng(0),
    }
    return lambda: sample_trajectories(**(right | changes))


BAD: list[tuple[Callable[[], object], str]] = [
    (mdp_with(start=[0.5, 0.6]), "1.1"),
    (mdp_with(start=[1.5, -0.5]), "-0.5"),
    (mdp_with(start=1.0), "()"),
    (mdp_with(start=[1.0]), "(2, 2, 2)"),
    (mdp_with(start=[np.nan, 1.0]), "nan"),
    (mdp_with(transition=np.full((2, 2, 2), 0.4)), "0.8"),
    (mdp_with(transition=np.full((2, 2), 0.5)), "(2, 2)"),
    (mdp_with(transition=np.full((2, 2, 3), 1 / 3)), "(2, 2, 3)"),
    (mdp_with(reward=np.zeros((2, 3))), "(2, 3)"),
    (mdp_with(reward=[[0.0, np.inf], [0.0, 0.0]]), "inf"),
    (mdp_with(reward="none"), "'none'"),
    (mdp_with(terminal=np.array([0, 1])), "[0, 1]"),
    (mdp_with(terminal=np.array([True])), "[ True]"),
    (lambda: SoftmaxPolicy([0.0, 1.0]), "(2,)"),
    (lambda: SoftmaxPolicy([[0.0, np.nan]]), "nan"),
    (lambda: SoftmaxPolicy([[0.0, 1.0]], observation=[0, 1]), "[0 1]"),
    (lambda: SoftmaxPolicy([[0.0, 1.0]], observation=[-1]), "[-1]"),
    (lambda: SoftmaxPolicy([[0.0, 1.0]], observation=[0.5]), "0.5"),
    (lambda: SoftmaxPolicy([[0.0, 1.0]], observation=[[0]]), "[[0]]"),
    (lambda: short_corridor(-0.1), "-0.1"),
    (lambda: short_corridor(1.1), "1.1"),
    (lambda: short_corridor("no"), "'no'"),
    (lambda: blind_policy(0.0), "0.0"),
    (lambda: blind_policy(1.0), "1.0"),
    (lambda: blind_policy(np.nan), "nan"),
    (sampling(n=0), "0"),
    (sampling(n=2.5), "2.5"),
    (sampling(horizon=0), "0"),
    (sampling(horizon=True), "True"),
    (sampling(rng=7), "got 7"),
    (sampling(policy=SoftmaxPolicy(np.zeros((2, 2)))), "(2, 2)"),
    (sampling(policy=SoftmaxPolicy(np.zeros((1, 3)))), "(1, 3)"),
]


@pytest.mark.parametrize(("make", "said"), BAD)
def test_bad_arguments_are_refused_with_what_they_were(
    make: Callable[[], object], said: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        make()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mask": np.ones((1, 1), dtype=bool)}, "(1, 1)"),
        ({"actions": np.array([[0, -1]])}, "-1"),
        ({"states": np.array([[0, 1, 7]])}, "7"),
    ],
)
def test_trajectories_that_do_not_fit_are_refused(
    change: dict, said: str
) -> None:
    paths = Trajectories(
        states=np.array([[0, 1, 0]]),
        actions=np.array([[1, 1]]),
        mask=np.ones((1, 2), dtype=bool),
    )._replace(**change)
    world, policy = short_corridor(), blind_policy(0.5)
    for use in (
        lambda: policy_log_prob(policy, paths),
        lambda: trajectory_score(policy, paths),
        lambda: dynamics_log_prob(world, paths),
        lambda: rewards(world, paths),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            use()
