"""Chapters 1, 2 and 4. Trajectories of a small MDP, and their score.

    p(tau) = start(s_0) prod_t policy(a_t | s_t) transition(s_{t+1} | s_t, a_t)
    grad log p(tau) = sum_t grad log policy(a_t | s_t)

The dynamics are in the first line and not in the second: `trajectory_score`
has no argument to pass them in.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax

from logderiv import checks
from logderiv.checks import Floats


class Trajectories(NamedTuple):
    """n trajectories of at most T steps; a row that has ended is padding.

    states (n, T + 1) and actions (n, T) are integers; mask (n, T) is True
    where the step was really taken.
    """

    states: np.ndarray
    actions: np.ndarray
    mask: np.ndarray


@dataclass(eq=False)
class MDP:
    """A Markov decision process with S states and A actions.

    Args:
        start: (S,) probabilities of the first state.
        transition: (S, A, S) probabilities of the next state.
        reward: (S, A) reward for taking the action in the state.
        terminal: (S,) True where the episode is over.
    Raises:
        TypeError, ValueError: wrong shapes, or not probabilities.
    """

    start: Floats
    transition: Floats
    reward: Floats
    terminal: np.ndarray

    def __post_init__(self) -> None:
        self.start = checks.probabilities("start", self.start, (None,))
        size = len(self.start)
        self.transition = checks.probabilities(
            "transition", self.transition, (size, None, size)
        )
        self.reward = checks.array(
            "reward", self.reward, self.transition.shape[:2]
        )
        self.terminal = np.asarray(self.terminal)
        if self.terminal.dtype != bool or self.terminal.shape != (size,):
            raise ValueError(
                f"terminal must be ({size},) booleans, got {self.terminal!r}"
            )


@dataclass(eq=False)
class SoftmaxPolicy:
    """policy(a | s) = softmax(logits[observation[s]])[a].

    Args:
        logits: (O, A), a row of the table for each thing that can be seen.
        observation: (S,) which row is seen in each state; states that look
            alike share a row. Left out, every state has a row of its own.
    Raises:
        TypeError, ValueError: wrong shapes, or a row that does not exist.
    """

    logits: Floats
    observation: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.logits = checks.array("logits", self.logits, (None, None))
        rows = len(self.logits)
        if self.observation is None:
            self.observation = np.arange(rows)
        seen = self.observation = np.asarray(self.observation)
        if seen.ndim != 1 or seen.dtype.kind not in "iu" or not seen.size:
            raise TypeError(f"observation must be (S,) integers, got {seen!r}")
        if seen.min() < 0 or seen.max() >= rows:
            raise ValueError(
                f"observation must name rows 0 to {rows - 1}, got {seen}"
            )

    def log_probs(self) -> Floats:
        """log policy(a | s) for every state and action, shape (S, A)."""
        return log_softmax(self.logits, axis=1)[self.observation]


def check_fit(mdp: MDP, policy: SoftmaxPolicy) -> None:
    """Raise ValueError unless both have the same states and actions."""
    wanted, got = mdp.reward.shape, policy.log_probs().shape
    if wanted != got:
        raise ValueError(
            f"the MDP has (states, actions) {wanted}, the policy {got}"
        )


def sample_trajectories(
    mdp: MDP,
    policy: SoftmaxPolicy,
    n: int,
    horizon: int,
    rng: np.random.Generator,
) -> Trajectories:
    """tau ~ p(tau), n independent trajectories of at most ``horizon`` steps.

    Args:
        mdp: the world.
        policy: how to act in it, for the same states and actions.
        n: number of trajectories, >= 1.
        horizon: most steps, >= 1.
        rng: source of randomness.
    Returns:
        Trajectories, (n, horizon).
    Raises:
        TypeError, ValueError: bad arguments.
    """
    check_fit(mdp, policy)
    n, horizon = checks.whole("n", n, 1), checks.whole("horizon", horizon, 1)
    rng = checks.generator(rng)
    states = np.zeros((n, horizon + 1), dtype=np.int64)
    actions = np.zeros((n, horizon), dtype=np.int64)
    states[:, 0] = _draw(np.broadcast_to(mdp.start, (n, len(mdp.start))), rng)
    for t in range(horizon):
        state = states[:, t]
        actions[:, t] = _draw(np.exp(policy.log_probs())[state], rng)
        moved = _draw(mdp.transition[state, actions[:, t]], rng)
        states[:, t + 1] = np.where(mdp.terminal[state], state, moved)
    mask = ~mdp.terminal[states[:, :-1]]
    return Trajectories(states, actions * mask, mask)


def _draw(probabilities: Floats, rng: np.random.Generator) -> np.ndarray:
    """One draw a row: how many of the cumulative sums lie below a uniform."""
    below = probabilities.cumsum(axis=1)[:, :-1] <= rng.random(
        (len(probabilities), 1)
    )
    return below.sum(axis=1)


def _check_paths(paths: Trajectories, states: int, actions: int) -> None:
    """Shapes that fit each other, and numbers that name states and actions."""
    n, steps = np.shape(paths.actions)
    if np.shape(paths.states) != (n, steps + 1) or np.shape(paths.mask) != (
        n,
        steps,
    ):
        raise ValueError(
            "states must be (n, T + 1), actions and mask (n, T), got "
            f"{[np.shape(part) for part in paths]}"
        )
    for name, value, size in (
        ("states", paths.states, states),
        ("actions", paths.actions, actions),
    ):
        if value.min() < 0 or value.max() >= size:
            raise ValueError(
                f"{name} must lie in 0 to {size - 1}, "
                f"got {value.min()} to {value.max()}"
            )


def policy_log_prob(policy: SoftmaxPolicy, paths: Trajectories) -> Floats:
    """sum_t log policy(a_t | s_t), shape (n,): what theta can change.

    Raises:
        ValueError: trajectories that do not fit the policy.
    """
    _check_paths(paths, *policy.log_probs().shape)
    taken = policy.log_probs()[paths.states[:, :-1], paths.actions]
    return (taken * paths.mask).sum(axis=1)


def dynamics_log_prob(mdp: MDP, paths: Trajectories) -> Floats:
    """log start(s_0) + sum_t log transition(s_{t+1} | s_t, a_t).

    Returns:
        (n,), -inf where the MDP does not allow the trajectory.
    Raises:
        ValueError: trajectories that do not fit the MDP.
    """
    _check_paths(paths, *mdp.reward.shape)
    now, after = paths.states[:, :-1], paths.states[:, 1:]
    with np.errstate(divide="ignore"):
        first = np.log(mdp.start[paths.states[:, 0]])
        moves = np.log(mdp.transition[now, paths.actions, after])
    return first + np.where(paths.mask, moves, 0.0).sum(axis=1)


def trajectory_score(policy: SoftmaxPolicy, paths: Trajectories) -> Floats:
    """grad log p(tau) = sum_t grad log policy(a_t | s_t).

    Each step adds e_a - policy(. | s) to the row of the table it saw.

    Returns:
        (n, O * A), a column for each entry of ``policy.logits``.
    Raises:
        ValueError: trajectories that do not fit the policy.
    """
    _check_paths(paths, *policy.log_probs().shape)
    rows, actions = policy.logits.shape
    now = paths.states[:, :-1]
    step = np.eye(actions)[paths.actions] - np.exp(policy.log_probs())[now]
    seen = np.eye(rows)[policy.observation[now]] * paths.mask[..., None]
    return np.einsum("nto,nta->noa", seen, step).reshape(len(now), -1)


def rewards(mdp: MDP, paths: Trajectories) -> Floats:
    """r_t of every step, (n, T), 0 where the step is not real.

    Raises:
        ValueError: trajectories that do not fit the MDP.
    """
    _check_paths(paths, *mdp.reward.shape)
    return mdp.reward[paths.states[:, :-1], paths.actions] * paths.mask


def coins() -> MDP:
    """One state, two actions, reward = action: T coins in a row."""
    return MDP(
        start=np.array([1.0]),
        transition=np.ones((1, 2, 1)),
        reward=np.array([[0.0, 1.0]]),
        terminal=np.array([False]),
    )


LEFT, RIGHT, GOAL = 0, 1, 3


def short_corridor(slip: float = 0.0) -> MDP:
    """Three states in a row, then the goal; -1 a step (Sutton & Barto 13.1).

    In the middle state left and right are swapped.

    Args:
        slip: the probability that a move goes the other way.
    Raises:
        TypeError, ValueError: slip is no probability.
    """
    slip = checks.real("slip", slip)
    if not 0 <= slip <= 1:
        raise ValueError(f"slip must be a probability, got {slip}")
    moves = np.zeros((4, 2, 4))
    for state, (left, right) in enumerate([(0, 1), (2, 0), (1, GOAL)]):
        moves[state, LEFT, [left, right]] += 1 - slip, slip
        moves[state, RIGHT, [right, left]] += 1 - slip, slip
    moves[GOAL, :, GOAL] = 1
    cost = np.array([-1.0, -1.0, -1.0, 0.0])
    return MDP(
        start=np.array([1.0, 0.0, 0.0, 0.0]),
        transition=moves,
        reward=np.stack([cost, cost], axis=1),
        terminal=np.arange(4) == GOAL,
    )


def blind_policy(p_right: float) -> SoftmaxPolicy:
    """The corridor's policy: every state looks alike.

    Args:
        p_right: probability of RIGHT in all of them, in (0, 1).
    Raises:
        TypeError, ValueError: p_right lies outside.
    """
    p_right = checks.real("p_right", p_right)
    if not 0 < p_right < 1:
        raise ValueError(f"p_right must lie in (0, 1), got {p_right}")
    logits = np.array([[np.log1p(-p_right), np.log(p_right)]])
    return SoftmaxPolicy(logits, observation=np.zeros(4, dtype=np.int64))
