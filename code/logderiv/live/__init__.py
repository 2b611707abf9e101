"""Figures that answer a hand: sliders, and formulas that follow them.

A figure is data and formulas, no picture: Vega-Lite, which JupyterLab draws by
itself and the site draws when it is built. Its formulas are written in Vega's
expressions. Each says the same as a function of the course, and is tested
against it.

Files, from the figures down:

    identity                  chapter 1: slopes and scores
    expectation               chapter 2: gradients of averages
    sampling                  chapter 3: estimators and their variances
    reinforce                 chapter 4: weights and learning curves
    parts                     what figures are put together from
"""

from logderiv.live.expectation import edge, shares
from logderiv.live.identity import coin, pulls
from logderiv.live.parts import MIME, Live
from logderiv.live.reinforce import credit, seeds
from logderiv.live.sampling import cone, contest, dial

__all__ = [
    "MIME",
    "Live",
    "coin",
    "cone",
    "contest",
    "credit",
    "dial",
    "edge",
    "pulls",
    "seeds",
    "shares",
]
