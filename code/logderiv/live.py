"""Figures that answer a hand: sliders, and formulas that follow them.

A figure is data and formulas, no picture: Vega-Lite, which JupyterLab draws by
itself and the site draws when it is built. Its formulas are written in Vega's
expressions. Each says the same as a function of the course, and is tested
against it.
"""

from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np
from numpy.typing import ArrayLike

from logderiv.palette import BLUE, CYCLE, GREEN, GREY, RED

MIME = "application/vnd.vegalite.v5+json"
WIDTH, HEIGHT = 270, 210


class Live:
    """A figure that shows itself as data.

    Args:
        message: its title, one sentence.
        panels: its charts, side by side.
        knobs: its sliders.
    """

    def __init__(
        self,
        message: str,
        panels: Sequence[alt.Chart | alt.LayerChart],
        knobs: Sequence[alt.Parameter],
    ):
        sized = [each.properties(width=WIDTH, height=HEIGHT) for each in panels]
        chart = alt.concat(*sized, columns=2, title=message, spacing=28)
        self.spec = (
            chart.add_params(*knobs)
            .resolve_scale(color="independent")
            .configure_view(stroke=None)
            .configure_axis(gridOpacity=0.4, titleFontSize=12, labelFontSize=11)
            .configure_title(fontSize=14, anchor="start", offset=12)
            .configure_legend(orient="top", title=None, labelFontSize=12)
            .to_dict()
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        return {MIME: self.spec, "text/plain": f"a figure with sliders: {MIME}"}


def knob(
    name: str, label: str, low: float, high: float, step: float, at: float
) -> alt.Parameter:
    """A slider."""
    range_ = alt.binding_range(min=low, max=high, step=step, name=label)
    return alt.param(name=name, value=at, bind=range_)


def choice(name: str, label: str, options: Sequence[str]) -> alt.Parameter:
    """A list to choose from; the first is chosen."""
    select = alt.binding_select(options=list(options), name=label)
    return alt.param(name=name, value=options[0], bind=select)


def _line(
    low: float, high: float, step: float, name: str, **formulas: str
) -> alt.Chart:
    """Points `name` from low to high, and formulas of them."""
    points = alt.sequence(low, high + step / 2, step, as_=name)
    return alt.Chart(points).transform_calculate(**formulas)


def _rows(rows: Sequence[Mapping[str, object]], **formulas: str) -> alt.Chart:
    """A table, and formulas of its columns."""
    values = alt.Data(values=[dict(row) for row in rows])
    chart = alt.Chart(values)
    return chart.transform_calculate(**formulas) if formulas else chart


def _text(chart: alt.Chart) -> alt.Chart:
    """The column `words` in the upper left corner."""
    return chart.mark_text(
        align="left", baseline="top", fontSize=13, fontWeight="bold"
    ).encode(x=alt.value(6), y=alt.value(4), text="words:N")


def _colors(*pairs: tuple[str, str]) -> alt.Scale:
    names, colors = zip(*pairs, strict=True)
    return alt.Scale(domain=list(names), range=list(colors))


def _bars(
    rows: alt.Chart,
    group: str,
    kind: str,
    scale: alt.Scale,
    domain: Sequence[float],
    unit: str,
) -> alt.LayerChart:
    """Bars of `value`, each with its figure above it."""
    y = alt.Y("value:Q", title=unit, scale=alt.Scale(domain=list(domain)))
    base = rows.transform_calculate(
        top="max(datum.value, 0)", shown="format(datum.value, '+.2f')"
    ).encode(
        x=alt.X(
            f"{group}:N", title=None, sort=None, axis=alt.Axis(labelAngle=0)
        ),
    )
    if kind != group:
        base = base.encode(xOffset=alt.XOffset(f"{kind}:N", sort=None))
    color = alt.Color(f"{kind}:N", scale=scale)
    text = base.mark_text(fontSize=11, dy=-8).encode(y="top:Q", text="shown:N")
    return base.mark_bar().encode(y=y, color=color) + text


def _tens(low: int, high: int) -> alt.Axis:
    """Ticks at the powers of ten alone."""
    return alt.Axis(values=[10.0**k for k in range(low, high + 1)], format="~g")


# Chapter 1


def coin(theta: float = -1.0) -> Live:
    """The coin's slopes, and each as probability × score.

    Shows: p = 1 / (1 + exp(−θ)) for heads, 1 − p for tails.
    """
    p = "1 / (1 + exp(-theta))"
    heads = f"datum.side == 'heads' ? {p} : 1 - {p}"
    curve = "1 / (1 + exp(-datum.at))"
    sides = _colors(("heads", BLUE), ("tails", RED))
    both = [{"side": "heads"}, {"side": "tails"}]
    curves = _line(
        -5, 5, 0.1, "at", heads=curve, tails=f"1 - {curve}"
    ).transform_fold(["heads", "tails"], as_=["side", "p"])
    color = alt.Color("side:N", scale=sides)
    x = alt.X("at:Q", title="knob θ")
    y = alt.Y("p:Q", title="probability", scale=alt.Scale(domain=[0, 1]))
    tangents = _rows(
        [{**side, "step": step} for side in both for step in (-1, 1)],
        slope=f"(datum.side == 'heads' ? 1 : -1) * {p} * (1 - {p})",
        at="theta + datum.step",
        p=f"({heads}) + datum.step * datum.slope",
    )
    here = _rows(both, at="theta", p=heads)
    products = _rows(
        [
            {**side, "what": what}
            for side in both
            for what in ("score", "p × score")
        ],
        p=heads,
        score=f"datum.side == 'heads' ? 1 - {p} : -{p}",
        value="datum.what == 'score' ? datum.score : datum.p * datum.score",
    )
    return Live(
        "The slope of each side is its probability times its score",
        [
            curves.mark_line().encode(x=x, y=y, color=color)
            + tangents.mark_line(strokeWidth=3, strokeDash=[5, 3]).encode(
                x="at:Q", y="p:Q", color=color
            )
            + here.mark_point(filled=True, size=90, opacity=1).encode(
                x="at:Q", y="p:Q", color=color
            ),
            _bars(products, "what", "side", sides, [-1, 1], "per unit of θ"),
        ],
        [knob("theta", "knob θ", -4, 4, 0.1, theta)],
    )


def pulls(data: ArrayLike, mean: float = 0.0, std: float = 1.0) -> Live:
    """A Gaussian between data that pull at its mean.

    Shows: the density, and the score (x − μ) / σ² of each x in the data.
    """
    density = "exp(-pow((datum.at - mean) / std, 2) / 2) / (std * sqrt(2 * PI))"
    curve = _line(-5, 5, 0.1, "at", density=density)
    x = alt.X("at:Q", title="x", scale=alt.Scale(domain=[-5, 5]))
    y = alt.Y("density:Q", scale=alt.Scale(domain=[0, 0.85]))
    points = [{"at": float(each)} for each in np.asarray(data)]
    marks = _rows(
        points,
        density=density,
        score="(datum.at - mean) / (std * std)",
        side="datum.at > mean ? 'to the right' : 'to the left'",
    )
    side = alt.Color(
        "side:N", scale=_colors(("to the left", RED), ("to the right", BLUE))
    )
    average = marks.transform_aggregate(average="mean(score)")
    said = average.transform_calculate(
        words="'average pull: ' + format(datum.average, '+.2f')"
    )
    score = alt.Y(
        "score:Q",
        title="score in μ: (x − μ) / σ²",
        scale=alt.Scale(domain=[-6, 6], clamp=True),
    )
    tip = alt.condition("datum.score > 0", alt.value(0), alt.value(180))
    return Live(
        "Each observation pulls the mean towards itself",
        [
            curve.mark_area(
                color=GREY, opacity=0.25, line={"color": GREY}
            ).encode(x=x, y=y)
            + marks.mark_point(filled=True, size=80, opacity=1).encode(
                x="at:Q", y=alt.value(HEIGHT - 4), color=side
            ),
            marks.mark_rule(strokeWidth=3).encode(
                x=x, y=score, y2=alt.Y2Datum(0), color=side
            )
            + marks.mark_point(
                shape="triangle", filled=True, size=80, opacity=1
            ).encode(x=x, y=score, color=side, angle=tip)
            + _text(said),
        ],
        [
            knob("mean", "mean μ", -3, 3, 0.05, mean),
            knob("std", "width σ", 0.5, 2.5, 0.05, std),
        ],
    )


# Chapter 2


def shares(
    payoffs: Sequence[float], logits: Sequence[float] = (0.0, 0.5, -0.3)
) -> Live:
    """Each arm's share of the gradient in the first logit.

    Shows: p_a = exp(θ_a) / Σ_k exp(θ_k); score s_a = 1[a = 0] − p_0; shares
    p_a f_a s_a, whose sum is ∂J / ∂θ_0.
    """
    names = [f"arm {arm}" for arm in range(3)]
    total = "(exp(theta0) + exp(theta1) + exp(theta2))"
    arms = _rows(
        [
            {"arm": name, "index": arm, "f": float(payoff)}
            for arm, (name, payoff) in enumerate(
                zip(names, payoffs, strict=True)
            )
        ],
        p=f"exp([theta0, theta1, theta2][datum.index]) / {total}",
        score=f"(datum.index == 0) - exp(theta0) / {total}",
        share="datum.p * datum.f * datum.score",
    )
    said = arms.transform_aggregate(sum="sum(share)").transform_calculate(
        words="'∂J/∂θ₀, their sum: ' + format(datum.sum, '+.3f')"
    )
    scale = _colors(*zip(names, CYCLE, strict=False))
    factors = arms.transform_fold(["p", "score"], as_=["what", "value"])
    products = arms.transform_calculate(
        what="'p × f × score'", value="datum.share"
    )
    return Live(
        "The gradient is an average of f × score",
        [
            _bars(factors, "what", "arm", scale, [-1, 1], "p, and score in θ₀"),
            _bars(products, "what", "arm", scale, [-1.5, 1.5], "share")
            + _text(said),
        ],
        [
            knob(f"theta{arm}", f"logit θ{sub}", -3, 3, 0.1, at)
            for arm, (sub, at) in enumerate(zip("₀₁₂", logits, strict=True))
        ],
    )


def edge(theta: float = 2.0, step: float = 0.5) -> Live:
    """Uniform(0, θ), f = x: what the score sees is the inside, not the edge.

    Shows: the change of E[x] per step h from θ to θ + h, in two parts.
    Inside −θ / (2 (θ + h)), which tends to E[f s] = −½; at the edge
    (2θ + h) / (2 (θ + h)), which tends to 1; together ½. The alarm E[s] = −1/θ.
    """
    x = alt.X("low:Q", title="x", scale=alt.Scale(domain=[0, 5]))
    y = alt.Y("density:Q", scale=alt.Scale(domain=[0, 1.2]))
    kinds = [("before", GREY), ("inside", BLUE), ("new at the edge", RED)]
    areas = _rows(
        [{"kind": name} for name, _ in kinds],
        low="datum.kind == 'new at the edge' ? theta : 0",
        high="datum.kind == 'new at the edge' ? theta + step : theta",
        density="1 / (datum.kind == 'before' ? theta : theta + step)",
    )
    scale = _colors(*kinds[1:], ("together", GREEN))
    parts = _rows(
        [{"kind": name} for name in ("inside", "new at the edge", "together")],
        inside="-theta / (2 * (theta + step))",
        edge="(2 * theta + step) / (2 * (theta + step))",
        value="datum.kind == 'inside' ? datum.inside : "
        "datum.kind == 'together' ? datum.inside + datum.edge : datum.edge",
    )
    alarm = _rows(
        [{}], alarm="-1 / theta", words="'E[score]: ' + format(-1/theta, '.2f')"
    )
    return Live(
        "The score sees the inside lose, and not what the edge gains",
        [
            areas.mark_rect(opacity=0.45).encode(
                x=x,
                x2="high:Q",
                y=y,
                y2=alt.Y2Datum(0),
                color=alt.Color("kind:N", scale=_colors(*kinds)),
            ),
            _bars(parts, "kind", "kind", scale, [-1, 1.2], "change of E[x] / h")
            + _text(alarm),
        ],
        [
            knob("theta", "knob θ", 1, 4, 0.1, theta),
            knob("step", "step h", 0.05, 1, 0.05, step),
        ],
    )


# Chapter 3


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
    runs = [
        {"estimator": name, "seed": seed, "n": sizes, "mean": mean}
        for name in variances
        for seed, mean in enumerate(np.round(means[name], 3).tolist())
    ]
    widths = [
        {"estimator": name, "variance": variance, "n": sizes}
        for name, variance in variances.items()
    ]
    chosen = "datum.estimator == estimator"
    x = alt.X(
        "n:Q",
        title="samples n",
        scale=alt.Scale(type="log", nice=False),
        axis=_tens(0, 6),
    )
    inside = alt.Scale(domain=[truth - 6, truth + 6], clamp=True)
    y = alt.Y("mean:Q", title="running mean", scale=inside)
    lines = _rows(runs).transform_flatten(["n", "mean"])
    widths = (
        _rows(widths)
        .transform_flatten(["n"])
        .transform_calculate(
            error="2 * sqrt(datum.variance / datum.n)",
            low=f"{truth} - datum.error",
            high=f"{truth} + datum.error",
        )
    )
    area = widths.transform_filter(chosen).mark_area(color=GREY, opacity=0.3)
    here = lines.transform_filter(f"{chosen} && datum.seed == seed")
    scale = _colors(*zip(variances, CYCLE, strict=False))
    last = alt.Y(
        "error:Q",
        title="2 √(V / n)",
        scale=alt.Scale(type="log"),
        axis=_tens(-3, 3),
    )
    return Live(
        "Running means keep to a cone that narrows like 1 / √n",
        [
            area.encode(
                x=x, y=alt.Y("low:Q", title="", scale=inside), y2="high:Q"
            )
            + lines.transform_filter(chosen)
            .mark_line(color=GREY, strokeWidth=0.7)
            .encode(x=x, y=y, detail="seed:N")
            + here.mark_line(color=RED, strokeWidth=2.5).encode(x=x, y=y),
            widths.mark_line().encode(
                x=x, y=last, color=alt.Color("estimator:N", scale=scale)
            ),
        ],
        [
            choice("estimator", "estimator", list(variances)),
            knob("seed", "seed", 0, len(means[next(iter(means))]) - 1, 1, 0),
        ],
    )


def yardstick(d: str) -> dict[str, str]:
    """Variances in μ of f = (x − k)² under N(μ, σ²), with d = μ − k."""
    return {
        "score": f"pow({d}, 4) / (std * std) + 14 * {d} * {d} + 15 * std * std",
        "score, mean baseline": f"8 * {d} * {d} + 10 * std * std",
        "score, best baseline": f"8 * {d} * {d} + 6 * std * std",
        "pathwise": "4 * std * std",
        "measure-valued": f"(16 / PI - 4) * {d} * {d}",
    }


def dial(baseline: float = 0.0) -> Live:
    """The variance as a bowl over the baseline.

    Shows: for N(μ, σ²), f = (x − k)², d = μ − k, in μ:
    V(b) = V(0) − 2 b (d² + 3σ²) / σ² + b² / σ², lowest at b* = d² + 3σ².
    """
    plain = f"({yardstick('d')['score']})"
    best = "(d * d + 3 * std * std)"

    def variance(b: str) -> str:
        return f"({plain} - (2 * {b} * {best} - {b} * {b}) / (std * std))"

    ratio = alt.Y(
        "ratio:Q",
        title="V(b) / V(0)",
        scale=alt.Scale(domain=[0, 2]),
    )
    wide = alt.Scale(domain=[-5, 25], nice=False)
    x = alt.X("b:Q", title="baseline b", scale=wide)
    bowl = _line(-5, 25, 0.25, "b", ratio=f"{variance('datum.b')} / {plain}")
    marks = _rows(
        [{"mark": "at b"}, {"mark": "at b*"}],
        b=f"datum.mark == 'at b' ? b : {best}",
        variance=variance("datum.b"),
        ratio=f"datum.variance / {plain}",
    )
    values = _rows(
        [{"kind": "no baseline"}, {"kind": "at b"}, {"kind": "at b*"}],
        b=f"datum.kind == 'at b' ? b : datum.kind == 'at b*' ? {best} : 0",
        variance=variance("datum.b"),
        shown="format(datum.variance, '.1f')",
    )
    scale = _colors(("no baseline", GREY), ("at b", RED), ("at b*", GREEN))
    color = alt.Color("mark:N", scale=scale, legend=None)
    bars = values.encode(
        x=alt.X("kind:N", title=None, sort=None).axis(labelAngle=0)
    )
    height = alt.Y("variance:Q", title="variance V of one term")
    return Live(
        "A baseline that is too high is as bad as none",
        [
            bowl.mark_line(color=BLUE, clip=True).encode(x=x, y=ratio)
            + marks.mark_point(
                filled=True, size=110, opacity=1, clip=True
            ).encode(x="b:Q", y="ratio:Q", color=color),
            bars.mark_bar().encode(
                y=height, color=alt.Color("kind:N", scale=scale)
            )
            + bars.mark_text(dy=10, color="white").encode(
                y="variance:Q", text="shown:N"
            ),
        ],
        [
            knob("b", "baseline b", -5, 25, 0.5, baseline),
            knob("d", "distance d = μ − k", 0, 3, 0.1, 1),
            knob("std", "width σ", 0.5, 1.5, 0.05, 1),
        ],
    )


def contest() -> Live:
    """The variances of the yardstick's estimators, side by side.

    Shows: the closed forms in μ of f = (x − k)² under N(μ, σ²), d = μ − k.
    """
    names = list(yardstick("d"))
    scale = _colors(*zip(names, CYCLE, strict=False))
    log = alt.Scale(type="log", domain=[0.05, 1000], clamp=True)
    rows = [{"estimator": name, "index": i} for i, name in enumerate(names)]
    chosen = "[{}][datum.index]"
    curves = _rows(rows, at="sequence(0.05, 4.05, 0.05)")
    curves = curves.transform_flatten(["at"]).transform_calculate(
        v=chosen.format(", ".join(yardstick("datum.at").values()))
    )
    here = _rows(
        rows,
        v=chosen.format(", ".join(yardstick("d").values())),
        shown="format(datum.v, '.3~g')",
    )
    color = alt.Color("estimator:N", scale=scale, legend=None)
    rule = _rows([{}], at="d").mark_rule(color=GREY, strokeDash=[4, 3])
    y = alt.Y("v:Q", title="variance in μ", scale=log, axis=_tens(-1, 3))
    names_axis = alt.Y("estimator:N", title=None, sort=names)
    row = here.encode(
        y=names_axis,
        x=alt.X(
            "v:Q", title="variance at this d", scale=log, axis=_tens(-1, 3)
        ),
    )
    return Live(
        "How noisy an estimator is depends on where it stands",
        [
            curves.mark_line().encode(
                x=alt.X("at:Q", title="distance d = μ − k"), y=y, color=color
            )
            + rule.encode(x="at:Q"),
            row.mark_point(filled=True, size=90, opacity=1).encode(color=color)
            + row.mark_text(dx=9, align="left").encode(text="shown:N"),
        ],
        [
            knob("d", "distance d", 0.1, 4, 0.1, 1),
            knob("std", "width σ", 0.25, 2, 0.05, 1),
        ],
    )


# Chapter 4

WEIGHTS = {
    "reward-to-go": "datum.u >= datum.t ? pow(gamma, datum.u - datum.t) : 0",
    "full return": "pow(gamma, datum.u)",
    "no sum (wrong)": "datum.u == datum.t ? pow(gamma, datum.u) : 0",
}


def credit(rewards: ArrayLike) -> Live:
    """Which rewards an action is given credit for, and its weight.

    Shows: the weight of step t, Σ_u c(t, u) r_u, with c(t, u) = γ^(u − t) for
    u ≥ t (reward-to-go), γ^u (full return), or γ^t for u = t alone (wrong).
    """
    r = np.asarray(rewards, float)
    pairs = [
        {"t": t, "u": u, "r": float(r[u])}
        for t in range(len(r))
        for u in range(len(r))
    ]
    chosen = " : ".join(
        f"weight == '{name}' ? ({formula})" for name, formula in WEIGHTS.items()
    )
    cells = _rows(pairs, part=f"datum.r * ({chosen} : 0)")
    here = "datum.t == step"
    mark = alt.condition(here, alt.value(RED), alt.value(BLUE))
    limit = alt.Scale(domain=[0, float(r.sum()) * 1.05])
    band = alt.Axis(labelAngle=0)
    return Live(
        "An action cannot change what was paid before it",
        [
            cells.transform_filter(here)
            .mark_bar(color=RED)
            .encode(
                x=alt.X("u:O", title="reward of step u", axis=band),
                y=alt.Y(
                    "part:Q",
                    title="counts for the chosen step",
                    scale=alt.Scale(domain=[0, float(r.max()) * 1.05]),
                ),
            ),
            cells.transform_aggregate(total="sum(part)", groupby=["t"])
            .mark_bar()
            .encode(
                x=alt.X("t:O", title="action of step t", axis=band),
                y=alt.Y("total:Q", title="weight of the action", scale=limit),
                color=mark,
            ),
        ],
        [
            choice("weight", "weight", list(WEIGHTS)),
            knob("step", "step t", 0, len(r) - 1, 1, len(r) // 3),
            knob("gamma", "discount γ", 0.5, 1, 0.05, 1),
        ],
    )


def seeds(curves: Mapping[str, ArrayLike], level: float) -> Live:
    """Learning curves, one seed picked out of many.

    Args:
        curves: (seeds, updates) of mean returns, for each kind of weight.
        level: what counts as solved.
    """
    rows = [
        {"weight": name, "seed": seed, "r": returns}
        for name, many in curves.items()
        for seed, returns in enumerate(np.round(many).astype(int).tolist())
    ]
    count, updates = np.shape(next(iter(curves.values())))
    lines = _rows(rows, update=f"sequence({updates})").transform_flatten(
        ["update", "r"], as_=["update", "return"]
    )
    x = alt.X("update:Q", title="update")
    y = alt.Y("return:Q", title="mean return of a batch")
    solved = _rows([{"return": level}]).mark_rule(strokeDash=[2, 3])
    solved = solved.encode(y="return:Q")
    kind = "datum.weight == weight"
    one = lines.transform_filter("datum.seed == seed")
    scale = _colors(*zip(curves, CYCLE, strict=False))
    return Live(
        "One seed proves little",
        [
            lines.transform_filter(kind)
            .mark_line(color=GREY, strokeWidth=0.5)
            .encode(x=x, y=y, detail="seed:N")
            + one.transform_filter(kind)
            .mark_line(color=RED, strokeWidth=2.5)
            .encode(x=x, y=y)
            + solved,
            one.mark_line().encode(
                x=x, y=y, color=alt.Color("weight:N", scale=scale)
            )
            + solved,
        ],
        [
            choice("weight", "weight", list(curves)),
            knob("seed", "seed", 0, count - 1, 1, 0),
        ],
    )
