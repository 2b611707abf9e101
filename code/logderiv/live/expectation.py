"""Chapter 2: gradients of averages."""

from collections.abc import Sequence

import altair as alt

from logderiv.live.parts import Live, bars, colors, knob, rows, text
from logderiv.palette import BLACK, BLUE, GREY, RED

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


def edge(theta: float = 2.0, step: float = 0.5) -> Live:
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
