"""Draws from a finite distribution in constant time each."""

import numpy as np
from numpy.typing import NDArray


class AliasTable:
    """K columns of height 1 / K, each shared by at most two outcomes.

    A draw picks a column, then the outcome below or above its threshold.
    Outcomes that are short of 1 / K are filled up, in order, by those that
    have more: sums of what is missing and of what is left over say by whom.

    Args:
        probabilities: (K,), sum 1.
    Attributes:
        threshold: (K,), the part of each column that is its own outcome's.
        other: (K,), whose the rest is.
    Source: Walker (1977); Vose (1991).
    """

    def __init__(self, probabilities: NDArray[np.float64]) -> None:
        size = len(probabilities)
        share = probabilities * (size / probabilities.sum())
        full = min(1.0, share.max())
        short, rich = (
            np.flatnonzero(share < full),
            np.flatnonzero(share >= full),
        )
        missing = np.concatenate([[0], np.cumsum(1 - share[short])])
        spare = np.cumsum(share[rich] - 1)
        last = len(rich) - 1
        other = np.arange(size)
        giver = np.searchsorted(spare, missing[:-1], side="right")
        other[short] = rich[np.minimum(giver, last)]
        drained = np.searchsorted(missing, spare[:-1], side="right")
        asked = missing[np.minimum(drained, len(short))]
        share[rich[:-1]] = np.minimum(1 + spare[:-1] - asked, 1)
        share[rich[-1]] = 1
        other[rich[:-1]] = rich[1:]
        self.threshold, self.other = share, other
        self._edge = np.arange(size) + share
        self._outcome = np.stack([other, np.arange(size)], axis=1).ravel()

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n independent outcomes, integers, shape (n,)."""
        place = rng.random(n)
        place *= len(self._edge)
        column = place.astype(np.int64)
        below = place < self._edge.take(column)
        column += column
        column += below
        return self._outcome.take(column)
