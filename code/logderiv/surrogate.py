"""Chapter 3, in torch. The line whose gradient is the estimator."""

import torch
from torch import Tensor


def surrogate(log_prob: Tensor, weight: Tensor) -> Tensor:
    """mean over samples of log_prob * stop_gradient(weight).

    Its gradient is 1/n sum_i weight_i * grad log_prob_i, the score-function
    estimate. Its value means nothing. It is to be maximised: an optimiser
    that minimises steps on its negative.

    Requires: samples drawn at the current theta; n independent ones along
    the first axis. A step that is not real has weight 0 and a finite
    log_prob.

    Args:
        log_prob: (n,) or (n, T), sample or episode first.
        weight: the same shape; no gradient flows through it.
    Returns:
        A scalar: the sum of all entries / n, never / (n T).
    Raises:
        TypeError: not real floating-point tensors.
        ValueError: shapes that differ, are empty, or have no sample axis;
            an entry that is not finite.
    """
    _check(log_prob, weight)
    return (log_prob * weight.detach()).sum() / len(log_prob)


def _check(log_prob: Tensor, weight: Tensor) -> None:
    for name, value in (("log_prob", log_prob), ("weight", weight)):
        if not isinstance(value, Tensor) or not value.is_floating_point():
            raise TypeError(
                f"{name} must be a floating-point tensor, got "
                f"{type(value).__name__} of {getattr(value, 'dtype', value)}"
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
    for name, value in (("log_prob", log_prob), ("weight", weight)):
        if not torch.isfinite(value).all():
            bad = value[~torch.isfinite(value)][0].item()
            raise ValueError(f"{name} must be finite, got {bad}")
