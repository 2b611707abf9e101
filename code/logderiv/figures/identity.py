"""Chapter 1: slopes and scores."""

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike

from logderiv.figures.listing import source
from logderiv.figures.palette import BLACK, BLUE, CYCLE, GREY, RED
from logderiv.figures.parts import (
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
from logderiv.figures.plot import Plot, note, panels, signed

__all__ = ["coin", "pulls", "source", "tangent", "tugs", "underflow"]


def tangent(
    theta: ArrayLike, probability: ArrayLike, at: float, p: float, slope: float
) -> Plot:
    """p(1) against theta, and the tangent whose slope is the derivative."""
    figure, [axes] = panels(
        "Turn the knob: what one outcome gains the other loses"
    )
    axes.plot(theta, probability, color=BLUE, label="$p_θ(1)$")
    axes.plot(theta, 1 - np.asarray(probability), color=RED, label="$p_θ(0)$")
    near = np.array([at - 1.6, at + 1.6])
    for value, rise in ((p, slope), (1 - p, -slope)):
        axes.plot(near, value + rise * (near - at), color=GREY, ls="--")
        axes.plot([at], [value], "o", color=GREY)
        end = near[1], value + rise * 1.6
        note(axes, f"slope {signed(rise)}", end, (6, -4))
    axes.set(xlabel="knob θ (log-odds)", ylabel="probability", ylim=(0, 1))
    axes.legend(loc="center left")
    return figure


def tugs(
    grid: ArrayLike,
    density: ArrayLike,
    mean: float,
    x: Sequence[float],
    score: ArrayLike,
) -> Plot:
    """A density, and from its mean an arrow for each sample, of its score."""
    figure, [axes] = panels(
        "The score: which way, and how hard, a sample pulls the mean"
    )
    axes.fill_between(grid, density, color=BLUE, alpha=0.15)
    axes.plot(grid, density, color=BLUE)
    axes.axvline(mean, color=GREY, lw=1, ls=":")
    top = 0.72 * np.max(density)
    heights = np.linspace(0.15, 1, len(x)) * top
    for sample, pull, height in zip(x, np.asarray(score), heights, strict=True):
        axes.plot([sample], [height], "o", color=RED, ms=4)
        _arrow(axes, mean, mean + pull, height)
        _length(axes, pull, sample, height)
    axes.set(xlabel="sample x", ylabel="density p(x)", ylim=(0, None))
    return figure


def _arrow(axes: Axes, start: float, end: float, height: float) -> None:
    look = {"arrowstyle": "-|>", "color": RED, "lw": 2, "shrinkA": 0}
    axes.annotate("", (end, height), (start, height), arrowprops=look)


def _length(axes: Axes, pull: float, sample: float, height: float) -> None:
    """In figures, on the far side of the sample."""
    side = 1 if pull > 0 else -1
    note(
        axes,
        signed(pull),
        (sample, height),
        (8 * side, 0),
        ha="left" if side > 0 else "right",
        va="center",
        path_effects=[withStroke(linewidth=3, foreground="white")],
    )


def underflow(products: Mapping[str, ArrayLike]) -> Plot:
    """log2 of a running product of halves in each floating-point format."""
    figure, [axes] = panels(
        "A product runs out of range; its logarithm does not"
    )
    longest = 1.25 * max(map(np.size, products.values()))
    steps = np.arange(1, longest)
    axes.plot(steps, -steps, color=BLACK, ls=":", label="the sum of logs")
    for color, width, (name, product) in zip(
        CYCLE, (2, 3.5, 5), products.items(), strict=False
    ):
        _until_zero(axes, np.asarray(product, float), name, color, width)
    axes.set(
        xlabel="number of factors n",
        ylabel="log₂ of the product of n halves",
        xlim=(0, 1.1 * longest),
    )
    axes.legend(loc="lower left")
    return figure


def _until_zero(
    axes: Axes, product: np.ndarray, name: str, color: str, width: float
) -> None:
    """A line as far as the product goes, and a cross where it ends."""
    alive = np.flatnonzero(product > 0)
    logs = np.log2(product[alive])
    axes.plot(alive + 1, logs, color=color, lw=width, zorder=3 - width / 7)
    end = alive[-1] + 1
    axes.plot([end], [-end], "x", color=color, ms=10, mew=2.5, label=name)
    note(axes, f"0 from n = {end + 1}", (end, -end), (12, 2))


# With sliders


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
        [{"at": float(x)} for x in np.asarray(data)],
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
