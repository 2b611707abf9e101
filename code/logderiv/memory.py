"""How much is held at a time, whatever n is, and used again."""

from collections.abc import Iterator

import numpy as np

# Numbers in a block: a few arrays of that size fit a processor's cache.
BLOCK = 32_768


def rows_of(width: int) -> int:
    """How many rows of ``width`` numbers make a block."""
    return max(1, BLOCK // width)


def blocks(n: int, rows: int, unit: int = 1) -> Iterator[int]:
    """Sizes that sum to n: whole units, about ``rows`` at a time."""
    size = max(1, rows // unit) * unit
    for first in range(0, n, size):
        yield min(size, n - first)


def keep_freed() -> None:
    """Make glibc keep arrays of up to 32 MiB when they are freed.

    It hands them back to the system page by page, and fetching them anew
    costs more than a pass over them: unless it has once seen a larger one
    freed. This one is never written to. Other systems do not mind.
    """
    np.empty(32 * 2**20 - 2**16, dtype=np.uint8)
