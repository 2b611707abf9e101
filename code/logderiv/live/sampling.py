"""Chapter 3: estimators and their variances."""

from collections.abc import Iterable, Mapping, Sequence

import altair as alt
import numpy as np
from numpy.typing import ArrayLike

from logderiv.live.parts import (
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
from logderiv.palette import BLUE, GREEN, GREY, RED, of_estimators

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
    runs = _runs(sizes, {name: means[name] for name in variances})
    errors = _errors(truth, variances, sizes)
    color = _estimator_color(variances)
    return Live(
        "Running means keep to a cone like 1 / √n",
        [_means(truth, runs, errors, color), _widths(errors, color)],
        [
            choice("estimator", "estimator", list(variances)),
            knob("seed", "seed", 0, len(means[next(iter(means))]) - 1, 1, 0),
        ],
    )


def _estimator_color(names: Iterable[str]) -> alt.Color:
    scale = colors(names, of_estimators(names).values())
    return alt.Color("estimator:N", scale=scale)


def _runs(sizes: Sequence[int], means: Mapping[str, ArrayLike]) -> alt.Chart:
    table = [
        {"estimator": name, "seed": seed, "n": sizes, "mean": mean}
        for name, many in means.items()
        for seed, mean in enumerate(np.round(many, 3).tolist())
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


def dial(baseline: float = 0.0) -> Live:
    """The variance as a bowl over the baseline.

    Shows: for N(μ, σ²), f = (x − k)², d = μ − k, in μ:
    V(b) = V(0) − 2 b (d² + 3σ²) / σ² + b² / σ², lowest at b* = d² + 3σ².
    """
    return Live(
        "A baseline that is too high is as bad as none",
        [_bowl(), _heights()],
        [
            knob("b", "baseline b", -5, 25, 0.5, baseline),
            knob("d", "distance d = μ − k", 0, 3, 0.1, 1),
            knob("std", "width σ", 0.5, 1.5, 0.05, 1),
        ],
    )


def _bowl() -> alt.LayerChart:
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
LOG = {
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
