"""The log-derivative trick: one module per chapter, arrows point down only.

reinforce -> surrogate -> sampling -> expectation -> identity, trajectories
"""

__version__ = "0.2.0"
