"""Chapter 2. Exact answers: a finite sum, a quadrature, every trajectory.

    grad E[f(x)] = E[f(x) * score(x)]

Nothing here is sampled. These are the numbers that the estimators of
chapter 3 and the policy gradient of chapter 4 are held against.
"""

from collections.abc import Callable

import numpy as np
from numpy.polynomial.legendre import leggauss
from scipy.integrate import quad_vec

from logderiv import checks
from logderiv.checks import Floats, Payoff, Samples
from logderiv.family import Family, checked_family
from logderiv.trajectories import (
    MDP,
    SoftmaxPolicy,
    Trajectories,
    check_fit,
    dynamics_log_prob,
    policy_log_prob,
    rewards,
    trajectory_score,
)

TOLERANCE = 1e-11
MOST_TRAJECTORIES = 1_000_000
# A jump that falls next to the end of a panel lies between the points that
# are looked at. It does so in one of these ways to cut the line, not in two.
PANELS = (300, 307, 311, 313)


def expectation(f: Payoff, dist: Family) -> float:
    """E[f(x)] = sum_x p(x) f(x), or the integral of p(x) f(x).

    Requires: a family of one dimension; E|f| < infinity; where x is
    continuous, f finite out to the last knot (of a Gaussian 37 std, of an
    Exponential 700 / rate), and no spike or gap in f narrower than a hundredth
    of std (of 1 / rate): it may fall between the points that are looked at,
    and nothing would tell. Jumps are welcome.

    Args:
        f: maps samples (n, ...) to payoffs (n,).
        dist: a family of ``logderiv.identity``.
    Returns:
        The expectation, to 1e-10 of E|f|.
    Raises:
        TypeError: f is no function, dist no family.
        ValueError: f returns a wrong shape or NaN; the family has more
            dimensions; the quadrature cannot keep its promise.
    """
    return float(average(lambda x: checks.payoff(f, x)[:, None], dist)[0])


def gradient(f: Payoff, dist: Family) -> Floats:
    """grad E[f(x)] = E[f(x) * score(x)].

    Requires: as `expectation`; f as a function does not depend on theta.

    Args:
        f: maps samples (n, ...) to payoffs (n,).
        dist: a family of ``logderiv.identity``.
    Returns:
        (p,), in the order of ``dist.parameters``, to 1e-10 of the largest
        E|f * score_j|.
    Raises:
        ValueError: as `expectation`.
    """
    return average(lambda x: checks.payoff(f, x)[:, None] * dist.score(x), dist)


def average(g: Callable[[Samples], Floats], dist: Family) -> Floats:
    """E[g(x)] for g: (n, ...) -> (n, m), shape (m,); else as `expectation`."""
    x = checked_family(dist).outcomes()
    if x is None:
        return _integral(g, dist)
    p = np.exp(dist.log_prob(x))
    _check_mass(float(p.sum()), dist)
    return p @ g(x)


def _check_mass(mass: float, dist: Family) -> None:
    """Refuse parameters whose probabilities drown in rounding."""
    if not abs(mass - 1) <= 10 * TOLERANCE:
        raise ValueError(
            f"the probabilities of {dist!r} sum to {mass} in floats, "
            "too far from 1 for an exact answer"
        )


def _integral(g: Callable[[Samples], Floats], dist: Family) -> Floats:
    """The integral of p(x) g(x), on which two ways to cut the line agree."""

    def integrand(x: Floats) -> Floats:
        x = x.reshape(-1, *dist.event)
        return np.exp(dist.log_prob(x))[:, None] * g(x)

    scale = _scale(integrand, dist)
    left_out = _left_out(integrand, dist)
    totals: list[Floats] = []
    for panels in PANELS:
        total, error = _quadrature(integrand, dist.knots(panels), scale)
        _check_error(error + left_out, scale)
        off = min((np.abs(total - t).max() for t in totals), default=np.inf)
        if off <= 10 * TOLERANCE * scale:
            break
        totals.append(total)
    _check_error(off, scale)
    return total


def _left_out(integrand: Callable[[Floats], Floats], dist: Family) -> float:
    """What lies beyond the outermost knots, roughly, where p goes on."""
    knots = dist.knots(PANELS[0])
    ends = np.nextafter(knots[[0, -1]], [-np.inf, np.inf])
    p = np.exp(dist.log_prob(ends.reshape(-1, *dist.event)))
    beyond = integrand(ends[p > 0]) if (p > 0).any() else np.zeros(1)
    return float(np.abs(beyond).max() * np.ptp(knots))


def _quadrature(
    integrand: Callable[[Floats], Floats], knots: Floats, scale: float
) -> tuple[Floats, float]:
    """The integral and its error: one adaptive quadrature, over [0, 1], of the
    sum of all panels at the same relative place.
    """
    start, width = knots[:-1], np.diff(knots)
    return quad_vec(
        lambda place: width @ integrand(start + place * width),
        0.0,
        1.0,
        epsabs=TOLERANCE * scale,
        epsrel=0,
        norm="max",
        limit=3000,
    )


def _check_error(error: float, scale: float) -> None:
    """Refuse an integral that is not known well enough."""
    if not error <= 10 * TOLERANCE * scale:
        raise ValueError(
            f"the integral is known only to {error:.1e} where "
            f"{10 * TOLERANCE * scale:.1e} was wanted: does E|f| exist?"
        )


def _scale(integrand: Callable[[Floats], Floats], dist: Family) -> float:
    """The largest component's E|g|, roughly, by Gauss's rule in each panel."""
    nodes, weights = leggauss(10)
    knots = dist.knots(PANELS[0])
    width = np.diff(knots)[:, None]
    x = (knots[:-1, None] + width * (nodes + 1) / 2).ravel()
    weight = (width * weights / 2).ravel()
    p = np.exp(dist.log_prob(x.reshape(-1, *dist.event)))
    _check_mass(float(weight @ p), dist)
    return max((weight @ np.abs(integrand(x))).max(), np.finfo(float).tiny)


def all_trajectories(mdp: MDP, horizon: int) -> Trajectories:
    """Every trajectory of at most ``horizon`` steps the dynamics allow.

    Args:
        mdp: the world.
        horizon: most steps, >= 1.
    Returns:
        Trajectories, a row each, in no order that matters.
    Raises:
        ValueError: there are more than a million.
    """
    horizon = checks.whole("horizon", horizon, 1)
    states = np.flatnonzero(mdp.start > 0)[:, None]
    actions = np.zeros((len(states), 0), dtype=np.int64)
    for _ in range(horizon):
        ended = mdp.terminal[states[:, -1]]
        possible = mdp.transition[states[:, -1]] > 0
        stay = np.zeros(possible.shape, dtype=bool)
        stay[np.arange(len(states)), 0, states[:, -1]] = True
        possible = np.where(ended[:, None, None], stay, possible)
        if possible.sum() > MOST_TRAJECTORIES:
            raise ValueError(
                f"more than {MOST_TRAJECTORIES} trajectories within "
                f"horizon = {horizon}"
            )
        row, action, after = np.nonzero(possible)
        states = np.column_stack([states[row], after])
        actions = np.column_stack([actions[row], action])
    return Trajectories(states, actions, ~mdp.terminal[states[:, :-1]])


def expected_return(mdp: MDP, policy: SoftmaxPolicy, horizon: int) -> float:
    """J = E[sum_t r_t] over ``horizon`` steps, by backward induction.

        v_t(s) = sum_a policy(a | s) (r(s, a) + sum_s' P(s' | s, a) v_{t+1}(s'))

    Args:
        mdp: the world.
        policy: how to act in it, for the same states and actions.
        horizon: number of steps, >= 1.
    Returns:
        J, exact up to rounding. No trajectory and no score is involved.
    Raises:
        TypeError, ValueError: bad arguments.
    """
    check_fit(mdp, policy)
    horizon = checks.whole("horizon", horizon, 1)
    acting = np.exp(policy.log_probs())
    value = np.zeros(len(mdp.start))
    for _ in range(horizon):
        action_value = mdp.reward + mdp.transition @ value
        value = (acting * action_value).sum(axis=1) * ~mdp.terminal
    return float(mdp.start @ value)


def policy_gradient_exact(
    mdp: MDP, policy: SoftmaxPolicy, horizon: int
) -> Floats:
    """grad J = sum_tau p(tau) R(tau) score(tau), over every trajectory.

    Args:
        mdp, policy, horizon: as `expected_return`.
    Returns:
        (O * A,), a column for each entry of ``policy.logits``.
    Raises:
        TypeError, ValueError: bad arguments, or too many trajectories.
    """
    check_fit(mdp, policy)
    paths = all_trajectories(mdp, horizon)
    p = np.exp(dynamics_log_prob(mdp, paths) + policy_log_prob(policy, paths))
    total = rewards(mdp, paths).sum(axis=1)
    return (p * total) @ trajectory_score(policy, paths)
