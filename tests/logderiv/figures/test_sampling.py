"""Chapter 3's figures: what a table says in verdicts."""

import re

import numpy as np

from logderiv.comparison import Comparison, Row
from logderiv.figures.sampling import prices
from logderiv.identity import Gaussian
from logderiv.sampling import score_function


def test_who_is_not_confirmed_is_not_called_wrong() -> None:
    rng = np.random.default_rng(0)
    estimate = score_function(np.square, Gaussian(1.0, 1.0), 100, rng)
    rows = (
        Row("right", estimate, errors=1.0),
        Row("off", estimate, errors=9.0, wrong=True),
        Row("off, of few samples", estimate, errors=9.0),
        Row("none", None),
    )
    figure = prices({"x": Comparison(estimate.gradient, rows)})
    words = re.findall("“(.*)”", figure.in_words())
    assert words == ["1.0", "wrong", "unsure", "refuses"]
