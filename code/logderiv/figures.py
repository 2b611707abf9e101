"""What the notebooks draw: data in, figure out. Notebooks alone import it."""

import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import matplotlib
import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike

from logderiv.comparison import Comparison, Row, two_digits
from logderiv.palette import BLACK, BLUE, CYCLE, GREY, RED, of_estimators
from logderiv.plot import TITLE, WIDE, Plot


def source(*functions: Callable) -> Markdown:
    """The code of a function or class, from the module that is imported."""
    code = "\n\n".join(
        textwrap.dedent(inspect.getsource(each)) for each in functions
    )
    return Markdown(f"```python\n{code.strip()}\n```")


def _plot(
    columns: int = 1, height: float = 3.4, share_y: bool = False
) -> tuple[Plot, list[Axes]]:
    figure, axes = _grid(1, columns, height, "none", share_y)
    return figure, list(axes[0])


def _grid(
    rows: int,
    columns: int,
    height: float,
    sharex: str,
    sharey: bool | str,
) -> tuple[Plot, np.ndarray]:
    figure = Plot(
        figsize=(WIDE, height), layout="constrained", facecolor="white"
    )
    axes = figure.subplots(
        rows, columns, squeeze=False, sharex=sharex, sharey=sharey
    )
    for each in axes.flat:
        each.spines[["top", "right"]].set_visible(False)
        each.grid(alpha=0.25)
        each.set_axisbelow(True)
    return figure, axes


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _title(figure: Plot, message: str) -> None:
    figure.suptitle(message, **TITLE)


# Chapter 1


def tangent(
    theta: ArrayLike, probability: ArrayLike, at: float, p: float, slope: float
) -> Plot:
    """p(1) against theta, and the tangent whose slope is the derivative."""
    figure, [axes] = _plot()
    near = np.array([at - 1.6, at + 1.6])
    axes.plot(theta, probability, color=BLUE, label="$p_θ(1)$")
    axes.plot(theta, 1 - np.asarray(probability), color=RED, label="$p_θ(0)$")
    for value, rise in ((p, slope), (1 - p, -slope)):
        axes.plot(near, value + rise * (near - at), color=GREY, ls="--")
        axes.plot([at], [value], "o", color=GREY)
        axes.annotate(
            f"slope {_signed(rise)}",
            (near[1], value + rise * 1.6),
            textcoords="offset points",
            xytext=(6, -4),
        )
    axes.set(xlabel="knob θ (log-odds)", ylabel="probability", ylim=(0, 1))
    axes.legend(loc="center left")
    _title(figure, "Turn the knob: what one outcome gains the other loses")
    return figure


def tugs(
    grid: ArrayLike,
    density: ArrayLike,
    mean: float,
    x: Sequence[float],
    score: ArrayLike,
) -> Plot:
    """A density, and from its mean an arrow for each sample, of its score."""
    figure, [axes] = _plot()
    axes.fill_between(grid, density, color=BLUE, alpha=0.15)
    axes.plot(grid, density, color=BLUE)
    axes.axvline(mean, color=GREY, lw=1, ls=":")
    top = 0.72 * np.max(density)
    for height, place, pull in zip(
        np.linspace(0.15, 1, len(x)) * top, x, np.asarray(score), strict=True
    ):
        axes.plot([place], [height], "o", color=RED, ms=4)
        axes.annotate(
            "",
            (mean + pull, height),
            (mean, height),
            arrowprops={
                "arrowstyle": "-|>",
                "color": RED,
                "lw": 2,
                "shrinkA": 0,
            },
        )
        side = 1 if pull > 0 else -1
        axes.annotate(
            _signed(pull),
            (place, height),
            textcoords="offset points",
            xytext=(8 * side, 0),
            ha="left" if side > 0 else "right",
            va="center",
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
    axes.set(xlabel="sample x", ylabel="density p(x)", ylim=(0, None))
    _title(
        figure, "The score: which way, and how hard, a sample pulls the mean"
    )
    return figure


def underflow(products: Mapping[str, ArrayLike]) -> Plot:
    """log2 of a running product of halves in each floating-point format."""
    figure, [axes] = _plot()
    longest = 1.25 * max(len(np.asarray(each)) for each in products.values())
    steps = np.arange(1, longest)
    axes.plot(steps, -steps, color=BLACK, ls=":", label="the sum of logs")
    for color, width, (name, product) in zip(
        CYCLE, (2, 3.5, 5), products.items(), strict=False
    ):
        alive = np.flatnonzero(np.asarray(product) > 0)
        line = np.log2(np.asarray(product, float)[alive])
        axes.plot(alive + 1, line, color=color, lw=width, zorder=3 - width / 7)
        end = alive[-1] + 1
        axes.plot([end], [-end], "x", color=color, ms=10, mew=2.5, label=name)
        axes.annotate(
            f"0 from n = {end + 1}",
            (end, -end),
            textcoords="offset points",
            xytext=(12, 2),
        )
    axes.set(
        xlabel="number of factors n",
        ylabel="log₂ of the product of n halves",
        xlim=(0, 1.1 * longest),
    )
    axes.legend(loc="lower left")
    _title(figure, "A product runs out of range; its logarithm does not")
    return figure


# Chapter 2


def two_weights(
    names: Sequence[str], slope: ArrayLike, probability: ArrayLike
) -> Plot:
    """Bars of grad p beside bars of p: one is no distribution, one is."""
    figure, axes = _plot(columns=2, height=3.2)
    for each, weight, figures, label in (
        (axes[0], slope, "{:+.4f}", "∂p(x)/∂θ₀, the weight in Σ f ∂p"),
        (axes[1], probability, "{:.4f}", "p(x), the weight in Σ p (f ∂log p)"),
    ):
        bars = each.bar(names, weight, color=CYCLE[: len(names)], width=0.6)
        said = [figures.format(value).replace("-", "−") for value in weight]
        each.bar_label(bars, said, padding=2)
        each.axhline(0, color=GREY, lw=1)
        each.margins(y=0.2)
        each.set(xlabel="outcome x", ylabel="weight", title=label)
        each.title.set_fontsize(10)
    _title(figure, "Only weights that are probabilities can be sampled")
    return figure


def two_dice(z: ArrayLike, slope: ArrayLike) -> Plot:
    """The slope of a density in its mean, split where it changes its sign."""
    figure, axes = _plot(columns=2, height=3.2, share_y=True)
    z, slope = np.asarray(z), np.asarray(slope)
    gain, loss = np.maximum(slope, 0), np.maximum(-slope, 0)
    for sign, height, color, name in (
        (1, gain, BLUE, "c p⁺"),
        (-1, loss, RED, "c p⁻"),
    ):
        axes[0].fill_between(z, sign * height, color=color, alpha=0.35, lw=0)
        axes[1].fill_between(z, height, color=color, alpha=0.35, lw=0)
        axes[1].annotate(
            name,
            (z[height.argmax()], height.max()),
            textcoords="offset points",
            xytext=(0, 4),
            ha="center",
        )
    axes[0].plot(z, slope, color=GREY)
    axes[1].plot(z, np.abs(slope), color=GREY)
    axes[0].set(xlabel="sample x", ylabel="weight", title="∂p(x)/∂μ")
    axes[1].set(xlabel="sample x", title="its two halves, both ≥ 0")
    for each in axes:
        each.axhline(0, color=GREY, lw=1)
        each.title.set_fontsize(10)
        each.margins(y=0.12)
    _title(figure, "What has negative weights is a difference of two densities")
    return figure


def moving_edge(theta: float, change: float) -> Plot:
    """The density of Uniform(0, theta) before and after theta moves."""
    figure, [axes] = _plot()
    before, after = 1 / theta, 1 / (theta + change)
    last = theta + 5 * change
    for edge, color in ((theta, BLUE), (theta + change, RED)):
        axes.step(
            [-0.15, 0, edge, edge, last],
            [0, 1 / edge, 1 / edge, 0, 0],
            where="post",
            color=color,
            label=f"Uniform(0, {edge:.2f})",
        )
    faint = {"alpha": 0.25, "lw": 0}
    axes.fill_between([0, theta], after, before, color=BLUE, **faint)
    axes.fill_between([theta, theta + change], 0, after, color=RED, **faint)
    arrow = {"arrowprops": {"arrowstyle": "->", "color": GREY}}
    axes.annotate(
        "the gain: no sample of\nthe blue density is here",
        (theta + change / 2, 0.7 * after),
        xytext=(theta + 1.6 * change, 0.9 * before),
        va="center",
        **arrow,
    )
    axes.annotate(
        "the loss: all that the score sees",
        (theta / 2, (before + after) / 2),
        xytext=(theta / 2, 0.6 * before),
        ha="center",
        **arrow,
    )
    axes.set(xlabel="x", ylabel="density", xlim=(-0.15, last))
    axes.legend(loc="center right")
    _title(figure, "When the edge moves, the score misses what the edge gains")
    return figure


def returns_of_p(
    p: ArrayLike,
    curves: Mapping[str, ArrayLike],
    closed_form: ArrayLike,
    best: tuple[float, float],
) -> Plot:
    """Expected return of the blind corridor walker against p(right)."""
    figure, [axes] = _plot()
    for color, (name, curve) in zip(CYCLE, curves.items(), strict=False):
        axes.plot(p, curve, color=color, label=name)
    axes.plot(p, closed_form, color=GREY, ls="--", label="no time limit")
    axes.plot(*best, "o", color=GREY)
    axes.annotate(
        f"best: p* = {best[0]:.4f}",
        best,
        textcoords="offset points",
        xytext=(0, -28),
        ha="center",
        arrowprops={"arrowstyle": "-", "color": GREY},
    )
    axes.set(
        xlabel="probability of “right”",
        ylabel="expected return J",
        ylim=(-45, 0),
    )
    axes.legend(loc="lower center", ncols=2)
    _title(figure, "Neither always left nor always right: the best is a coin")
    return figure


# Chapter 3


def error_against_n(
    n: ArrayLike, measured: ArrayLike, predicted: ArrayLike
) -> Plot:
    """Root-mean-square error of the estimate, measured and predicted."""
    figure, [axes] = _plot()
    axes.loglog(n, predicted, color=GREY, ls="--", label="√(variance / n)")
    axes.loglog(n, measured, "o", color=BLUE, label="measured")
    axes.set(xlabel="number of samples n", ylabel="error of ∂J/∂μ (rms)")
    axes.legend()
    _title(figure, "A hundred times the samples, a tenth of the error")
    return figure


def baseline_dial(
    b: ArrayLike,
    variance: ArrayLike,
    measured: tuple[ArrayLike, ArrayLike],
    marks: Mapping[str, tuple[float, float]],
) -> Plot:
    """Variance of one term against the constant that is subtracted."""
    figure, [axes] = _plot()
    axes.plot(b, variance, color=GREY, ls="--", label="closed form")
    axes.plot(*measured, "o", color=BLACK, ms=4, label="measured")
    low = min(height for _, height in marks.values())
    for color, (name, (place, height)) in zip(
        CYCLE, marks.items(), strict=False
    ):
        axes.plot([place], [height], "s", color=color, ms=8)
        axes.annotate(
            f"{name}: {height:.0f}",
            (place, height),
            textcoords="offset points",
            xytext=(0, -18) if height == low else (10, 2),
            ha="center" if height == low else "left",
        )
    axes.set(xlabel="baseline b", ylabel="variance of one term")
    axes.set_ylim(0, None)
    axes.legend(loc="upper center")
    _title(
        figure, "Subtract a constant: same gradient, less than half the noise"
    )
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


def variances(panels: Sequence[Panel], message: str) -> Plot:
    """What is known as lines, what is measured as dots, a colour a name."""
    figure, axes = _plot(columns=len(panels), height=3.6)
    names = dict.fromkeys(name for each in panels for name in each.curves)
    colors = of_estimators(names)
    for each, panel in zip(axes, panels, strict=True):
        for name, curve in panel.curves.items():
            each.plot(panel.x, curve, color=colors[name], label=name)
        for name, points in panel.points.items():
            each.plot(*points, "o", color=colors[name], ms=4)
        each.set_yscale("log")
        each.set_xscale("log" if panel.log else "linear")
        each.set_xlabel(panel.label)
    axes[0].set_ylabel("variance of one term")
    lines = {line.get_label(): line for each in axes for line in each.lines}
    figure.legend(
        [lines[name] for name in names],
        names,
        loc="outside lower center",
        ncols=len(names),
        title="line: exact, dots: measured",
    )
    _title(figure, message)
    return figure


def blind(
    x: ArrayLike,
    truth: ArrayLike,
    at: ArrayLike,
    found: Mapping[str, tuple[ArrayLike, ArrayLike]],
) -> Plot:
    """A gradient, and estimates of it with bars of two standard errors."""
    figure, [axes] = _plot()
    axes.plot(x, truth, color=GREY, label="truth")
    colors = of_estimators(found)
    for name, (value, error) in found.items():
        bars = 2 * np.asarray(error)
        color = colors[name]
        axes.errorbar(at, value, bars, fmt="o", color=color, label=name)
    axes.set(xlabel="mean μ", ylabel="∂J/∂μ of the step")
    axes.legend()
    _title(figure, "At a jump the pathwise estimate is sure, and wrong")
    return figure


VERDICTS = {
    "no": ("wrong", RED),
    "not confirmed": ("unsure", GREY),
    "refused": ("refuses", GREY),
}


def prices(comparisons: Mapping[str, Comparison]) -> Plot:
    """A column a problem, a row an estimator: its price over the least."""
    figure, [axes] = _plot(height=3.8)
    figure.dense = True
    every = list(comparisons.values())
    names = list(dict.fromkeys(row.name for one in every for row in one.rows))
    for column, comparison in enumerate(every):
        for row in comparison.rows:
            _price(axes, column, names.index(row.name), row, comparison)
    axes.set(xlim=(-0.5, len(comparisons) - 0.5), ylim=(len(names) - 0.5, -0.5))
    axes.set_xticks(range(len(comparisons)), comparisons)
    axes.set_yticks(range(len(names)), [name.strip() for name in names])
    axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    _title(figure, "No estimator wins everywhere: price over the least")
    return figure


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
    style = {"ha": "center", "va": "center", "fontweight": weight}
    axes.text(column, place, words, color=color, **style)


def simplex(p: Sequence[float], names: Sequence[str]) -> Plot:
    """Three probabilities as a point in a triangle, scores as arrows."""
    figure, [axes] = _plot(height=3.8)
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])
    here = np.asarray(p) @ corners
    axes.fill(*corners.T, color=BLUE, alpha=0.1)
    axes.fill(*corners.T, fill=False, edgecolor=GREY, lw=1.5)
    for corner, name, color in zip(corners, names, CYCLE[:3], strict=True):
        axes.annotate(
            "",
            corner,
            here,
            arrowprops={"arrowstyle": "-|>", "color": color, "lw": 2},
        )
        axes.annotate(
            name,
            corner,
            textcoords="offset points",
            xytext=(0, 8 if corner[1] else -16),
            ha="center",
        )
    axes.plot(*here, "o", color=GREY, ms=9)
    axes.annotate(
        "p", here, textcoords="offset points", xytext=(-14, 4), fontsize=12
    )
    axes.set(xlim=(-0.3, 1.3), ylim=(-0.14, 1.0), aspect="equal")
    axes.set_axis_off()
    _title(figure, "The score of an arm points from p to that arm's corner")
    return figure


def ascent(exact: ArrayLike, runs: Mapping[str, ArrayLike], top: float) -> Plot:
    """Expected payoff against the step; a thin line a seed."""
    figure, [axes] = _plot()
    for name, color in of_estimators(runs).items():
        for index, curve in enumerate(np.asarray(runs[name])):
            axes.plot(
                curve,
                color=color,
                lw=1,
                alpha=0.8,
                label=name if index == 0 else None,
            )
    axes.plot(exact, color="black", ls="--", label="exact gradient")
    axes.axhline(top, color=GREY, lw=1, ls=":")
    axes.set(xlabel="step", ylabel="expected payoff J")
    axes.legend(loc="lower right")
    _title(
        figure,
        "The same bandit, the same samples a step: baselines steady the climb",
    )
    return figure


# Chapter 4


def staircase(variances: Mapping[str, float], gradient: float) -> Plot:
    """One bar a weight: the exact variance of one episode's estimate."""
    figure, [axes] = _plot(height=2.8)
    names, heights = list(variances), list(variances.values())
    bars = axes.barh(names, heights, color=CYCLE[:3], height=0.6)
    axes.bar_label(bars, [f"{height:g}" for height in heights], padding=4)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(
        xlabel=f"variance of one episode's estimate (mean {gradient:g} in all)"
    )
    _title(figure, "Three right answers, and the noise of each")
    return figure


def film(strips: Mapping[str, ArrayLike], times: Sequence[int]) -> Plot:
    """CartPole states (time, 4), drawn at ``times``; empty once it is over."""
    figure = Plot(
        figsize=(WIDE, 0.85 * len(strips) + 0.4),
        layout="constrained",
        facecolor="white",
    )
    figure.in_a_row, figure.varies = 3, True
    grid = figure.subplots(len(strips), len(times), squeeze=False)
    for row, (name, states) in zip(grid, strips.items(), strict=True):
        row[0].set_ylabel(name)
        for axes, time in zip(row, times, strict=True):
            axes.set(xlim=(-2.4, 2.4), ylim=(-0.6, 1.5), aspect="equal")
            axes.set(xticks=[], yticks=[], title=f"step {time}")
            axes.title.set_fontsize(9)
            axes.axhline(-0.3, color=GREY, lw=0.8)
            if time < len(states):
                _cart(axes, *np.asarray(states)[time, [0, 2]])
            else:
                axes.text(0, 0.5, "over", ha="center", color=GREY)
    _title(figure, "Early on the pole falls; in the end it stands")
    return figure


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
    figure, axes = _grid(rows, columns, 2.9 * rows**0.8, "all", "all")
    figure.in_a_row = 1 if len(groups) < 4 else 2
    figure.varies = varies
    for each in axes.flat[len(groups) :]:
        each.remove()
    for each, (name, curves) in zip(axes.flat, groups.items(), strict=False):
        _seeds(each, curves)
        each.axhline(level, color=GREY, ls=":", lw=1, zorder=5)
        each.set_title(name, fontsize=10 if columns < 4 else 8.5)
    for each in axes[-1]:
        each.set(xlabel=progress, ylim=(0, None))
    for each in axes[:, 0]:
        each.set_ylabel("mean return of a batch")
    _title(figure, message)
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
    figure, axes = _grid(2, len(curves), 4.6, "row", "row")
    figure.in_a_row, figure.turned = 2, True
    for (top, bottom), name in zip(axes.T, curves, strict=True):
        _seeds(top, curves[name])
        top.axhline(level, color=GREY, ls=":", lw=1)
        top.set_title(name, fontsize=10)
        top.set(xlabel="update", ylim=(0, None))
        bottom.plot(after, variances[name], ".", color=BLUE, alpha=0.5, ms=5)
        middle = np.median(variances[name], axis=1)
        bottom.plot(after, middle, color=RED, lw=2.5, label="median")
        bottom.set(xlabel="updates so far", yscale="log", xticks=after)
    axes[0, 0].set_ylabel("mean return of a batch")
    axes[1, 0].set_ylabel("variance of the gradient")
    _title(
        figure, "Less noise in the gradient, more learned in as many updates"
    )
    return figure


def _seeds(axes: Axes, curves: Sequence[Curve]) -> None:
    """Thin lines, their median, and a band where there are many."""
    many = len(curves) >= MANY
    for x, returns in curves:
        axes.plot(x, returns, color=BLUE, lw=0.8, alpha=0.3 if many else 1)
    first = max(np.min(x) for x, _ in curves)
    last = min(np.max(x) for x, _ in curves)
    common = np.linspace(first, last, 200)
    returns = [np.interp(common, *curve) for curve in curves]
    low, median, high = np.quantile(returns, [0.1, 0.5, 0.9], axis=0)
    if many:
        band = {"color": BLUE, "alpha": 0.2, "lw": 0}
        axes.fill_between(common, low, high, label="middle 80 %", **band)
    axes.plot(common, median, color=RED, lw=2.5, label="median")
