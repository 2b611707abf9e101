"""Memory that is freed stays with the process, to be used again."""

import numpy as np


def keep_freed() -> None:
    """Make glibc keep arrays of up to 32 MiB when they are freed.

    It hands them back to the system page by page, and fetching them anew
    costs more than a pass over them: unless it has once seen a larger one
    freed. This one is never written to. Other systems do not mind.
    """
    np.empty(32 * 2**20 - 2**16, dtype=np.uint8)
