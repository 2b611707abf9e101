"""The colours of every figure: of Okabe and Ito's, safe for colour blindness.

Those that stand out on white, and on black once their lightness is inverted.
"""

from collections.abc import Iterable
from itertools import cycle

BLUE, GREEN, RED = "#0072B2", "#009E73", "#D55E00"
PURPLE, GREY, BLACK = "#CC79A7", "#5F6368", "#000000"
CYCLE = (BLUE, RED, GREEN, BLACK, PURPLE, GREY)
ESTIMATORS = {
    "no baseline": BLUE,
    "score": BLUE,
    "score function": BLUE,
    "leave-one-out": RED,
    "mean payoff": RED,
    "mean payoff subtracted": RED,
    "score, mean baseline": RED,
    "score, mean subtracted": RED,
    "best constant": GREEN,
    "score, best baseline": GREEN,
    "pathwise": BLACK,
    "coupled": PURPLE,
    "measure-valued, coupled": PURPLE,
    "independent": GREY,
}


def of_estimators(names: Iterable[str]) -> dict[str, str]:
    """Whatever figures call an estimator, it has one colour in all of them."""
    return {
        name: ESTIMATORS.get(name, other)
        for name, other in zip(names, cycle(CYCLE), strict=False)
    }
