"""Rewards of whole episodes -> the weight of each log-probability.

Arrays are (episode, time), with a mask that is True on real steps.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from logderiv import checks
from logderiv.checks import Floats, Mask
from logderiv.plain import mean_of_others


def rewards_to_go(
    rewards: ArrayLike, mask: ArrayLike, discount: float = 1.0
) -> Floats:
    """G_t = sum_{u >= t} discount^(u - t) r_u, the return from t on.

    As weights they give the gradient of E[sum_t discount^t r_t] only after a
    factor discount^t for step t. Without it, and discount < 1, they are in
    general the gradient of nothing.

    Args:
        rewards: (episode, time).
        mask: (episode, time), True on real steps; each row real steps
            first, at least one.
        discount: in [0, 1].
    Returns:
        (episode, time), 0 where the step is not real.
    Raises:
        TypeError, ValueError: wrong shapes, NaN on a real step, an empty
            episode, a gap in the mask, a discount outside [0, 1].
    """
    rewards, mask = _episodes(rewards, mask)
    discount = checks.real("discount", discount)
    if not 0 <= discount <= 1:
        raise ValueError(f"discount must lie in [0, 1], got {discount}")
    result = np.zeros_like(rewards)
    running = np.zeros(len(rewards))
    for t in reversed(range(rewards.shape[1])):
        running = rewards[:, t] + discount * running
        result[:, t] = running
    return result * mask


def full_return(rewards: ArrayLike, mask: ArrayLike) -> Floats:
    """G_0 = sum_t r_t at every real step. Unbiased, usually noisier.

    Args, Returns, Raises: as `rewards_to_go`.
    """
    rewards, mask = _episodes(rewards, mask)
    return rewards.sum(axis=1, keepdims=True) * mask


def advantages(rewards: ArrayLike, mask: ArrayLike) -> Floats:
    """G_t - b_t, the reward-to-go less the mean of the others.

    The others are the episodes that still run at t; where there is none, b_t
    is 0. No episode sees itself, so b_t adds no bias.

    Args, Returns, Raises: as `rewards_to_go`.
    Source: Mnih and Rezende (2016); Kool, van Hoof and Welling (2019).
    """
    returns = rewards_to_go(rewards, mask)
    return returns - mean_of_others(returns, np.asarray(mask))


def checked_weights(weights: Callable) -> Callable[[Floats, Mask], Floats]:
    """weights(rewards, mask), which gets copies and must give finite floats
    (episode, time).
    """
    checks.function("weights", weights)

    def checked(rewards: Floats, mask: Mask) -> Floats:
        weight = weights(rewards.copy(), mask.copy())
        return checks.array("weights(rewards, mask)", weight, mask.shape)

    return checked


def _episodes(rewards: ArrayLike, mask: ArrayLike) -> tuple[Floats, Mask]:
    """Rewards (episode, time), 0 outside the mask, and the mask."""
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.ndim != 2:
        raise ValueError(
            "mask must be (episode, time) booleans, got "
            f"{mask.dtype} of shape {mask.shape}"
        )
    rewards = checks.numbers("rewards", rewards)
    if rewards.shape != mask.shape:
        raise ValueError(
            f"rewards {rewards.shape} and mask {mask.shape} differ in shape"
        )
    if mask.size == 0 or not mask[:, 0].all():
        raise ValueError(f"an episode has no real step, mask is {mask.shape}")
    if (mask[:, 1:] > mask[:, :-1]).any():
        raise ValueError("mask has a gap: real steps must come first")
    return checks.bounded("rewards", np.where(mask, rewards, 0.0)), mask
