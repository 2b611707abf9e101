"""The one check of every Monte-Carlo number, and how hypothesis runs."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import ArrayLike

settings.register_profile(
    "exact", deadline=None, max_examples=25, derandomize=True, database=None
)
settings.load_profile("exact")

Agrees = Callable[[ArrayLike, ArrayLike, ArrayLike], bool]


@pytest.fixture(scope="session")
def agrees() -> Agrees:
    """agrees(estimate, truth, standard_error): every |z| is below 6.

    The standard error is known, not read off the estimate, unless a test
    says otherwise. A normal estimate that is right fails 2 times in 1e9.
    """

    def check(
        estimate: ArrayLike, truth: ArrayLike, standard_error: ArrayLike
    ) -> bool:
        miss = np.abs(np.asarray(estimate) - truth)
        return bool((miss < 6 * np.asarray(standard_error)).all())

    return check
