"""Chapter 3, in torch. The line whose gradient is the estimator, and the
scores of a policy network, sample by sample.
"""

import torch
from torch import Tensor, nn

from logderiv.persample import score_blocks


def surrogate(log_prob: Tensor, weight: Tensor) -> Tensor:
    """mean over samples of log_prob * stop_gradient(weight).

    Its gradient is 1/n sum_i weight_i * grad log_prob_i, the score-function
    estimate. Its value means nothing. It is to be maximised: an optimiser
    that minimises steps on its negative. For many samples call it on blocks,
    each times its share of the samples, and ``backward`` adds them up.

    Requires: samples drawn at the current theta; n independent ones along
    the first axis; no theta in the payoff, whose own gradient is lost where
    the weight is detached. A step that is not real has weight 0 and a finite
    log_prob.

    Args:
        log_prob: (n,) or (n, T), sample or episode first.
        weight: the same shape; no gradient flows through it.
    Returns:
        A scalar, the sum of all entries / n, never / (n T).
    Raises:
        TypeError: not real floating-point tensors.
        ValueError: shapes that differ, are empty, or have no sample axis;
            an entry that is not finite, or a sum that is too large.
    """
    _check_shapes(log_prob, weight)
    return _finite(log_prob * weight.detach(), log_prob, weight)


def dice(log_prob: Tensor, weight: Tensor) -> Tensor:
    """mean over samples of sum_t box_t * (weight_t - weight_{t+1}),
    box_t = exp(L_t - stop_gradient(L_t)), L_t = sum of log_prob up to t.

    Every box is 1, and its derivative is the score of all steps so far. So
    the value is the mean of the first weight (the payoff, or the return),
    the gradient is that of `surrogate`, and derivatives of higher order are
    unbiased, too, where the surrogate's are not. Weights may be a payoff,
    rewards-to-go or the return at every step, less baselines that have not
    seen the action of their step.

    Requires: as `surrogate`. Discounted rewards-to-go stand for the rewards
    discount^t r_t only after a factor discount^t for step t.

    Args:
        log_prob: (n,) or (n, T), sample or episode first.
        weight: the same shape; no gradient flows through it.
    Returns:
        A scalar.
    Raises:
        TypeError, ValueError: as `surrogate`.
    Source: Foerster, Farquhar, Al-Shedivat, Rocktaschel, Xing and Whiteson
    (2018), here for weights instead of rewards.
    """
    _check_shapes(log_prob, weight)
    steps = log_prob.reshape(len(log_prob), -1).cumsum(dim=1)
    weights = weight.detach().reshape(steps.shape)
    rewards = weights - torch.nn.functional.pad(weights[:, 1:], (0, 1))
    box = torch.exp(steps - steps.detach())
    return _finite(box * rewards, log_prob, weight)


def _check_shapes(log_prob: Tensor, weight: Tensor) -> None:
    for name, value in (("log_prob", log_prob), ("weight", weight)):
        if not isinstance(value, Tensor) or not value.is_floating_point():
            kind = getattr(value, "dtype", None)
            raise TypeError(
                f"{name} must be a floating-point tensor, got "
                f"{type(value).__name__} of {kind}: {value!r:.80}"
            )
    if log_prob.shape != weight.shape:
        raise ValueError(
            "log_prob and weight must have one shape, got "
            f"{tuple(log_prob.shape)} and {tuple(weight.shape)}"
        )
    if log_prob.dim() not in (1, 2) or log_prob.numel() == 0:
        raise ValueError(
            "log_prob must be (n,) or (n, T) and not empty, got "
            f"{tuple(log_prob.shape)}"
        )


def _finite(terms: Tensor, log_prob: Tensor, weight: Tensor) -> Tensor:
    """The sum of terms / n; an entry that is not finite shows in the sum."""
    mean = terms.sum() / len(terms)
    if torch.isfinite(mean):
        return mean
    for name, value in (("log_prob", log_prob), ("weight", weight)):
        if not torch.isfinite(value).all():
            bad = value[~torch.isfinite(value)][0].item()
            raise ValueError(f"{name} must be finite, got {bad}")
    raise ValueError(
        f"the terms sum to {mean.item()}: log_prob up to "
        f"{log_prob.abs().max().item():.3g} and weight up to "
        f"{weight.abs().max().item():.3g} are too large for {weight.dtype}"
    )


def score_matrix(
    policy: nn.Module, observations: Tensor, actions: Tensor
) -> Tensor:
    """grad log policy(action_i | observation_i), a row for each i.

    Requires: logits of a row that depend on this row's observation alone. A
    few rows are tried without the others; what moves their logits by less
    than 1e-3 is not noticed.

    Args:
        policy: maps observations (n, ...) to logits (n, K).
        observations: (n, ...).
        actions: (n,), whole numbers from 0 to K - 1.
    Returns:
        (n, p), columns as ``policy.parameters()``, each flattened, frozen
        ones too; detached.
    Raises:
        TypeError: policy is no torch module; actions that are not whole
            numbers.
        ValueError: shapes that do not fit, actions that do not exist, logits
            that are not finite; rows that influence each other, or random
            ones (dropout, batch norm in training mode).
    """
    return torch.cat(list(score_blocks(policy, observations, actions)))


def score_second_moment(
    policy: nn.Module, observations: Tensor, actions: Tensor
) -> Tensor:
    """1/n sum_i score_i^2 for every parameter, without an (n, p) array.

    Args, Raises: as `score_matrix`.

    Returns:
        (p,), the diagonal of the empirical Fisher information.
    """
    blocks = score_blocks(policy, observations, actions)
    squares = ((block**2).sum(dim=0) for block in blocks)
    return sum(squares, torch.zeros(())) / len(actions)
