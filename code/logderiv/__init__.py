"""The log-derivative trick: one module per chapter, arrows point down only.

reinforce -> surrogate -> sampling -> expectation -> identity, trajectories
"""

__version__ = "0.1.0"

import numpy as np

# glibc hands freed arrays back to the system page by page, and fetching them
# anew costs more than a pass over them: unless it has once seen a larger one
# freed, of up to 32 MiB. This one is never written to.
np.empty(32 * 2**20 - 2**16, dtype=np.uint8)
