"""Chapter 4: weights and learning curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from logderiv.figures.listing import source
from logderiv.figures.palette import BLUE, CYCLE, GREY, RED
from logderiv.figures.parts import UPRIGHT, Live, choice, colors, knob, rows
from logderiv.figures.plot import Plot, grid, panels

__all__ = [
    "credit",
    "film",
    "learning_curves",
    "seeds",
    "source",
    "staircase",
    "worth",
]


def staircase(variances: Mapping[str, float], gradient: float) -> Plot:
    """One bar a weight: the exact variance of one episode's estimate."""
    figure, [axes] = panels(
        "Three right answers, and the noise of each", height=2.8
    )
    names, heights = list(variances), list(variances.values())
    bars = axes.barh(names, heights, color=CYCLE[:3], height=0.6)
    axes.bar_label(bars, [f"{height:g}" for height in heights], padding=4)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(
        xlabel=f"variance of one episode's estimate (mean {gradient:g} in all)"
    )
    return figure


def film(strips: Mapping[str, ArrayLike], times: Sequence[int]) -> Plot:
    """CartPole states (time, 4), drawn at ``times``; empty once it is over."""
    figure = Plot(
        "Early on the pole falls; in the end it stands",
        height=0.85 * len(strips) + 0.4,
    )
    figure.in_a_row, figure.varies = 3, True
    frames = figure.subplots(len(strips), len(times), squeeze=False)
    for row, (name, states) in zip(frames, strips.items(), strict=True):
        row[0].set_ylabel(name)
        for axes, time in zip(row, times, strict=True):
            _frame(axes, np.asarray(states), time)
    return figure


def _frame(axes: Axes, states: np.ndarray, time: int) -> None:
    axes.set(xlim=(-2.4, 2.4), ylim=(-0.6, 1.5), aspect="equal")
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"step {time}", fontsize=9)
    axes.axhline(-0.3, color=GREY, lw=0.8)
    if time < len(states):
        _cart(axes, *states[time, [0, 2]])
    else:
        axes.text(0, 0.5, "over", ha="center", color=GREY)


def _cart(axes: Axes, position: float, angle: float) -> None:
    wheel = np.array([-0.4, 0.4, 0.4, -0.4]) + position
    axes.fill(wheel, [-0.3, -0.3, 0, 0], color=BLUE)
    tip = position + np.sin(angle), np.cos(angle)
    axes.plot([position, tip[0]], [0, tip[1]], color=RED, lw=4)


Curve = tuple[ArrayLike, ArrayLike]
MANY = 10  # seeds, from which on a band says more than their lines


def learning_curves(
    groups: Mapping[str, Sequence[Curve]],
    message: str,
    progress: str,
    level: float,
    columns: int | None = None,
    varies: bool = False,
) -> Plot:
    """A panel a group: thin lines are seeds (x, return), bold their median.

    Where there are many, a band holds the middle 80 %. ``progress`` names the
    x axis, ``level`` is drawn as a dotted line, ``columns`` panels to a row.
    ``varies`` says that the trainings are not stored but run anew each time.
    """
    columns = columns or len(groups)
    rows = -(-len(groups) // columns)
    figure, axes = grid(message, rows, columns, 2.9 * rows**0.8, "all")
    figure.in_a_row = 1 if len(groups) < 4 else 2
    figure.varies = varies
    for unused in axes.flat[len(groups) :]:
        unused.remove()
    for panel, (name, curves) in zip(axes.flat, groups.items(), strict=False):
        _many_seeds(panel, curves)
        panel.axhline(level, color=GREY, ls=":", lw=1, zorder=5)
        panel.set_title(name, fontsize=10 if columns < 4 else 8.5)
    for lowest in axes[-1]:
        lowest.set(xlabel=progress, ylim=(0, None))
    for first in axes[:, 0]:
        first.set_ylabel("mean return of a batch")
    return figure


def worth(
    curves: Mapping[str, Sequence[Curve]],
    variances: Mapping[str, ArrayLike],
    after: Sequence[int],
    level: float,
) -> Plot:
    """Learning curves (above) and the gradient's variance (below), by weight.

    variances: (policy, seed) for each weight, at the same policies.
    """
    figure, axes = grid(
        "Less noise in the gradient, more learned in as many updates",
        rows=2,
        columns=len(curves),
        height=4.6,
        share="row",
    )
    figure.in_a_row, figure.turned = 2, True
    for (top, bottom), name in zip(axes.T, curves, strict=True):
        _many_seeds(top, curves[name])
        top.axhline(level, color=GREY, ls=":", lw=1)
        top.set_title(name, fontsize=10)
        top.set(xlabel="update", ylim=(0, None))
        _noise(bottom, after, np.asarray(variances[name]))
    axes[0, 0].set_ylabel("mean return of a batch")
    axes[1, 0].set_ylabel("variance of the gradient")
    return figure


def _noise(axes: Axes, after: Sequence[int], variances: np.ndarray) -> None:
    """Dots, and their median, at each policy."""
    axes.plot(after, variances, ".", color=BLUE, alpha=0.5, ms=5)
    middle = np.median(variances, axis=1)
    axes.plot(after, middle, color=RED, lw=2.5, label="median")
    axes.set(xlabel="updates so far", yscale="log", xticks=after)


def _many_seeds(axes: Axes, curves: Sequence[Curve]) -> None:
    """Thin lines, their median, and a band where there are many."""
    many = len(curves) >= MANY
    for x, returns in curves:
        axes.plot(x, returns, color=BLUE, lw=0.8, alpha=0.3 if many else 1)
    common, (low, median, high) = _middle(curves)
    if many:
        band: dict[str, Any] = {"color": BLUE, "alpha": 0.2, "lw": 0}
        axes.fill_between(common, low, high, label="middle 80 %", **band)
    axes.plot(common, median, color=RED, lw=2.5, label="median")


def _middle(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
    """Where all of them are known, and there 10, 50 and 90 % of them."""
    first = max(np.min(x) for x, _ in curves)
    last = min(np.max(x) for x, _ in curves)
    common = np.linspace(first, last, 200)
    returns = [
        np.interp(common, np.asarray(x), np.asarray(y)) for x, y in curves
    ]
    return common, np.quantile(returns, [0.1, 0.5, 0.9], axis=0)


# With sliders


WEIGHTS = {
    "reward-to-go": "datum.u >= datum.t ? pow(gamma, datum.u) : 0",
    "full return": "pow(gamma, datum.u)",
    "no sum (wrong)": "datum.u == datum.t ? pow(gamma, datum.u) : 0",
}
AT_STEP = "datum.t == step"


def credit(rewards: ArrayLike) -> Live:
    """Which rewards an action is given credit for, and its weight.

    Shows: the weight of step t in the gradient of E[Σ_u γ^u r_u], which is
    Σ_u c(t, u) r_u with c(t, u) = γ^u for u ≥ t (γ^t times the reward-to-go),
    for all u (full return), or for u = t alone (wrong).
    """
    r = np.asarray(rewards, float)
    parts = _parts(r)
    return Live(
        "An action cannot change what was paid before it",
        [_rewards(parts, r.max()), _actions(parts, r.sum())],
        [
            choice("weight", "weight", list(WEIGHTS)),
            knob("step", "step t", 0, len(r) - 1, 1, len(r) // 3),
            knob("gamma", "discount γ", 0.5, 1, 0.05, 1),
        ],
    )


def _parts(r: np.ndarray) -> alt.Chart:
    """What the reward of step u adds to the weight of step t."""
    steps = range(len(r))
    pairs = [{"t": t, "u": u, "r": float(r[u])} for t in steps for u in steps]
    chosen = " : ".join(
        f"weight == '{name}' ? ({formula})" for name, formula in WEIGHTS.items()
    )
    return rows(pairs, part=f"datum.r * ({chosen} : 0)")


def _rewards(parts: alt.Chart, most: float) -> alt.Chart:
    """What each reward adds for the chosen step."""
    scale = _up_to(most)
    return (
        parts.transform_filter(AT_STEP)
        .mark_bar(color=RED)
        .encode(
            x=alt.X("u:O", title="reward of step u", axis=UPRIGHT),
            y=alt.Y("part:Q", title="counts for the chosen step", scale=scale),
        )
    )


def _actions(parts: alt.Chart, most: float) -> alt.Chart:
    """The weight of each action."""
    totals = parts.transform_aggregate(total="sum(part)", groupby=["t"])
    return totals.mark_bar().encode(
        x=alt.X("t:O", title="action of step t", axis=UPRIGHT),
        y=alt.Y("total:Q", title="weight of the action", scale=_up_to(most)),
        color=alt.condition(AT_STEP, alt.value(RED), alt.value(BLUE)),
    )


def _up_to(most: float) -> alt.Scale:
    return alt.Scale(domain=[0, float(most) * 1.05])


AT_SEED = "datum.seed == seed"


def seeds(curves: Mapping[str, ArrayLike], level: float) -> Live:
    """Learning curves, one seed picked out of many.

    Args:
        curves: (seeds, updates) of mean returns, for each kind of weight.
        level: what counts as solved.
    """
    count, updates = np.shape(next(iter(curves.values())))
    lines = _lines(curves, updates)
    color = alt.Color("weight:N", scale=colors(curves))
    solved = rows([{"return": level}]).mark_rule(strokeDash=[2, 3])
    solved = solved.encode(y="return:Q")
    return Live(
        "One seed proves little",
        [_one_weight(lines, color) + solved, _one_seed(lines, color) + solved],
        [
            choice("weight", "weight", list(curves)),
            knob("seed", "seed", 0, count - 1, 1, 0),
        ],
    )


def _lines(curves: Mapping[str, ArrayLike], updates: int) -> alt.Chart:
    rounded = {
        name: np.asarray(many).round().astype(int).tolist()
        for name, many in curves.items()
    }
    table = [
        {"weight": name, "seed": seed, "r": returns}
        for name, many in rounded.items()
        for seed, returns in enumerate(many)
    ]
    most = max(np.max(many) for many in curves.values())
    lines = rows(table, update=f"sequence(1, {updates + 1})").transform_flatten(
        ["update", "r"], as_=["update", "return"]
    )
    return lines.encode(
        x=alt.X("update:Q", title="update"),
        y=alt.Y("return:Q", title="mean return of a batch", scale=_up_to(most)),
    )


def _one_weight(lines: alt.Chart, color: alt.Color) -> alt.LayerChart:
    """All seeds of the chosen weight, and one of them."""
    kind = "datum.weight == weight"
    every = lines.transform_filter(kind)
    one = lines.transform_filter(AT_SEED).transform_filter(kind)
    thin = every.mark_line(color=GREY, strokeWidth=0.5)
    bold = one.mark_line(strokeWidth=2.5)
    return thin.encode(detail="seed:N") + bold.encode(color=color.legend(None))


def _one_seed(lines: alt.Chart, color: alt.Color) -> alt.Chart:
    """The chosen seed under every weight."""
    return lines.transform_filter(AT_SEED).mark_line().encode(color=color)
