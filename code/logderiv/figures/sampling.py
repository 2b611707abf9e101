"""Chapter 3: estimators and their variances."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from logderiv.comparison import Comparison, Row, two_digits
from logderiv.figures.listing import source
from logderiv.figures.palette import (
    BLACK,
    BLUE,
    CYCLE,
    GREEN,
    GREY,
    RED,
    of_estimators,
)
from logderiv.figures.parts import (
    DOT,
    UPRIGHT,
    Live,
    choice,
    colors,
    knob,
    line,
    rows,
    tens,
)
from logderiv.figures.plot import Plot, note, panels

__all__ = [
    "Panel",
    "ascent",
    "baseline_dial",
    "blind",
    "bowl",
    "cone",
    "contest",
    "error_against_n",
    "prices",
    "simplex",
    "source",
    "variances",
]


def error_against_n(
    n: ArrayLike, measured: ArrayLike, predicted: ArrayLike
) -> Plot:
    """Root-mean-square error of the estimate, measured and predicted."""
    figure, [axes] = panels("A hundred times the samples, a tenth of the error")
    axes.loglog(n, predicted, color=GREY, ls="--", label="√(variance / n)")
    axes.loglog(n, measured, "o", color=BLUE, label="measured")
    axes.set(xlabel="number of samples n", ylabel="error of ∂J/∂μ (rms)")
    axes.legend()
    return figure


def baseline_dial(
    b: ArrayLike,
    variance: ArrayLike,
    measured: tuple[ArrayLike, ArrayLike],
    marks: Mapping[str, tuple[float, float]],
) -> Plot:
    """Variance of one term against the constant that is subtracted."""
    figure, [axes] = panels(
        "Subtract a constant: same gradient, less than half the noise"
    )
    axes.plot(b, variance, color=GREY, ls="--", label="closed form")
    axes.plot(*measured, "o", color=BLACK, ms=4, label="measured")
    lowest = min(height for _, height in marks.values())
    for color, (name, place) in zip(CYCLE, marks.items(), strict=False):
        axes.plot(*place, "s", color=color, ms=8)
        words = f"{name}: {place[1]:.0f}"
        if place[1] == lowest:
            note(axes, words, place, (0, -18), ha="center")
        else:
            note(axes, words, place, (10, 2), ha="left")
    axes.set(xlabel="baseline b", ylabel="variance of one term")
    axes.set_ylim(0, None)
    axes.legend(loc="upper center")
    return figure


@dataclass(frozen=True)
class Panel:
    """Variances against one quantity: exact curves, and points measured.

    Attributes:
        label: of the horizontal axis.
        x: where the curves are known.
        curves: name of an estimator -> its variance at x.
        points: name of an estimator -> (x, variance) as measured.
        log: whether the horizontal axis is logarithmic.
    """

    label: str
    x: ArrayLike
    curves: Mapping[str, ArrayLike]
    points: Mapping[str, tuple[ArrayLike, ArrayLike]] = field(
        default_factory=dict
    )
    log: bool = False

    def draw(self, axes: Axes, palette: Mapping[str, str]) -> None:
        """A colour a name."""
        for name, curve in self.curves.items():
            axes.plot(self.x, curve, color=palette[name], label=name)
        for name, points in self.points.items():
            axes.plot(*points, "o", color=palette[name], ms=4)
        axes.set_yscale("log")
        axes.set_xscale("log" if self.log else "linear")
        axes.set_xlabel(self.label)


def variances(quantities: Sequence[Panel], message: str) -> Plot:
    """What is known as lines, what is measured as dots, a colour a name."""
    figure, row = panels(message, columns=len(quantities), height=3.6)
    curves = (name for quantity in quantities for name in quantity.curves)
    palette = of_estimators(dict.fromkeys(curves))
    for axes, quantity in zip(row, quantities, strict=True):
        quantity.draw(axes, palette)
    row[0].set_ylabel("variance of one term")
    lines = {curve.get_label(): curve for axes in row for curve in axes.lines}
    figure.legend(
        [lines[name] for name in palette],
        list(palette),
        loc="outside lower center",
        ncols=len(palette),
        title="line: exact, dots: measured",
    )
    return figure


def blind(
    x: ArrayLike,
    truth: ArrayLike,
    at: ArrayLike,
    estimates: Mapping[str, tuple[ArrayLike, ArrayLike]],
) -> Plot:
    """A gradient, and estimates of it with bars of two standard errors."""
    figure, [axes] = panels(
        "At a jump the pathwise estimate is sure, and wrong"
    )
    axes.plot(x, truth, color=GREY, label="truth")
    for name, color in of_estimators(estimates).items():
        value, error = estimates[name]
        bars = 2 * np.asarray(error)
        axes.errorbar(at, value, bars, fmt="o", color=color, label=name)
    axes.set(xlabel="mean μ", ylabel="∂J/∂μ of the step")
    axes.legend()
    return figure


VERDICTS = {
    "no": ("wrong", RED),
    "not confirmed": ("unsure", GREY),
    "refused": ("refuses", GREY),
}


def prices(comparisons: Mapping[str, Comparison]) -> Plot:
    """A column a problem, a row an estimator: its price over the least."""
    figure, [axes] = panels(
        "No estimator wins everywhere: price over the least", height=3.8
    )
    figure.dense = True
    names = _estimators(comparisons.values())
    for column, comparison in enumerate(comparisons.values()):
        for row in comparison.rows:
            _price(axes, column, names.index(row.name), row, comparison)
    axes.set(xlim=(-0.5, len(comparisons) - 0.5), ylim=(len(names) - 0.5, -0.5))
    axes.set_xticks(range(len(comparisons)), list(comparisons))
    axes.set_yticks(range(len(names)), [name.strip() for name in names])
    axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    return figure


def _estimators(comparisons: Iterable[Comparison]) -> list[str]:
    """Each once, in the order in which they come."""
    names = (row.name for comparison in comparisons for row in comparison.rows)
    return list(dict.fromkeys(names))


def _price(
    axes: Axes, column: int, place: int, row: Row, comparison: Comparison
) -> None:
    """One cell: the more colour, the dearer."""
    depth = 0.0
    if not row.right:
        words, color = VERDICTS[row.verdict]
    else:
        ratio = comparison.ratio(row)
        words = two_digits(ratio)
        depth = min(np.log10(ratio) / 5, 1.0)
        color = "white" if depth > 0.6 else "black"
    shade = matplotlib.colormaps["Blues"](0.85 * depth)
    axes.add_patch(
        Rectangle((column - 0.48, place - 0.46), 0.96, 0.92, color=shade)
    )
    weight = "bold" if words == "1.0" else "normal"
    look: dict[str, Any] = {"ha": "center", "va": "center"}
    axes.text(column, place, words, color=color, fontweight=weight, **look)


def simplex(p: Sequence[float], names: Sequence[str]) -> Plot:
    """Three probabilities as a point in a triangle, scores as arrows."""
    figure, [axes] = panels(
        "The score of an arm points from p to that arm's corner", height=3.8
    )
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])
    here = np.asarray(p) @ corners
    axes.fill(*corners.T, color=BLUE, alpha=0.1)
    axes.fill(*corners.T, fill=False, edgecolor=GREY, lw=1.5)
    for corner, name, color in zip(corners, names, CYCLE[:3], strict=True):
        look = {"arrowstyle": "-|>", "color": color, "lw": 2}
        axes.annotate("", corner, here, arrowprops=look)
        above = 8 if corner[1] else -16
        note(axes, name, corner, (0, above), ha="center")
    axes.plot(*here, "o", color=GREY, ms=9)
    note(axes, "p", here, (-14, 4), fontsize=12)
    axes.set(xlim=(-0.3, 1.3), ylim=(-0.14, 1.0), aspect="equal")
    axes.set_axis_off()
    return figure


def ascent(exact: ArrayLike, runs: Mapping[str, ArrayLike], top: float) -> Plot:
    """Expected payoff against the step; a thin line a seed."""
    figure, [axes] = panels(
        "The same bandit, the same samples a step: baselines steady the climb"
    )
    for name, color in of_estimators(runs).items():
        for seed, curve in enumerate(np.asarray(runs[name])):
            label = name if seed == 0 else None
            axes.plot(curve, color=color, lw=1, alpha=0.8, label=label)
    axes.plot(exact, color="black", ls="--", label="exact gradient")
    axes.axhline(top, color=GREY, lw=1, ls=":")
    axes.set(xlabel="step", ylabel="expected payoff J")
    axes.legend(loc="lower right")
    return figure


# With sliders


CHOSEN = "datum.estimator == estimator"
SAMPLES = alt.X(
    "n:Q",
    title="samples n",
    scale=alt.Scale(type="log", nice=False),
    axis=tens(0, 6),
)


def cone(
    truth: float,
    variances: Mapping[str, float],
    n: ArrayLike,
    means: Mapping[str, ArrayLike],
) -> Live:
    """Running means of an estimator, and the cone that they should keep to.

    Shows: truth ± 2 √(V / n).

    Args:
        variances: V of each estimator.
        n: numbers of samples.
        means: (seeds, len(n)) of each estimator.
    """
    sizes = np.asarray(n).tolist()
    seeds = len(np.asarray(next(iter(means.values()))))
    runs = _runs(sizes, {name: means[name] for name in variances})
    errors = _errors(truth, variances, sizes)
    color = _estimator_color(variances)
    return Live(
        "Running means keep to a cone like 1 / √n",
        [_means(truth, runs, errors, color), _widths(errors, color)],
        [
            choice("estimator", "estimator", list(variances)),
            knob("seed", "seed", 0, seeds - 1, 1, 0),
        ],
    )


def _estimator_color(names: Iterable[str]) -> alt.Color:
    scale = colors(names, of_estimators(names).values())
    return alt.Color("estimator:N", scale=scale)


def _runs(sizes: Sequence[int], means: Mapping[str, ArrayLike]) -> alt.Chart:
    table = [
        {"estimator": name, "seed": seed, "n": sizes, "mean": mean}
        for name, many in means.items()
        for seed, mean in enumerate(np.asarray(many).round(3).tolist())
    ]
    return rows(table).transform_flatten(["n", "mean"]).encode(x=SAMPLES)


def _errors(
    truth: float, variances: Mapping[str, float], sizes: Sequence[int]
) -> alt.Chart:
    table = [
        {"estimator": name, "variance": variance, "n": sizes}
        for name, variance in variances.items()
    ]
    flat = rows(table).transform_flatten(["n"]).encode(x=SAMPLES)
    return flat.transform_calculate(
        error="2 * sqrt(datum.variance / datum.n)",
        low=f"{truth} - datum.error",
        high=f"{truth} + datum.error",
    )


def _means(
    truth: float, runs: alt.Chart, errors: alt.Chart, color: alt.Color
) -> alt.LayerChart:
    """The cone of the chosen estimator, its runs, and one of them."""
    inside = alt.Scale(domain=[truth - 6, truth + 6], clamp=True)
    low = alt.Y("low:Q", title="", scale=inside)
    y = alt.Y("mean:Q", title="running mean", scale=inside)
    every = runs.transform_filter(CHOSEN)
    one = runs.transform_filter(f"{CHOSEN} && datum.seed == seed")
    area = errors.transform_filter(CHOSEN).mark_area(color=GREY, opacity=0.3)
    thin = every.mark_line(color=GREY, strokeWidth=0.7)
    bold = one.mark_line(strokeWidth=2.5)
    return (
        area.encode(y=low, y2="high:Q")
        + thin.encode(y=y, detail="seed:N")
        + bold.encode(y=y, color=color.legend(None))
    )


def _widths(errors: alt.Chart, color: alt.Color) -> alt.Chart:
    """The width of every estimator's cone."""
    return errors.mark_line().encode(
        y=alt.Y(
            "error:Q",
            title="2 √(V / n)",
            scale=alt.Scale(type="log"),
            axis=tens(-3, 3),
        ),
        color=color,
    )


def yardstick(d: str) -> dict[str, str]:
    """Variances in μ of f = (x − k)² under N(μ, σ²), with d = μ − k."""
    return {
        "score": f"pow({d}, 4) / (std * std) + 14 * {d} * {d} + 15 * std * std",
        "score, mean baseline": f"8 * {d} * {d} + 10 * std * std",
        "score, best baseline": f"8 * {d} * {d} + 6 * std * std",
        "pathwise": "4 * std * std",
        "measure-valued, coupled": f"(16 / PI - 4) * {d} * {d}",
    }


PLAIN = f"({yardstick('d')['score']})"
BEST = "(d * d + 3 * std * std)"
VARIANCE = (
    f"({PLAIN} - (2 * datum.b * {BEST} - datum.b * datum.b) / (std * std))"
)
PLACE_COLORS = colors(["no baseline", "at b", "at b*"], [BLUE, RED, GREEN])


def bowl(baseline: float = 0.0) -> Live:
    """The variance as a bowl over the baseline.

    Shows: for N(μ, σ²), f = (x − k)², d = μ − k, in μ:
    V(b) = V(0) − 2 b (d² + 3σ²) / σ² + b² / σ², lowest at b* = d² + 3σ².
    """
    return Live(
        "A baseline that is too high is as bad as none",
        [_curve(), _heights()],
        [
            knob("b", "baseline b", -5, 25, 0.5, baseline),
            knob("d", "distance d = μ − k", 0, 3, 0.1, 1),
            knob("std", "width σ", 0.5, 1.5, 0.05, 1),
        ],
    )


def _curve() -> alt.LayerChart:
    """The variance against the baseline, marked at b and at its lowest."""
    wide = alt.Scale(domain=[-5, 25], nice=False)
    ratio = alt.Scale(domain=[0, 2])
    bowl = line(-5, 25, 0.25, "b", ratio=f"{VARIANCE} / {PLAIN}").encode(
        x=alt.X("b:Q", title="baseline b", scale=wide),
        y=alt.Y("ratio:Q", title="V(b) / V(0)", scale=ratio),
    )
    marks = rows(
        [{"mark": "at b"}, {"mark": "at b*"}],
        b=f"datum.mark == 'at b' ? b : {BEST}",
        variance=VARIANCE,
        ratio=f"datum.variance / {PLAIN}",
    ).encode(
        x="b:Q",
        y="ratio:Q",
        color=alt.Color("mark:N", scale=PLACE_COLORS, legend=None),
    )
    dots = marks.mark_point(**DOT, size=110, clip=True)
    return bowl.mark_line(color=GREY, clip=True) + dots


def _heights() -> alt.LayerChart:
    """The variance without baseline, at b and at its lowest."""
    heights = rows(
        [{"kind": "no baseline"}, {"kind": "at b"}, {"kind": "at b*"}],
        b=f"datum.kind == 'at b' ? b : datum.kind == 'at b*' ? {BEST} : 0",
        variance=VARIANCE,
        room="1.15 * datum.variance",
        shown="format(datum.variance, '.1f')",
    ).encode(x=alt.X("kind:N", title=None, sort=None, axis=UPRIGHT))
    bars = heights.mark_bar().encode(
        y=alt.Y("variance:Q", title="variance V of one term"),
        color=alt.Color("kind:N", scale=PLACE_COLORS),
    )
    figures = heights.mark_text(dy=-8).encode(y="variance:Q", text="shown:N")
    room = heights.mark_tick(opacity=0, aria=False).encode(y="room:Q")
    return bars + figures + room


NAMES = list(yardstick("d"))
ESTIMATORS = [{"estimator": name, "index": i} for i, name in enumerate(NAMES)]
ESTIMATOR_COLOR = _estimator_color(NAMES)
LOG: dict[str, Any] = {
    "scale": alt.Scale(type="log", domain=[0.01, 10_000]),
    "axis": tens(-2, 4),
}
TWO_LINES = alt.Axis(labelExpr="split(datum.label, ', ')")


def contest() -> Live:
    """The variances of the yardstick's estimators, side by side.

    Shows: the closed forms in μ of f = (x − k)² under N(μ, σ²), d = μ − k.
    """
    return Live(
        "Which estimator is noisy depends on the place",
        [_everywhere(), _here()],
        [
            knob("d", "distance d", 0.1, 4, 0.1, 1),
            knob("std", "width σ", 0.25, 2, 0.05, 1),
        ],
    )


def _variance_at(d: str) -> str:
    """The variance of the row's estimator."""
    return f"[{', '.join(yardstick(d).values())}][datum.index]"


def _everywhere() -> alt.LayerChart:
    """Variances against the distance, and where the knob stands."""
    table = rows(ESTIMATORS, at="sequence(0.05, 4.05, 0.05)")
    curves = table.transform_flatten(["at"]).transform_calculate(
        v=_variance_at("datum.at")
    )
    lines = curves.mark_line(clip=True).encode(
        x=alt.X("at:Q", title="distance d = μ − k"),
        y=alt.Y("v:Q", title="variance in μ", **LOG),
        color=ESTIMATOR_COLOR.legend(columns=2),
    )
    rule = rows([{}], at="d").mark_rule(color=GREY, strokeDash=[4, 3])
    return lines + rule.encode(x="at:Q")


def _here() -> alt.LayerChart:
    """Variances where the knob stands."""
    here = rows(
        ESTIMATORS, v=_variance_at("d"), shown="format(datum.v, '.3~g')"
    ).encode(
        x=alt.X("v:Q", title="variance at this d", **LOG),
        y=alt.Y("estimator:N", title=None, sort=NAMES, axis=TWO_LINES),
    )
    color = ESTIMATOR_COLOR.legend(None)
    dots = here.mark_point(**DOT, size=90).encode(color=color)
    return dots + here.mark_text(dx=9, align="left").encode(text="shown:N")
