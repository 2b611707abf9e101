"""Chapter 2: gradients of averages."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from logderiv.figures.listing import source
from logderiv.figures.palette import BLACK, BLUE, CYCLE, GREY, RED
from logderiv.figures.parts import Live, bars, colors, knob, rows, text
from logderiv.figures.plot import Plot, note, panels, signed

__all__ = [
    "inside_and_edge",
    "moving_edge",
    "returns_of_p",
    "shares",
    "source",
    "two_dice",
    "two_weights",
]


def two_weights(
    names: Sequence[str], slope: ArrayLike, probability: ArrayLike
) -> Plot:
    """Bars of grad p beside bars of p: one is no distribution, one is."""
    figure, [left, right] = panels(
        "Only weights that are probabilities can be sampled",
        columns=2,
        height=3.2,
    )
    slopes = [signed(value, digits=4) for value in np.asarray(slope)]
    _weights(left, names, slope, slopes)
    left.set_title("∂p(x)/∂θ₀, the weight in Σ f ∂p", fontsize=10)
    shares = [f"{value:.4f}" for value in np.asarray(probability)]
    _weights(right, names, probability, shares)
    right.set_title("p(x), the weight in Σ p (f ∂log p)", fontsize=10)
    return figure


def _weights(
    axes: Axes, names: Sequence[str], weight: ArrayLike, said: Sequence[str]
) -> None:
    drawn = axes.bar(names, weight, color=CYCLE[: len(names)], width=0.6)
    axes.bar_label(drawn, said, padding=2)
    axes.axhline(0, color=GREY, lw=1)
    axes.margins(y=0.2)
    axes.set(xlabel="outcome x", ylabel="weight")


def two_dice(z: ArrayLike, slope: ArrayLike) -> Plot:
    """The slope of a density in its mean, split where it changes its sign."""
    figure, [whole, halves] = panels(
        "What has negative weights is a difference of two densities",
        columns=2,
        height=3.2,
        share="row",
    )
    x, weight = np.asarray(z), np.asarray(slope)
    for sign, color, name in ((1, BLUE, "c p⁺"), (-1, RED, "c p⁻")):
        half, look = np.maximum(sign * weight, 0), _faint(color, 0.35)
        whole.fill_between(x, sign * half, **look)
        halves.fill_between(x, half, **look)
        note(halves, name, (x[half.argmax()], half.max()), (0, 4), ha="center")
    _around_zero(whole, x, weight, "∂p(x)/∂μ")
    _around_zero(halves, x, np.abs(weight), "its two halves, both ≥ 0")
    whole.set_ylabel("weight")
    return figure


def _around_zero(
    axes: Axes, x: np.ndarray, weight: np.ndarray, title: str
) -> None:
    axes.plot(x, weight, color=GREY)
    axes.axhline(0, color=GREY, lw=1)
    axes.margins(y=0.12)
    axes.set_xlabel("sample x")
    axes.set_title(title, fontsize=10)


def _faint(color: str, alpha: float) -> dict[str, Any]:
    """How an area looks."""
    return {"color": color, "alpha": alpha, "lw": 0}


def moving_edge(theta: float, change: float) -> Plot:
    """The density of Uniform(0, theta) before and after theta moves."""
    figure, [axes] = panels(
        "When the edge moves, the score misses what the edge gains"
    )
    last = theta + 5 * change
    _uniform(axes, theta, last, BLUE)
    _uniform(axes, theta + change, last, RED)
    _loss_and_gain(axes, theta, change)
    axes.set(xlabel="x", ylabel="density", xlim=(-0.15, last))
    axes.legend(loc="center right")
    return figure


def _uniform(axes: Axes, edge: float, last: float, color: str) -> None:
    axes.step(
        [-0.15, 0, edge, edge, last],
        [0, 1 / edge, 1 / edge, 0, 0],
        where="post",
        color=color,
        label=f"Uniform(0, {edge:.2f})",
    )


def _loss_and_gain(axes: Axes, theta: float, change: float) -> None:
    """What lies between the two densities, in colour and in words."""
    moved = theta + change
    before, after = 1 / theta, 1 / moved
    axes.fill_between([0, theta], after, before, **_faint(BLUE, 0.25))
    axes.fill_between([theta, moved], 0, after, **_faint(RED, 0.25))
    _explain(
        axes,
        "the gain: no sample of\nthe blue density is here",
        (theta + change / 2, 0.7 * after),
        (theta + 1.6 * change, 0.9 * before),
        va="center",
    )
    _explain(
        axes,
        "the loss: all that the score sees",
        (theta / 2, (before + after) / 2),
        (theta / 2, 0.6 * before),
        ha="center",
    )


def _explain(
    axes: Axes,
    words: str,
    place: tuple[float, float],
    at: tuple[float, float],
    **align: Any,
) -> None:
    """Words, and an arrow from them to a place."""
    arrow = {"arrowstyle": "->", "color": GREY}
    axes.annotate(words, place, xytext=at, arrowprops=arrow, **align)


def returns_of_p(
    p: ArrayLike,
    curves: Mapping[str, ArrayLike],
    closed_form: ArrayLike,
    best: tuple[float, float],
) -> Plot:
    """Expected return of the blind corridor walker against p(right)."""
    figure, [axes] = panels(
        "Neither always left nor always right: the best is a coin"
    )
    for color, (name, curve) in zip(CYCLE, curves.items(), strict=False):
        axes.plot(p, curve, color=color, label=name)
    axes.plot(p, closed_form, color=GREY, ls="--", label="no time limit")
    axes.plot(*best, "o", color=GREY)
    look = {"arrowstyle": "-", "color": GREY}
    words = f"best: p* = {best[0]:.4f}"
    note(axes, words, best, (0, -28), ha="center", arrowprops=look)
    axes.set(xlabel="probability of “right”", ylabel="expected return J")
    axes.set_ylim(-45, 0)
    axes.legend(loc="lower center", ncols=2)
    return figure


# With sliders


ARMS = ["arm 0", "arm 1", "arm 2"]
ARM_COLORS = colors(ARMS)
TOTAL = "(exp(theta0) + exp(theta1) + exp(theta2))"


def shares(
    payoffs: Sequence[float], logits: Sequence[float] = (0.0, 0.5, -0.3)
) -> Live:
    """Each arm's share of the gradient in the first logit.

    Shows: p_a = exp(θ_a) / Σ_k exp(θ_k); score s_a = 1[a = 0] − p_0; shares
    p_a f_a s_a, whose sum is ∂J / ∂θ_0.
    """
    arms = _arms(payoffs)
    return Live(
        "The gradient is an average of f × score",
        [_factors(arms), _products(arms)],
        [
            knob(f"theta{arm}", f"logit θ{sub}", -3, 3, 0.1, at)
            for arm, (sub, at) in enumerate(zip("₀₁₂", logits, strict=True))
        ],
    )


def _arms(payoffs: Sequence[float]) -> alt.Chart:
    return rows(
        [
            {"arm": name, "index": arm, "f": float(payoff)}
            for arm, (name, payoff) in enumerate(
                zip(ARMS, payoffs, strict=True)
            )
        ],
        p=f"exp([theta0, theta1, theta2][datum.index]) / {TOTAL}",
        score=f"(datum.index == 0) - exp(theta0) / {TOTAL}",
        share="datum.p * datum.f * datum.score",
    )


def _factors(arms: alt.Chart) -> alt.LayerChart:
    """Each arm's probability and its score."""
    factors = arms.transform_fold(["p", "score"], as_=["what", "value"])
    return bars(
        factors, "what", "arm", ARM_COLORS, [-1, 1], "p, and score in θ₀"
    )


def _products(arms: alt.Chart) -> alt.LayerChart:
    """Each arm's share, and the sum of all."""
    products = arms.transform_calculate(
        what="'p × f × score'", value="datum.share"
    )
    said = text(
        arms.transform_aggregate(sum="sum(share)"),
        "'∂J/∂θ₀, their sum: ' + format(datum.sum, '+.3f')",
    )
    shown = bars(products, "what", "arm", ARM_COLORS, [-1.5, 1.5], "share")
    return shown + said


def inside_and_edge(theta: float = 2.0, step: float = 0.5) -> Live:
    """Uniform(0, θ), f = x: what the score sees is the inside, not the edge.

    Shows: the change of E[x] per step h from θ to θ + h, in two parts.
    Inside −θ / (2 (θ + h)), which tends to E[f s] = −½; at the edge
    (2θ + h) / (2 (θ + h)), which tends to 1; together ½. The alarm E[s] = −1/θ.
    """
    return Live(
        "The score misses what the edge gains",
        [_areas(), _changes()],
        [
            knob("theta", "knob θ", 1, 4, 0.1, theta),
            knob("step", "step h", 0.05, 1, 0.05, step),
        ],
    )


def _areas() -> alt.Chart:
    """The density before the step, and the two parts of the one after it."""
    kinds = ["before", "inside", "new at the edge"]
    scale = colors(kinds, [GREY, BLUE, RED])
    areas = rows(
        [{"kind": kind} for kind in kinds],
        low="datum.kind == 'new at the edge' ? theta : 0",
        high="datum.kind == 'new at the edge' ? theta + step : theta",
        density="1 / (datum.kind == 'before' ? theta : theta + step)",
    )
    return areas.mark_rect(strokeWidth=1.5).encode(
        x=alt.X("low:Q", title="x", scale=alt.Scale(domain=[0, 5])),
        x2="high:Q",
        y=alt.Y("density:Q", scale=alt.Scale(domain=[0, 1.2])),
        y2=alt.Y2Datum(0),
        fill=alt.Fill("kind:N", scale=scale),
        stroke=alt.Stroke("kind:N", scale=scale, legend=None),
        fillOpacity=alt.condition(
            "datum.kind == 'before'", alt.value(0), alt.value(0.45)
        ),
    )


def _changes() -> alt.LayerChart:
    """What each part changes, and the alarm."""
    kinds = ["inside", "new at the edge", "together"]
    changes = rows(
        [{"kind": kind} for kind in kinds],
        inside="-theta / (2 * (theta + step))",
        edge="(2 * theta + step) / (2 * (theta + step))",
        value="datum.kind == 'inside' ? datum.inside : "
        "datum.kind == 'together' ? datum.inside + datum.edge : datum.edge",
    )
    alarm = rows([{}], alarm="-1 / theta")
    said = text(alarm, "'E[score]: ' + format(-1/theta, '.2f')")
    unit = "change of E[x] / h"
    scale = colors(kinds, [BLUE, RED, BLACK])
    return bars(changes, "kind", "kind", scale, [-1, 1.6], unit) + said
