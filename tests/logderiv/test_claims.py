"""The course's numbers that are pure mathematics, computed exactly.

Finite sums and Gauss-Hermite sums only: nothing here fails by chance. A
number printed with n digits is compared after rounding to n digits.
"""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from logderiv.expectation import (
    all_trajectories,
    expectation,
    expected_return,
    gradient,
    policy_gradient_exact,
)
from logderiv.identity import Bernoulli, Categorical, Gaussian
from logderiv.reinforce import full_return, rewards_to_go
from logderiv.surrogate import surrogate
from logderiv.trajectories import (
    MDP,
    SoftmaxPolicy,
    Trajectories,
    blind_policy,
    coins,
    dynamics_log_prob,
    policy_log_prob,
    rewards,
    short_corridor,
    trajectory_score,
)

Array = np.ndarray


def hermite(count: int) -> tuple[Array, Array]:
    """Nodes and weights: exact means of polynomials under N(0, 1)."""
    z, weight = np.polynomial.hermite_e.hermegauss(count)
    return z, weight / weight.sum()


def spread(weight: Array, terms: Array) -> Array:
    """Variance of terms (m,) or (m, p), with probabilities weight."""
    return weight @ (terms - weight @ terms) ** 2


@pytest.mark.parametrize(
    ("kind", "first"), [(np.float16, 25), (np.float32, 150), (np.float64, 1075)]
)
def test_products_of_halves_underflow_and_sums_of_logs_do_not(
    kind: type, first: int
) -> None:
    factors = np.full(first, 0.5, dtype=kind)
    partial = np.multiply.accumulate(factors)
    assert (partial > 0).tolist() == [True] * (first - 1) + [False]
    total = np.log(factors).sum()
    assert np.isfinite(total)
    assert np.isclose(total, -first * np.log(2), rtol=1e-2)


def test_the_sum_is_one_of_logs() -> None:
    assert round(np.log(0.5) + np.log(0.5), 3) == -1.386


def coin_sequences(steps: int) -> tuple[Trajectories, Array, Array, Array]:
    """All of them with chance, rewards and each step's score in the logit."""
    paths = all_trajectories(coins(), steps)
    policy = SoftmaxPolicy([[0.0, 0.0]])
    chance = np.exp(policy_log_prob(policy, paths))
    return paths, chance, rewards(coins(), paths), paths.actions - 0.5


def test_staircase_of_ten_coins() -> None:
    paths, chance, paid, scores = coin_sequences(10)
    value = (10 - np.arange(10)) / 2
    to_go = rewards_to_go(paid, paths.mask)
    ladder = {
        73.75: full_return(paid, paths.mask),
        26.875: to_go,
        2.8125: to_go - value,
    }
    assert len(chance) == 2**10
    for printed, weight in ladder.items():
        terms = (weight * scores).sum(axis=1)
        assert np.isclose(chance @ terms, 2.5, atol=1e-12)
        assert np.isclose(spread(chance, terms), printed, atol=1e-10)


def test_staircase_gradient_is_that_of_the_policy_table() -> None:
    slope = policy_gradient_exact(coins(), SoftmaxPolicy([[0.0, 0.0]]), 10)
    assert np.allclose(slope, [-2.5, 2.5], atol=1e-12)


def test_staircase_rejects_a_baseline_that_sees_its_own_step() -> None:
    paths, chance, paid, scores = coin_sequences(10)
    own = rewards_to_go(paid, paths.mask) - 0.5 * paid
    assert not np.isclose(chance @ (own * scores).sum(axis=1), 2.5)


def test_trace_variances_of_the_bandit() -> None:
    dist, q = Categorical([0.0, 0.5, -0.3]), np.array([1.0, 2.0, 4.0])
    p, score = np.exp(dist.log_prob([0, 1, 2])), dist.score([0, 1, 2])
    square = score**2
    ladder = {
        3.98999: 0.0,
        0.72625: p @ q,
        0.71378: (p * q) @ square.sum(axis=1) / (p @ square.sum(axis=1)),
        0.32862: (p * q) @ square / (p @ square),
    }
    for printed, baseline in ladder.items():
        terms = (q[:, None] - baseline) * score
        assert round(spread(p, terms).sum(), 5) == printed
        slope = gradient(lambda x: q[x], dist)
        assert np.allclose(p @ terms, slope, atol=1e-12)


@given(
    logit=st.floats(-3, 3),
    win=st.floats(-5, 5),
    lose=st.floats(-5, 5),
)
def test_variance_of_a_coin(logit: float, win: float, lose: float) -> None:
    coin = Bernoulli(logit)
    p = coin.probability
    chance, f = np.array([1 - p, p]), np.array([lose, win])
    score = coin.score([0, 1])[:, 0]
    closed = p * (1 - p) * ((1 - p) * win + p * lose) ** 2
    best = (1 - p) * win + p * lose
    assert np.isclose(spread(chance, f * score), closed, atol=1e-12)
    assert np.isclose(spread(chance, (f - best) * score), 0, atol=1e-24)
    assert np.isclose(
        chance @ (f * score), p * (1 - p) * (win - lose), atol=1e-12
    )


@pytest.mark.parametrize(
    ("f", "slope", "digits", "by_score", "by_path"),
    [
        (
            lambda x: np.cos(5 * x),
            lambda x: -5 * np.sin(5 * x),
            1,
            0.5,
            12.5,
        ),
        (
            lambda x: np.exp(-10 * x**2),
            lambda x: -20 * x * np.exp(-10 * x**2),
            4,
            0.0769,
            0.9416,
        ),
    ],
)
def test_pathwise_is_not_always_better(
    f: Callable[[Array], Array],
    slope: Callable[[Array], Array],
    digits: int,
    by_score: float,
    by_path: float,
) -> None:
    dist = Gaussian(1.0, 1.0)
    truth = gradient(f, dist)[0]
    score = expectation(lambda x: (f(x) * (x - 1)) ** 2, dist) - truth**2
    path = expectation(lambda x: slope(x) ** 2, dist) - truth**2
    assert round(score, digits) == by_score
    assert round(path, digits) == by_path
    assert np.isclose(expectation(slope, dist), truth, atol=1e-9)


@pytest.mark.parametrize(("d", "std"), [(1.0, 1.0), (-0.7, 1.3)])
def test_measure_valued_variances(d: float, std: float) -> None:
    """Coupled pairs, by the moments of their own distributions.

    For the mean, k + d -+ std * W with W a Rayleigh; for the std, M a
    two-sided Maxwell and the normal M * U, with U uniform.
    """
    half = np.sqrt(np.pi / 2)
    pair = 4 * d * std / (std * np.sqrt(2 * np.pi))
    in_mean = pair**2 * (2 - half**2)
    assert np.isclose(in_mean, (16 / np.pi - 4) * d**2)
    assert np.isclose(pair * half, 2 * d)
    second, fourth = 3, 15
    straight = 4 * d**2 * second * (1 / 3)
    curved = std**2 * fourth * (8 / 15) - (std * second * (2 / 3)) ** 2
    assert np.isclose(straight + curved, 4 * d**2 + 4 * std**2)
    assert np.isclose(std * second * (2 / 3), 2 * std)


@pytest.mark.parametrize(("step", "printed"), [(0.1, 302), (0.01, 30_002)])
def test_independent_differences_cost_the_square_of_the_step(
    step: float, printed: float
) -> None:
    z, weight = hermite(8)
    ends = [spread(weight, (1 + h + z) ** 2) for h in (step, -step)]
    assert np.isclose(sum(ends) / (2 * step) ** 2, printed)
    shared = ((1 + step + z) ** 2 - (1 - step + z) ** 2) / (2 * step)
    assert np.isclose(spread(weight, shared), 4)


def test_a_moving_support_breaks_the_trick_and_the_alarm_rings() -> None:
    """Uniform(0, theta), f = x: the score is -1 / theta everywhere."""
    theta = 2.0
    nodes, weight = np.polynomial.legendre.leggauss(5)
    x, weight = theta * (nodes + 1) / 2, weight / 2
    score = np.full(5, -1 / theta)
    assert np.isclose(weight @ x, theta / 2)
    assert np.isclose(weight @ (x * score), -0.5)
    assert np.isclose(weight @ score, -1 / theta)


@pytest.mark.parametrize("theta", [-1.5, 0.5, 2.0])
def test_a_payoff_that_knows_theta_has_a_second_part(theta: float) -> None:
    """f = theta x: E f = theta^2, half from the score, half from f."""
    dist = Gaussian(theta, 1.0)
    by_score = gradient(lambda x: theta * x, dist)[0]
    explicit = expectation(lambda x: x, dist)
    assert np.isclose(by_score, theta, atol=1e-9)
    assert np.isclose(by_score + explicit, 2 * theta, atol=1e-9)


def second_derivative(
    objective: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> float:
    """Of E x^2 in the mean of N(1.5, 1), by two passes of autograd."""
    z, weight = hermite(8)
    x, share = torch.tensor(1.5 + z), torch.tensor(weight * len(z))
    mean = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    log_prob = torch.distributions.Normal(mean, 1.0).log_prob(x)
    value = objective(log_prob, x**2 * share)
    (slope,) = torch.autograd.grad(value, mean, create_graph=True)
    assert np.isclose(slope.item(), 3.0)
    return torch.autograd.grad(slope, mean)[0].item()


def test_the_surrogate_has_the_right_first_derivative_only() -> None:
    assert np.isclose(second_derivative(surrogate), -3.25)


def test_the_magic_box_has_the_second_derivative_too() -> None:
    def box(log_prob: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return (torch.exp(log_prob - log_prob.detach()) * weight).mean()

    assert np.isclose(second_derivative(box), 2.0)


def test_corridor_numbers() -> None:
    def value(p: float) -> float:
        return expected_return(short_corridor(), blind_policy(p), 20_000)

    best = 2 - np.sqrt(2)
    assert round(best, 6) == 0.585786
    assert round(value(best), 4) == -11.6569
    assert round(value(0.05), 3) == -82.105
    assert round(value(0.95), 3) == -44.211
    assert np.isclose(value(best), -6 - 4 * np.sqrt(2), atol=1e-9)


def detour() -> MDP:
    """R is worth 1 now; then L ends with 2.5, R waits thrice for 8."""
    moves = np.zeros((6, 2, 6))
    for state, after in enumerate([1, 2, 3, 4, 5, 5]):
        moves[state, :, after] = 1
    moves[1, 0] = np.eye(6)[5]
    reward = np.zeros((6, 2))
    reward[0, 1], reward[1, 0], reward[4] = 1.0, 2.5, 8.0
    terminal = np.arange(6) == 5
    return MDP(np.eye(6)[0], moves, reward, terminal)


def detour_gradients(p: float) -> tuple[float, float]:
    """With gamma^t on every step and without, in the logit of right."""
    mdp = detour()
    logits = [[0.0, np.log(p / (1 - p))], [0.0, 0.0]]
    policy = SoftmaxPolicy(logits, [0, 0, 1, 1, 1, 1])
    paths = all_trajectories(mdp, 5)
    chance = np.exp(
        policy_log_prob(policy, paths) + dynamics_log_prob(mdp, paths)
    )
    assert np.isclose(chance.sum(), 1)
    returns = rewards_to_go(rewards(mdp, paths), paths.mask, discount=0.5)
    chosen = (paths.states[:, :-1] <= 1) & paths.mask
    terms = returns * (paths.actions - p) * chosen
    discounts = 0.5 ** np.arange(5)
    return chance @ (terms @ discounts), chance @ terms.sum(axis=1)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_dropping_the_outer_discount_can_reverse_the_gradient(
    p: float,
) -> None:
    outer, dropped = detour_gradients(p)
    assert np.isclose(outer, 0.25 * p * (1 - p), atol=1e-12)
    assert np.isclose(dropped, -0.5 * p * (1 - p), atol=1e-12)


def test_the_gradient_with_the_discount_is_that_of_the_discounted_return() -> (
    None
):
    def discounted(logit: float) -> float:
        p = 1 / (1 + np.exp(-logit))
        return p * 1.0 + 0.5 * ((1 - p) * 2.5 + p * 0.5**3 * 8.0)

    logit, h = np.log(0.3 / 0.7), 1e-5
    slope = (discounted(logit + h) - discounted(logit - h)) / (2 * h)
    assert np.isclose(detour_gradients(0.3)[0], slope, atol=1e-9)


@pytest.mark.parametrize(
    ("p", "payoffs", "without", "truth"),
    [(0.3, (1.0, 1.0), -0.084, 0.0), (0.2, (1.0, 0.5), -0.032, 0.08)],
)
def test_without_the_log_the_policy_counts_twice(
    p: float, payoffs: tuple[float, float], without: float, truth: float
) -> None:
    """Both outcomes, each with its chance as its share of the batch."""
    f = torch.tensor(payoffs, dtype=torch.float64)
    for inside, expected in ((torch.exp, without), (lambda x: x, truth)):
        logit = torch.tensor(
            np.log(p / (1 - p)), dtype=torch.float64, requires_grad=True
        )
        log_prob = torch.nn.functional.logsigmoid(torch.stack([logit, -logit]))
        share = 2 * log_prob.exp().detach()
        surrogate(inside(log_prob), share * f).backward()
        assert np.isclose(logit.grad.item(), expected, atol=1e-12)


def chain(steps: int, reward: Array) -> MDP:
    """A state for each step, so that each has a gradient of its own."""
    moves = np.zeros((steps + 1, 2, steps + 1))
    moves[np.arange(steps), :, np.arange(1, steps + 1)] = 1
    moves[steps, :, steps] = 1
    paid = np.vstack([reward, np.zeros((1, 2))])
    return MDP(np.eye(steps + 1)[0], moves, paid, np.arange(steps + 1) == steps)


def pairing_lost(
    mdp: MDP, policy: SoftmaxPolicy, steps: int
) -> tuple[Array, Array]:
    """mean(log_probs) * sum(returns) against the right gradient, by step."""
    paths = all_trajectories(mdp, steps)
    chance = np.exp(
        dynamics_log_prob(mdp, paths) + policy_log_prob(policy, paths)
    )
    returns = rewards_to_go(rewards(mdp, paths), paths.mask)
    log_probs = policy.log_probs()[paths.states[:, :-1]]
    scores = paths.actions - np.exp(log_probs[..., 1])
    total = returns.sum(axis=1, keepdims=True) / steps
    return chance @ (total * scores), chance @ (returns * scores)


def test_losing_the_pairing_weights_coin_t_by_its_place() -> None:
    """Step t of T coins gets (t + 1) / T of its gradient, t from 0."""
    steps = 6
    mdp = chain(steps, np.tile([0.0, 1.0], (steps, 1)))
    logits = np.random.default_rng(0).normal(size=(steps + 1, 2))
    got, truth = pairing_lost(mdp, SoftmaxPolicy(logits), steps)
    place = (np.arange(steps) + 1) / steps
    assert np.allclose(got, place * truth, atol=1e-12)
    shared = policy_gradient_exact(coins(), SoftmaxPolicy([[0.0, 0.0]]), steps)
    assert np.isclose(shared[1], 0.25 * steps)


def test_losing_the_pairing_weights_rewards_and_not_steps() -> None:
    """A reward at step u counts (u + 1) / T, whichever action earned it.

    Here the first of two actions earns what the second step pays: its
    gradient is whole, and not the half that its own place would give.
    """
    moves = np.zeros((4, 2, 4))
    moves[0, 0, 1] = moves[0, 1, 2] = 1
    moves[1:, :, 3] = 1
    reward = np.zeros((4, 2))
    reward[2] = 1.0
    mdp = MDP(np.eye(4)[0], moves, reward, np.arange(4) == 3)
    logits = np.random.default_rng(0).normal(size=(4, 2))
    got, truth = pairing_lost(mdp, SoftmaxPolicy(logits), 2)
    assert abs(truth[0]) > 0.1
    assert np.allclose(got, truth, atol=1e-12)


def test_losing_the_pairing_halves_the_gradient_where_steps_pay_alike() -> None:
    """With -1 (or +1) a step the weights (L + 1) / 2 are half the return.

    The mean score is 0, so the other half step adds nothing: the direction
    is right, and only the noise is that of the full return.
    """
    mdp = short_corridor()
    policy = SoftmaxPolicy([[0.3, -0.2], [-0.5, 0.4]], [0, 1, 0, 0])
    paths = all_trajectories(mdp, 8)
    chance = np.exp(
        dynamics_log_prob(mdp, paths) + policy_log_prob(policy, paths)
    )
    returns = rewards_to_go(rewards(mdp, paths), paths.mask)
    mean = returns.sum(axis=1) / paths.mask.sum(axis=1)
    got = (chance * mean) @ trajectory_score(policy, paths)
    exact = policy_gradient_exact(mdp, policy, 8)
    assert np.abs(exact).min() > 0.1
    assert np.allclose(got, exact / 2, atol=1e-12)


def test_per_step_means_can_reverse_the_gradient() -> None:
    """1 in one step against 2 in four: the second is better, and longer."""
    moves = np.zeros((5, 2, 5))
    moves[0, 0, 4] = moves[0, 1, 1] = 1
    for state in (1, 2, 3):
        moves[state, :, state + 1] = 1
    moves[4, :, 4] = 1
    reward = np.zeros((5, 2))
    reward[0, 0], reward[3] = 1.0, 2.0
    mdp = MDP(np.eye(5)[0], moves, reward, np.arange(5) == 4)
    policy = SoftmaxPolicy(np.zeros((2, 2)), [0, 1, 1, 1, 1])
    paths = all_trajectories(mdp, 4)
    chance = np.exp(
        dynamics_log_prob(mdp, paths) + policy_log_prob(policy, paths)
    )
    total = rewards(mdp, paths).sum(axis=1)
    score = trajectory_score(policy, paths)
    per_step = (chance * total / paths.mask.sum(axis=1)) @ score
    exact = policy_gradient_exact(mdp, policy, 4)
    assert np.allclose((chance * total) @ score, exact, atol=1e-12)
    assert np.isclose(exact[1], 0.25)
    assert np.isclose(per_step[1], -0.125)


@pytest.mark.parametrize(("p", "printed"), [(0.5, 1.736), (0.1, 2.177)])
def test_dividing_by_the_group_std_rescales_the_gradient(
    p: float, printed: float
) -> None:
    """Groups of 8, a reward of 0 or 1; equal rewards give nothing."""
    x = np.array(list(product((0, 1), repeat=8)))
    chance = np.prod(np.where(x == 1, p, 1 - p), axis=1)
    centred = x - x.mean(axis=1, keepdims=True)
    std = x.std(axis=1, ddof=1, keepdims=True)
    advantage = np.divide(
        centred, std, out=np.zeros_like(centred), where=std > 0
    )
    got = chance @ (advantage * (x - p)).mean(axis=1)
    assert round(got / (p * (1 - p)), 3) == printed
    plain = (centred * (x - p)).sum(axis=1) / 7
    assert np.isclose(chance @ plain, p * (1 - p), atol=1e-12)


def test_importance_weights_explode() -> None:
    """E[w^2] of T steps is the T-th power of that of one."""
    target, behaviour = np.array([0.6, 0.4]), np.array([0.5, 0.5])
    one = (target**2 / behaviour).sum()
    steps = np.array(list(product((0, 1), repeat=10)))
    chance = behaviour[steps].prod(axis=1)
    weight = target[steps].prod(axis=1) / chance
    assert np.isclose(chance @ weight, 1)
    assert np.isclose(chance @ weight**2, one**10)
    assert round(one**100, 1) == 50.5
    assert f"{one**500:.1e}" == "3.3e+08"


def test_a_baseline_fitted_on_its_one_sample_leaves_nothing() -> None:
    dist, q = Categorical([0.0, 0.5, -0.3]), np.array([1.0, 2.0, 4.0])
    fitted = (q - q)[:, None] * dist.score([0, 1, 2])
    assert not fitted.any()
    assert np.abs(gradient(lambda x: q[x], dist)).min() > 0.05
