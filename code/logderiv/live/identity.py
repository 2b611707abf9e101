"""Chapter 1: slopes and scores."""

import altair as alt
import numpy as np
from numpy.typing import ArrayLike

from logderiv.live.parts import (
    DOT,
    HEIGHT,
    Live,
    bars,
    colors,
    knob,
    line,
    rows,
    text,
)
from logderiv.palette import BLUE, GREY, RED


def _heads(theta: str) -> str:
    """The probability of heads."""
    return f"1 / (1 + exp(-{theta}))"


HEADS = _heads("theta")
PROBABILITY = f"datum.side == 'heads' ? {HEADS} : 1 - {HEADS}"
SIDES = [{"side": "heads"}, {"side": "tails"}]
SIDE_COLORS = colors(["heads", "tails"], [BLUE, RED])


def coin(theta: float = -1.0) -> Live:
    """The coin's slopes, and each as probability × score.

    Shows: p = 1 / (1 + exp(−θ)) for heads, 1 − p for tails.
    """
    return Live(
        "Each slope is a probability times a score",
        [_slopes(), _products()],
        [knob("theta", "knob θ", -4, 4, 0.1, theta)],
    )


def _slopes() -> alt.LayerChart:
    """Both probabilities against the knob, and a tangent at each."""
    color = alt.Color("side:N", scale=SIDE_COLORS)
    x = alt.X("at:Q", title="knob θ")
    y = alt.Y("p:Q", title="probability", scale=alt.Scale(domain=[0, 1]))
    curves = _curves().mark_line()
    tangents = _tangents().mark_line(strokeWidth=3, strokeDash=[5, 3])
    here = rows(SIDES, at="theta", p=PROBABILITY).mark_point(**DOT, size=90)
    return (
        curves.encode(x=x, y=y, color=color)
        + tangents.encode(x="at:Q", y="p:Q", color=color)
        + here.encode(x="at:Q", y="p:Q", color=color)
    )


def _curves() -> alt.Chart:
    heads = _heads("datum.at")
    curves = line(-5, 5, 0.1, "at", heads=heads, tails=f"1 - {heads}")
    return curves.transform_fold(["heads", "tails"], as_=["side", "p"])


def _tangents() -> alt.Chart:
    return rows(
        [{**side, "step": step} for side in SIDES for step in (-1, 1)],
        slope=f"(datum.side == 'heads' ? 1 : -1) * {HEADS} * (1 - {HEADS})",
        at="theta + datum.step",
        p=f"({PROBABILITY}) + datum.step * datum.slope",
    )


def _products() -> alt.LayerChart:
    """Each side's score, and what it is times the probability."""
    products = rows(
        [
            {**side, "what": what}
            for side in SIDES
            for what in ("score", "p × score")
        ],
        p=PROBABILITY,
        score=f"datum.side == 'heads' ? 1 - {HEADS} : -{HEADS}",
        value="datum.what == 'score' ? datum.score : datum.p * datum.score",
    )
    return bars(products, "what", "side", SIDE_COLORS, [-1, 1], "per unit of θ")


DENSITY = "exp(-pow((datum.at - mean) / std, 2) / 2) / (std * sqrt(2 * PI))"
X = alt.X("at:Q", title="x", scale=alt.Scale(domain=[-5, 5]))
PULL_COLOR = alt.Color(
    "side:N", scale=colors(["pulls left", "pulls right"], [RED, BLUE])
)


def pulls(data: ArrayLike, mean: float = 0.0, std: float = 1.0) -> Live:
    """A Gaussian between data that pull at its mean.

    Shows: the density, and the score (x − μ) / σ² of each x in the data.
    """
    points = rows(
        [{"at": float(each)} for each in np.asarray(data)],
        density=DENSITY,
        score="(datum.at - mean) / (std * std)",
        side="datum.at > mean ? 'pulls right' : 'pulls left'",
    )
    return Live(
        "Each observation pulls the mean towards itself",
        [_density(points), _scores(points)],
        [
            knob("mean", "mean μ", -3, 3, 0.05, mean),
            knob("std", "width σ", 0.5, 2.5, 0.05, std),
        ],
    )


def _density(points: alt.Chart) -> alt.LayerChart:
    """The density, and the data below it."""
    curve = line(-5, 5, 0.1, "at", density=DENSITY)
    y = alt.Y("density:Q", scale=alt.Scale(domain=[0, 0.85]))
    area = curve.mark_area(color=GREY, opacity=0.25, line={"color": GREY})
    dots = points.mark_point(**DOT, size=80).encode(
        x="at:Q", y=alt.value(HEIGHT - 4), color=PULL_COLOR
    )
    return area.encode(x=X, y=y) + dots


def _scores(points: alt.Chart) -> alt.LayerChart:
    """An arrow at each x, as long as its score, and their average."""
    y = alt.Y(
        "score:Q",
        title="score in μ: (x − μ) / σ²",
        scale=alt.Scale(domain=[-6, 6], clamp=True),
    )
    arrows = points.encode(x=X, y=y, color=PULL_COLOR)
    tip = alt.condition("datum.score > 0", alt.value(0), alt.value(180))
    said = text(
        points.transform_aggregate(average="mean(score)"),
        "'average pull: ' + format(datum.average, '+.2f')",
    )
    return (
        arrows.mark_rule(strokeWidth=3).encode(y2=alt.Y2Datum(0))
        + arrows.mark_point(**DOT, shape="triangle", size=80).encode(angle=tip)
        + said
    )
