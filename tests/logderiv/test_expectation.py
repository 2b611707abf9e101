"""Exact answers against closed forms, Gauss-Hermite sums and autograd.

Nothing is random here but the problems that hypothesis draws, so nothing
fails by chance. The promise under test is 1e-10 of E|f|, or of E|f * score|.
"""

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from logderiv.expectation import (
    all_trajectories,
    expectation,
    expected_return,
    gradient,
    policy_gradient_exact,
)
from logderiv.identity import (
    Bernoulli,
    Categorical,
    Exponential,
    Family,
    Gaussian,
    Poisson,
)
from logderiv.trajectories import (
    MDP,
    SoftmaxPolicy,
    blind_policy,
    coins,
    dynamics_log_prob,
    policy_log_prob,
    rewards,
    short_corridor,
    trajectory_score,
)

Payoff = Callable[[np.ndarray], np.ndarray]
Case = tuple[Payoff, Family, float, list[float]]

seeds = st.integers(0, 2**32 - 1)


def close(got: np.ndarray, want: np.ndarray) -> bool:
    return np.allclose(got, want, rtol=0, atol=1e-10)


def square_case(mean: float, std: float, k: float) -> Case:
    d = mean - k
    return (
        lambda x: (x - k) ** 2,
        Gaussian(mean, std),
        d**2 + std**2,
        [2 * d, 2 * std],
    )


def cosine_case(mean: float, std: float, k: float) -> Case:
    damp = np.exp(-((k * std) ** 2) / 2)
    return (
        lambda x: np.cos(k * x),
        Gaussian(mean, std),
        damp * np.cos(k * mean),
        [
            -k * damp * np.sin(k * mean),
            -(k**2) * std * damp * np.cos(k * mean),
        ],
    )


def bump_case(mean: float, std: float, k: float) -> Case:
    wide = 1 + 2 * k * std**2
    value = np.exp(-k * mean**2 / wide) / np.sqrt(wide)
    in_std = -2 * k * std / wide + (2 * k * mean / wide) ** 2 * std
    return (
        lambda x: np.exp(-k * x**2),
        Gaussian(mean, std),
        value,
        [-2 * k * mean / wide * value, in_std * value],
    )


def jump_case(mean: float, std: float) -> Case:
    slope = stats.norm.pdf(mean / std) / std
    return (
        lambda x: x > 0,
        Gaussian(mean, std),
        stats.norm.cdf(mean / std),
        [slope, -slope * mean / std],
    )


def coin_case(logit: float, f1: float, f0: float) -> Case:
    p = special.expit(logit)
    return (
        lambda x: np.where(x == 1, f1, f0),
        Bernoulli(logit),
        p * f1 + (1 - p) * f0,
        [p * (1 - p) * (f1 - f0)],
    )


def bandit_case(logits: list[float], payoffs: list[float]) -> Case:
    weight, q = np.exp(logits), np.array(payoffs)
    p = weight / weight.sum()
    return (
        lambda x: q[x],
        Categorical(logits),
        p @ q,
        list(p * (q - p @ q)),
    )


CASES: dict[str, Case] = {
    "square": square_case(1.0, 1.0, 0.0),
    "square elsewhere": square_case(1.3, 0.7, 0.4),
    "square far out": square_case(-40.0, 0.01, -41.0),
    "cosine": cosine_case(1.0, 1.0, 1.0),
    "fast cosine": cosine_case(1.0, 1.0, 5.0),
    "bump": bump_case(1.0, 1.0, 10.0),
    "narrow bump": bump_case(0.2, 1.0, 1000.0),
    "jump": jump_case(0.5, 1.0),
    "jump elsewhere": jump_case(-0.3, 0.6),
    "one coordinate": (
        lambda x: x[:, 0] ** 2,
        Gaussian([1.5], [2.0]),
        1.5**2 + 4,
        [3.0, 4.0],
    ),
    "coin": coin_case(0.4, 3.0, 1.0),
    "bandit": bandit_case([0.0, 0.5, -0.3], [1.0, 2.0, 4.0]),
    "Poisson mean": (lambda x: x, Poisson(2.5), 2.5, [1.0]),
    "Poisson square": (lambda x: x**2, Poisson(2.5), 8.75, [6.0]),
    "rare Poisson": (lambda x: x**2, Poisson(1e-5), 1e-5 + 1e-10, [1.00002]),
    "Poisson power": (
        lambda x: 2.0**x,
        Poisson(2.5),
        np.exp(2.5),
        [np.exp(2.5)],
    ),
    "exponential mean": (lambda x: x, Exponential(1.6), 1 / 1.6, [-(1.6**-2)]),
    "exponential square": (
        lambda x: x**2,
        Exponential(1.6),
        2 / 1.6**2,
        [-4 / 1.6**3],
    ),
    "exponential log": (
        np.log,
        Exponential(1.6),
        -np.euler_gamma - np.log(1.6),
        [-1 / 1.6],
    ),
    "exponential tail": (
        lambda x: x > 1,
        Exponential(1.6),
        np.exp(-1.6),
        [-np.exp(-1.6)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_closed_forms(name: str) -> None:
    f, dist, value, slope = CASES[name]
    assert close(expectation(f, dist), value)
    assert close(gradient(f, dist), slope)


def test_closed_forms_to_the_digits_in_print() -> None:
    jump, bandit = CASES["jump"], CASES["bandit"]
    assert np.round(gradient(*jump[:2])[0], 6) == 0.352065
    printed = [-0.336947, -0.069117, 0.406064]
    assert np.round(gradient(*bandit[:2]), 6).tolist() == printed


@pytest.mark.parametrize("name", CASES)
def test_closed_forms_reject_the_formula_without_its_log(name: str) -> None:
    """E[f grad p] in place of E[f grad log p]: the p twice."""
    f, dist, _, slope = CASES[name]
    twice = gradient(lambda x: f(x) * np.exp(dist.log_prob(x)), dist)
    assert not close(twice, slope)


@settings(max_examples=10)
@given(
    coefficients=st.lists(st.floats(-3, 3), min_size=1, max_size=5),
    mean=st.floats(-2, 2),
    std=st.floats(0.1, 2),
)
def test_polynomials_agree_with_gauss_hermite(
    coefficients: list[float], mean: float, std: float
) -> None:
    """Ten nodes are exact up to degree 19."""
    z, weight = np.polynomial.hermite_e.hermegauss(10)
    weight = weight / weight.sum()
    x, dist = mean + std * z, Gaussian(mean, std)

    def f(x: np.ndarray) -> np.ndarray:
        return np.polynomial.polynomial.polyval(x, coefficients) + 0 * x

    size = 1 + weight @ np.abs(f(x)[:, None] * dist.score(x))
    assert abs(expectation(f, dist) - weight @ f(x)) < 1e-10 * size.max()
    miss = gradient(f, dist) - (weight * f(x)) @ dist.score(x)
    assert (np.abs(miss) < 1e-10 * size.max()).all()


@given(logits=st.lists(st.floats(-5, 5), min_size=1, max_size=5), seed=seeds)
def test_finite_sums_agree_with_autograd(
    logits: list[float], seed: int
) -> None:
    payoff = np.random.default_rng(seed).normal(size=len(logits))
    leaf = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    value = torch.softmax(leaf, dim=0) @ torch.tensor(payoff)
    value.backward()
    dist = Categorical(logits)
    assert close(expectation(lambda x: payoff[x], dist), value.item())
    assert close(gradient(lambda x: payoff[x], dist), leaf.grad.numpy())


@pytest.mark.parametrize(
    "dist", [Bernoulli(0.4), Categorical([0.0, 1.0]), Poisson(2.5)]
)
def test_discrete_payoffs_get_integers_as_from_sample(dist: Family) -> None:
    table = np.arange(1000.0)
    assert expectation(lambda x: table[x], dist) > 0


def test_a_constant_has_no_gradient_and_nothing_costs_nothing() -> None:
    for dist in (Gaussian(1.0, 2.0), Exponential(3.0), Poisson(2.0)):
        assert close(expectation(lambda x: np.ones(len(x)), dist), 1)
        assert close(gradient(lambda x: np.ones(len(x)), dist), 0)
        assert expectation(lambda x: np.zeros(len(x)), dist) == 0


def test_huge_payoffs_are_integrated_to_their_own_scale() -> None:
    value = expectation(lambda x: 1e300 * x**2, Gaussian(1.0, 1.0))
    assert abs(value / 2e300 - 1) < 1e-10


JUMPS = [1.4506256841711425, -0.58501021137611, 0.43999630566672554]
JUMPS += [-0.42001882859302153, -1.1600430546667686, -2.720086572276677]
JUMPS += [0.0, 0.08, 0.3, 1.7, 4.0]


@pytest.mark.parametrize("at", JUMPS)
def test_a_jump_may_be_anywhere(at: float) -> None:
    """At the first six, one way to cut the line is off by up to 1e-5."""
    got = expectation(lambda x: x > at, Gaussian(0.0, 1.0))
    assert abs(got - stats.norm.sf(at)) < 1e-10


@pytest.mark.parametrize("at", [0.3250492444639619, 1.3194091331296565, 2.0])
def test_a_jump_may_be_anywhere_in_an_exponential(at: float) -> None:
    got = expectation(lambda x: x > at, Exponential(1.0))
    assert abs(got - np.exp(-at)) < 1e-10


@pytest.mark.parametrize("at", [-1.3, -0.04, 0.003, 0.77, 2.5])
def test_a_box_of_a_hundredth_of_the_spread_is_seen(at: float) -> None:
    box = expectation(lambda x: (x > at) & (x < at + 0.01), Gaussian(0.0, 1.0))
    exact = stats.norm.cdf(at + 0.01) - stats.norm.cdf(at)
    assert abs(box - exact) < 1e-10


def quiet(f: Payoff) -> Payoff:
    def without_warnings(x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return f(x)

    return without_warnings


HOPELESS: dict[str, Payoff] = {
    "grows faster than p falls": lambda x: np.exp(x**2),
    "falls as 1/x^2 after all": lambda x: (
        np.exp(np.minimum((x - 1) ** 2 / 2, 700)) / (1 + (x - 1) ** 2)
    ),
    "pole": lambda x: 1 / (x - 0.123),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOPELESS)
def test_an_integral_that_does_not_exist_is_no_number(name: str) -> None:
    with pytest.raises(ValueError, match=r"inf|does E\|f\| exist"):
        expectation(quiet(HOPELESS[name]), Gaussian(1.0, 1.0))


def test_a_gradient_that_does_not_exist_is_no_number() -> None:
    with pytest.raises(ValueError, match=r"inf|does E\|f\| exist"):
        gradient(quiet(lambda x: np.exp(x**2)), Gaussian(1.0, 1.0))


@pytest.mark.slow
def test_a_gaussian_too_far_out_for_floats_is_no_number() -> None:
    """The mean is right to 1e-10, or there is an error."""
    try:
        value = expectation(lambda x: x, Gaussian(1e11, 1.0))
    except ValueError:
        return
    assert abs(value / 1e11 - 1) < 1e-10


BAD_CALLS: list[tuple[object, object, str]] = [
    (lambda x: x[:, 0], Gaussian([1.0, 2.0], [1.0, 1.0]), "[1. 2.]"),
    (lambda x: np.ones((len(x), 2)), Gaussian(1.0, 1.0), ", 2)"),
    (lambda x: 1.0, Bernoulli(0.0), "()"),
    (lambda x: x[:1], Bernoulli(0.0), "(1,)"),
    (lambda x: np.nan * x, Poisson(2.0), "nan"),
    (lambda x: np.where(x == 1, np.inf, 0), Bernoulli(0.0), "inf at x = 1"),
    (lambda x: 1j * x, Gaussian(1.0, 1.0), "complex128"),
    (lambda x: ["a"] * len(x), Bernoulli(0.0), "<U1"),
    (None, Bernoulli(0.0), "None"),
    (3.0, Gaussian(1.0, 1.0), "3.0"),
    (np.cos, None, "None"),
    (np.cos, 3.0, "3.0"),
]


@pytest.mark.parametrize(("f", "dist", "said"), BAD_CALLS)
def test_bad_arguments_are_refused_with_what_they_were(
    f: object, dist: object, said: str
) -> None:
    for exact in (expectation, gradient):
        with pytest.raises((TypeError, ValueError), match=re.escape(said)):
            exact(f, dist)


def random_problem(seed: int) -> tuple[MDP, SoftmaxPolicy]:
    """Three states, the last one terminal; two of them look alike."""
    rng = np.random.default_rng(seed)
    mdp = MDP(
        start=rng.dirichlet(np.ones(3)),
        transition=rng.dirichlet(np.ones(3), size=(3, 2)),
        reward=rng.normal(size=(3, 2)),
        terminal=np.array([False, False, True]),
    )
    seen = np.array([0, 1, 1])
    return mdp, SoftmaxPolicy(rng.normal(size=(2, 2)), observation=seen)


def torch_return(
    mdp: MDP, policy: SoftmaxPolicy, horizon: int, logits: torch.Tensor
) -> torch.Tensor:
    """J by pushing the state's distribution forward, a step at a time."""
    acting = torch.softmax(logits, dim=1)[policy.observation]
    transition, reward = torch.tensor(mdp.transition), torch.tensor(mdp.reward)
    alive = torch.tensor(~mdp.terminal)
    state, total = torch.tensor(mdp.start), torch.zeros(())
    for _ in range(horizon):
        taken = (state * alive)[:, None] * acting
        total = total + (taken * reward).sum()
        state = torch.einsum("sa,sat->t", taken, transition)
    return total


@given(seed=seeds, horizon=st.integers(1, 4))
def test_return_and_gradient_agree_with_torch(seed: int, horizon: int) -> None:
    mdp, policy = random_problem(seed)
    logits = torch.tensor(policy.logits, requires_grad=True)
    value = torch_return(mdp, policy, horizon, logits)
    value.backward()
    slope = policy_gradient_exact(mdp, policy, horizon)
    assert close(expected_return(mdp, policy, horizon), value.item())
    assert close(slope, logits.grad.numpy().ravel())


@given(seed=seeds, horizon=st.integers(1, 4))
def test_return_is_the_mean_over_all_trajectories(
    seed: int, horizon: int
) -> None:
    mdp, policy = random_problem(seed)
    paths = all_trajectories(mdp, horizon)
    p = np.exp(dynamics_log_prob(mdp, paths) + policy_log_prob(policy, paths))
    mean = p @ rewards(mdp, paths).sum(axis=1)
    assert close(expected_return(mdp, policy, horizon), mean)


def test_gradient_check_rejects_wrong_scores() -> None:
    mdp, policy = short_corridor(0.1), blind_policy(0.4)
    logits = torch.tensor(policy.logits, requires_grad=True)
    torch_return(mdp, policy, 5, logits).backward()
    truth = logits.grad.numpy().ravel()
    paths = all_trajectories(mdp, 5)
    p = np.exp(dynamics_log_prob(mdp, paths) + policy_log_prob(policy, paths))
    weight = p * rewards(mdp, paths).sum(axis=1)
    padded = paths._replace(mask=np.ones_like(paths.mask))
    assert close(weight @ trajectory_score(policy, paths), truth)
    assert not close(weight @ trajectory_score(policy, padded), truth)
    per_step = weight / paths.mask.sum(axis=1)
    assert not close(per_step @ trajectory_score(policy, paths), truth)


def corridor_value(p: float) -> float:
    return (2 * p - 4) / (p * (1 - p))


@pytest.mark.parametrize("p", [0.05, 0.3, 0.5, 0.7, 0.95])
def test_corridor_without_end_has_its_closed_form(p: float) -> None:
    """What is left after 20 000 steps is below 1e-100."""
    got = expected_return(short_corridor(), blind_policy(p), 20_000)
    assert abs(got - corridor_value(p)) < 1e-9


def test_corridor_has_its_best_policy_at_two_minus_root_two() -> None:
    best = 2 - np.sqrt(2)
    mdp = short_corridor()
    top, left, right = (
        expected_return(mdp, blind_policy(p), 5000)
        for p in (best, best - 1e-3, best + 1e-3)
    )
    assert abs(top - (-6 - 4 * np.sqrt(2))) < 1e-9
    assert top > max(left, right)
    assert abs(left - right) < 1e-5


def test_coins_have_the_gradient_of_a_coin_each() -> None:
    policy = SoftmaxPolicy([[0.0, np.log(3 / 7)]])
    assert close(expected_return(coins(), policy, 7), 7 * 0.3)
    slope = policy_gradient_exact(coins(), policy, 7)
    assert close(slope, [-7 * 0.21, 7 * 0.21])


@pytest.mark.parametrize("exact", [expected_return, policy_gradient_exact])
@pytest.mark.parametrize("shape", [(1, 2), (5, 2), (4, 3)])
def test_a_policy_of_another_problem_is_refused(
    exact: Callable, shape: tuple[int, int]
) -> None:
    policy = SoftmaxPolicy(np.zeros(shape))
    with pytest.raises(ValueError, match=re.escape(f"{shape}")):
        exact(short_corridor(), policy, 3)


@pytest.mark.parametrize("horizon", [0, -1, 2.5, True, "3"])
def test_bad_horizons_are_refused(horizon: object) -> None:
    policy = blind_policy(0.5)
    for call in (
        lambda: all_trajectories(short_corridor(), horizon),
        lambda: expected_return(short_corridor(), policy, horizon),
        lambda: policy_gradient_exact(short_corridor(), policy, horizon),
    ):
        with pytest.raises((TypeError, ValueError), match=f"{horizon!r}"):
            call()


@pytest.mark.slow
def test_a_million_trajectories_are_the_limit() -> None:
    assert len(all_trajectories(coins(), 16).states) == 2**16
    with pytest.raises(ValueError, match=r"1000000 .* horizon = 20"):
        all_trajectories(coins(), 20)


@given(seed=seeds)
def test_every_trajectory_is_possible_and_listed_once(seed: int) -> None:
    mdp, _ = random_problem(seed)
    mdp.transition[0, 1] = [0.0, 0.0, 1.0]
    paths = all_trajectories(mdp, 3)
    rows = np.hstack([paths.states, paths.actions])
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert np.isfinite(dynamics_log_prob(mdp, paths)).all()
    assert np.array_equal(paths.mask, ~mdp.terminal[paths.states[:, :-1]])


def test_integers_that_would_wrap_around_are_refused() -> None:
    with pytest.raises(ValueError, match="wrapped around"):
        expectation(lambda x: x**10, Poisson(100.0))
    exact = expectation(lambda x: x.astype(float) ** 10, Poisson(100.0))
    assert 1.5e20 < exact < 1.6e20
    with pytest.raises(ValueError, match="wrapped around"):
        expectation(lambda x: x * (2**53 + 2), Bernoulli(0.0))
    assert expectation(lambda x: x * 2**53, Bernoulli(0.0)) == 2**52


@pytest.mark.parametrize("dist", [Gaussian(1e12, 1.0), Poisson(2e6)], ids=repr)
def test_parameters_that_drown_in_rounding_are_refused(dist: Family) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(dist))):
        expectation(lambda x: np.ones(len(x)), dist)
