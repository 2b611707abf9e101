"""The log-derivative trick. Who imports whom, arrows point down only:

    figures     -> comparison
    reinforce   -> surrogate, plain, memory
    comparison  -> sampling, expectation, estimate, family
    sampling    -> plain, estimate, family, memory
    surrogate   -> persample
    plain       -> family
    estimate    -> memory
    expectation -> family, trajectories
    identity    -> family, memory
    family      -> memory

and all of them the checks at their doors.
"""

__version__ = "0.2.0"
