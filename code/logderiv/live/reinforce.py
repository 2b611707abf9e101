"""Chapter 4: weights and learning curves."""

from collections.abc import Mapping

import altair as alt
import numpy as np
from numpy.typing import ArrayLike

from logderiv.live.parts import UPRIGHT, Live, choice, colors, knob, rows
from logderiv.palette import BLUE, GREY, RED

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
    table = [
        {"weight": name, "seed": seed, "r": returns}
        for name, many in curves.items()
        for seed, returns in enumerate(np.round(many).astype(int).tolist())
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
