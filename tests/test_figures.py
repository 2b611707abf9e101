"""Every figure of the notebooks draws what the course says.

A figure says in words what it draws (`Plot.in_words`). Notebooks store that
text, and nbval holds it against a fresh run; here it is held against numbers
that are found in another way. A figure of trainings that run in the notebook
says how many lines it has, no more.
"""

import functools
import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np
import pytest
from matplotlib.axes import Axes
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output
from numpy.typing import ArrayLike
from scipy.special import ndtr

from logderiv.expectation import gradient
from logderiv.figures import expectation as chapter_2
from logderiv.figures import identity as chapter_1
from logderiv.figures import reinforce as chapter_4
from logderiv.figures.plot import Plot
from logderiv.identity import Bernoulli, Categorical

CHAPTERS = Path(__file__).parents[1] / "chapters"
POINT = re.compile(r"\(([^()]*)\)")
ERRORS = 8  # standard errors that a sampled number may be off


def code_cells(path: Path) -> list[NotebookNode]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


def found(chapters: Path) -> dict[str, str]:
    """What every figure says, by its name; sliders have tests of their own."""
    return {
        cell.metadata.get("mystnb", {})
        .get("figure", {})
        .get("name", f"one without a name in {path.name}"): data["text/plain"]
        for path in sorted(chapters.glob("*/*.ipynb"))
        for cell in code_cells(path)
        for data in (output.get("data", {}) for output in cell.outputs)
        if "image/svg+xml" in data
    }


# What a text should say


@dataclass(frozen=True)
class Mark:
    """A line, dots, bars, an area, an arrow, or words at a place.

    Attributes:
        name: what it is, with its label.
        columns: x, y and, of an area and of error bars, one more.
        within: how far each y may be off, beyond rounding.
    """

    name: str
    columns: tuple[Sequence, ...]
    within: ArrayLike = 0.0


Expected = list[str | Mark]  # line by line; a string is said as it is


def mark(name: str, *columns: Sequence, within: ArrayLike = 0.0) -> Mark:
    return Mark(name, columns, within)


def words(text: str, x: float, y: float) -> Mark:
    return mark(f"“{text}”", [x], [y])


def wrong(text: str, expected: Expected) -> str:
    """What a figure says that it should not, "" if there is nothing."""
    _, *lines = text.splitlines()
    if len(lines) != len(expected):
        return f"{len(lines)} lines, not {len(expected)}"
    for line, wanted in zip(lines, expected, strict=True):
        if not says(line.strip(), wanted):
            return f"{line} should be {wanted}"
    return ""


def says(line: str, wanted: str | Mark) -> bool:
    if isinstance(wanted, str):
        return line == wanted
    name, _, points = line.rpartition(": ")
    found = [numbers(each) for each in POINT.findall(points)]
    n = len(wanted.columns[0])
    some = [(n - 1) * k // 8 for k in range(9)] if n > 9 else range(n)
    count = f", 9 of {n} points" if n > 9 else ""
    slack = np.broadcast_to(wanted.within, (len(wanted.columns) - 1, n))
    return (
        name == wanted.name + count
        and len(found) == len(some)
        and all(
            agree(row, [each[k] for each in wanted.columns], [0, *slack[:, k]])
            for row, k in zip(found, some, strict=True)
        )
    )


def numbers(point: str) -> list[str]:
    """What stands in brackets: x, y and maybe one more."""
    x, _, y = point.partition(", ")
    return [x, *re.split(" to | ± ", y)]


def agree(found: Sequence, wanted: Sequence, within: Sequence) -> bool:
    return len(found) == len(wanted) and all(
        one == other
        if isinstance(other, str)
        else abs(float(one) - other) <= off + rounding(other)
        for one, other, off in zip(found, wanted, within, strict=True)
    )


def rounding(value: float) -> float:
    """How far four digits are from a number, at most."""
    return 0.501 * 10.0 ** (np.floor(np.log10(max(abs(value), 1e-6))) - 3)


# Variances, and standard errors of sample variances, by integration

Z = np.linspace(-10, 10, 2001)
BELL = np.exp(-(Z**2) / 2) / np.exp(-(Z**2) / 2).sum()  # standard normal
R = np.linspace(0, 12, 2401)
RAYLEIGH = R * np.exp(-(R**2) / 2) / (R * np.exp(-(R**2) / 2)).sum()

Moments = tuple[np.ndarray, np.ndarray]  # second and fourth, about the mean


def moments(terms: np.ndarray, weight: np.ndarray = BELL) -> Moments:
    """Of terms (k, grid) whose points have these probabilities."""
    off = terms - (terms @ weight)[:, None]
    return off**2 @ weight, off**4 @ weight


def of_difference(one: Moments, other: Moments) -> Moments:
    """Of a difference of two that are independent."""
    (second, fourth), (also, too) = one, other
    return second + also, fourth + too + 6 * second * also


def measured(n: int, at: Sequence, found: Moments, name: str = "dots") -> Mark:
    """Sample variances of n terms."""
    second, fourth = found
    error = np.sqrt((fourth - second**2) / n)
    return mark(name, at, second, within=ERRORS * error)


def no_baseline(f: np.ndarray, score: np.ndarray) -> np.ndarray:
    return np.zeros(len(f))


def mean_payoff(f: np.ndarray, score: np.ndarray) -> np.ndarray:
    return f @ BELL


def best_constant(f: np.ndarray, score: np.ndarray) -> np.ndarray:
    return (f * score**2) @ BELL / (score**2 @ BELL)


Baseline = Callable[[np.ndarray, np.ndarray], np.ndarray]


def of_square(baseline: Baseline, mean: ArrayLike, std: ArrayLike) -> Moments:
    """Of (x² − b)·score in the mean, x normal."""
    mean, std = np.broadcast_arrays(np.atleast_1d(mean), std)
    f = (mean[:, None] + np.multiply.outer(std, Z)) ** 2
    score = Z / std[:, None]
    return moments((f - baseline(f, score)[:, None]) * score)


def of_wave(baseline: Baseline, k: np.ndarray) -> Moments:
    """Of (cos kx − b)·score in the mean, x normal around 1."""
    f = np.cos(np.multiply.outer(k, 1 + Z))
    return moments((f - baseline(f, Z)[:, None]) * Z)


def of_many(baseline: Baseline, size: np.ndarray) -> Moments:
    """Of (|x|² − b)·(x₁ − 1), all coordinates normal around 1.

    |x|² is (1 + z)² and a noncentral chi-squared of those that are left,
    whose mean and central moments are known.
    """
    left = (size - 1)[:, None]
    second, third = 6 * left, 32 * left
    fourth = 240 * left + 3 * second**2
    mean = 2 * left - (2 + 2 * left) * (baseline is mean_payoff)
    off = ((1 + Z) ** 2 + mean) * Z - 2
    powers = (
        off**4,
        6 * second * (off * Z) ** 2,
        4 * third * off * Z**3,
        fourth * Z**4,
    )
    return (off**2 + second * Z**2) @ BELL, sum(powers) @ BELL


# Chapter 1


def tangent() -> Expected:
    theta = np.linspace(-6, 6, 200)
    p = 1 / (1 + np.exp(-theta))
    (here,) = np.exp(Bernoulli(-1.0).log_prob([1]))
    rise = here * (1 - here)
    near, steep = [-2.6, 0.6], np.array([-1.6, 1.6]) * rise
    return [
        "panel 1, x: knob θ (log-odds), y: probability",
        mark("line “$p_θ(1)$”", theta, p),
        mark("line “$p_θ(0)$”", theta, 1 - p),
        mark("line", near, here + steep),
        mark("dots", [-1], [here]),
        mark("line", near, 1 - here - steep),
        mark("dots", [-1], [1 - here]),
        words("slope +0.20", 0.6, here + steep[1]),
        words("slope −0.20", 0.6, 1 - here - steep[1]),
    ]


def tugs() -> Expected:
    x, grid = [-1.0, 0.2, 0.7, 1.6, 2.5], np.linspace(-2.5, 4.5, 200)
    density = np.exp(-((grid - 1) ** 2) / 2) / np.sqrt(2 * np.pi)
    height = np.linspace(0.15, 1, 5) * 0.72 * density.max()
    said = ("−2.00", "−0.80", "−0.30", "+0.60", "+1.50")
    arrows = (
        (mark("arrow", [1, place], [y, y]), words(pull, place, y))
        for place, y, pull in zip(x, height, said, strict=True)
    )
    return [
        "panel 1, x: sample x, y: density p(x)",
        mark("line", grid, density),
        "line down: 1",
        *(mark("dots", [a], [y]) for a, y in zip(x, height, strict=True)),
        mark("area", grid, 0 * grid, density),
        *(each for pair in arrows for each in pair),
    ]


def underflow() -> Expected:
    steps, lines, notes = np.arange(1, 1375), [], []
    for kind in (np.float16, np.float32, np.float64):
        n = -int(np.log2(np.finfo(kind).smallest_subnormal))
        label = f"dots “{np.dtype(kind).name}”"
        lines += [mark("line", steps[:n], -steps[:n]), mark(label, [n], [-n])]
        notes.append(words(f"0 from n = {n + 1}", n, -n))
    return [
        "panel 1, x: number of factors n, y: log₂ of the product of n halves",
        mark("line “the sum of logs”", steps, -steps),
        *lines,
        *notes,
    ]


# Chapter 2


def two_weights() -> Expected:
    arms = ["arm 0", "arm 1", "arm 2"]
    p = np.exp([0.0, 0.5, -0.3]) / np.exp([0.0, 0.5, -0.3]).sum()
    slope = p[0] * (np.eye(3)[0] - p)

    def bars(heading: str, height: np.ndarray, said: Sequence[str]) -> Expected:
        notes = map(words, said, arms, height)
        bars = mark("bars", arms, height)
        labels = "x: outcome x, y: weight"
        return [f"{heading}, {labels}", "line across: 0", bars, *notes]

    return [
        *bars(
            "panel 1, ∂p(x)/∂θ₀, the weight in Σ f ∂p",
            slope,
            ("+0.2080", "−0.1435", "−0.0645"),
        ),
        *bars(
            "panel 2, p(x), the weight in Σ p (f ∂log p)",
            p,
            ("0.2950", "0.4864", "0.2186"),
        ),
    ]


def two_dice() -> Expected:
    z = np.linspace(-4, 4, 401)
    slope = z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    gain, loss, top = slope * (z > 0), -slope * (z < 0), np.exp(-0.5)
    return [
        "panel 1, ∂p(x)/∂μ, x: sample x, y: weight",
        mark("line", z, slope),
        "line across: 0",
        mark("area", z, 0 * z, gain),
        mark("area", z, -loss, 0 * z),
        "panel 2, its two halves, both ≥ 0, x: sample x",
        mark("line", z, abs(slope)),
        "line across: 0",
        mark("area", z, 0 * z, gain),
        mark("area", z, 0 * z, loss),
        words("c p⁺", 1, top / np.sqrt(2 * np.pi)),
        words("c p⁻", -1, top / np.sqrt(2 * np.pi)),
    ]


def moving_edge() -> Expected:
    low, high = 1 / 2.3, 1 / 2

    def density(label: str, end: float, height: float) -> Mark:
        x, y = [-0.15, 0, end, end, 3.5], [0, height, height, 0, 0]
        return mark(f"line “Uniform(0, {label})”", x, y)

    return [
        "panel 1, x: x, y: density",
        density("2.00", 2, high),
        density("2.30", 2.3, low),
        mark("area", [0, 2], [low, low], [high, high]),
        mark("area", [2, 2.3], [0, 0], [low, low]),
        words(
            "the gain: no sample of the blue density is here", 2.15, 0.7 * low
        ),
        words("the loss: all that the score sees", 1, (low + high) / 2),
    ]


def corridor() -> Expected:
    """−1 for every step that a walk which has not arrived takes."""
    p = np.linspace(0.05, 0.95, 91)
    here, walking = np.array([np.ones(91), 0 * p, 0 * p]), []
    for _ in range(50):
        walking.append(here.sum(axis=0))
        first, middle, last = here
        here = np.array(
            [(1 - p) * first + p * middle, p * first + (1 - p) * last,
             (1 - p) * middle]
        )  # fmt: skip
    best = 2 - np.sqrt(2), -6 - 4 * np.sqrt(2)
    return [
        "panel 1, x: probability of “right”, y: expected return J",
        mark("line “at most 12 steps”", p, -np.sum(walking[:12], axis=0)),
        mark("line “at most 50 steps”", p, -np.sum(walking, axis=0)),
        mark("line “no time limit”", p, (2 * p - 4) / (p * (1 - p))),
        mark("dots", *np.transpose([best])),
        words("best: p* = 0.5858", *best),
    ]


# Chapter 3

VARIANCE = "y: variance of one term"


def lines(curves: Mapping[str, Moments], x: np.ndarray) -> Iterator[Mark]:
    for name, (variance, _) in curves.items():
        yield mark(f"line “{name}”", x, variance)


def pair(d: np.ndarray, coupled: bool) -> Moments:
    """Of one pair of the measure-valued estimate in μ, for f = x² at μ = d."""
    sides = [
        (d[:, None] + sign * R) ** 2 / np.sqrt(2 * np.pi) for sign in (1, -1)
    ]
    if coupled:
        return moments(sides[0] - sides[1], RAYLEIGH)
    return of_difference(*(moments(each, RAYLEIGH) for each in sides))


def coupling() -> Expected:
    d, some = np.linspace(0.1, 4, 60), np.array([0.25, 0.5, 1, 1.5, 2, 3, 4])
    curves = {
        "coupled": pair(d, coupled=True),
        "independent": pair(d, coupled=False),
        "score, mean subtracted": of_square(mean_payoff, d, 1),
        "pathwise": moments(2 * (d[:, None] + Z)),
    }
    return [
        f"panel 1, x: distance d of the mean from the best place, {VARIANCE}",
        *lines(curves, d),
        measured(50_000, some, pair(some, coupled=True)),
        measured(50_000, some, pair(some, coupled=False)),
    ]


def central(h: np.ndarray, common: bool) -> Moments:
    """Of one pair of the difference (f(x + h) − f(x − h)) / 2h, f = x²."""
    sides = [
        (1 + sign * h[:, None] + Z) ** 2 / (2 * h[:, None]) for sign in (1, -1)
    ]
    if common:
        return moments(sides[0] - sides[1])
    return of_difference(*map(moments, sides))


def jump(h: np.ndarray) -> Moments:
    """The same of the step at 0, x around ½, common noise: 1 / 2h or 0."""
    p = ndtr(0.5 + h) - ndtr(0.5 - h)
    second = p * (1 - p)
    fourth = second * (1 - 3 * second)
    return second / (2 * h) ** 2, fourth / (2 * h) ** 4


def steps() -> Expected:
    h, some = np.geomspace(1e-3, 1, 40), np.array([0.003, 0.01, 0.03, 0.1, 0.3])
    every = {
        "square, independent": lambda h: central(h, common=False),
        "square, common noise": lambda h: central(h, common=True),
        "step, common noise": jump,
    }
    return [
        f"panel 1, x: step h, {VARIANCE}",
        *lines({name: found(h) for name, found in every.items()}, h),
        *(measured(200_000, some, found(some)) for found in every.values()),
    ]


def prices() -> Expected:
    """What the notebook's tables say, which tested code prints."""
    problems = ("square", "step", "cos 5x", "Poisson", "ten arms")
    return [
        "panel 1",
        *(
            f"“{word}”: ({problem}, {name})"
            for problem, table in zip(problems, tables(), strict=True)
            for name, word in table
        ),
    ]


def tables() -> Iterator[list[tuple[str, str]]]:
    """Of each comparison that chapter 3 prints: estimator, price or refusal."""
    text = "".join(
        output.get("text", "")
        for cell in code_cells(CHAPTERS / "3-sampling/estimators.ipynb")
        for output in cell.outputs
    )
    for table in text.split("× least  right?\n")[1:]:
        rows = re.findall(r"^(\S.{27}|  \w.{25})(.*)$", table, re.MULTILINE)
        yield [
            (name.strip(), word)
            for name, rest in rows
            if (word := said_of(rest))
        ]


VERDICTS = {
    "  refused: ": "refuses",
    "  no, ": "wrong",
    "  not confirmed, ": "unsure",
}


def said_of(rest: str) -> str:
    """A figure's word for the rest of a table's line."""
    if rest.endswith("  yes"):
        return rest.split()[-2]
    return next((VERDICTS[each] for each in VERDICTS if each in rest), "")


def error() -> Expected:
    """The mean of 400 squared errors has a standard error, too."""
    n = np.array([10, 30, 100, 300, 1000, 3000])
    variance, fourth = of_square(no_baseline, 1, 1)
    rms = np.sqrt(variance / n)
    of_mean = (fourth + 3 * (n - 1) * variance**2) / n**3
    off = np.sqrt((of_mean - rms**4) / 400) / (2 * rms)
    return [
        "panel 1, x: number of samples n, y: error of ∂J/∂μ (rms)",
        mark("line “√(variance / n)”", n, rms),
        mark("dots “measured”", n, rms, within=ERRORS * off),
    ]


PLAIN, MEAN = "no baseline", "mean payoff subtracted"


def anatomy() -> Expected:
    far, width = np.arange(-3.0, 4), np.array([0.1, 0.3, 1, 3])
    return [
        f"panel 1, x: distance d, {VARIANCE}",
        *two(lambda b, d: of_square(b, d, 1), np.linspace(-3, 3, 61), far),
        "panel 2, x: standard deviation σ",
        *two(lambda b, s: of_square(b, 1, s), np.geomspace(0.1, 3, 61), width),
        "panel 3, x: number of coordinates D",
        *two(of_many, np.geomspace(1, 1000, 61), 10.0 ** np.arange(4), 20_000),
    ]


def two(
    found: Callable[[Baseline, np.ndarray], Moments],
    x: np.ndarray,
    some: np.ndarray,
    n: int = 100_000,
) -> Iterator[Mark]:
    """Lines and dots without and with a baseline."""
    yield from lines({PLAIN: found(no_baseline, x)}, x)
    yield from lines({MEAN: found(mean_payoff, x)}, x)
    yield measured(n, some, found(no_baseline, some))
    yield measured(n, some, found(mean_payoff, some))


def dial() -> Expected:
    b, some = np.linspace(-2, 9, 100), np.arange(-1.0, 9)
    payoffs = [(1 + Z) ** 2 - subtracted for subtracted in some]
    best = {"none": (0, 30), "mean payoff": (2, 18), "best": (4, 14)}
    return [
        f"panel 1, x: baseline b, {VARIANCE}",
        mark("line “closed form”", b, b**2 - 8 * b + 30),
        measured(200_000, some, moments(payoffs * Z), "dots “measured”"),
        *(mark("dots", [place], [y]) for place, y in best.values()),
        *(words(f"{name}: {at[1]}", *at) for name, at in best.items()),
    ]


def hurts() -> Expected:
    k, some = np.linspace(0.2, 3, 57), np.array([0.3, 0.6, 1, 1.5, 2, 3])
    baselines = {
        "no baseline": no_baseline,
        "mean payoff": mean_payoff,
        "best constant": best_constant,
    }
    return [
        f"panel 1, x: frequency k of f(x) = cos(kx), {VARIANCE}",
        *lines({name: of_wave(b, k) for name, b in baselines.items()}, k),
        *(
            measured(200_000, some, of_wave(b, some))
            for b in baselines.values()
        ),
    ]


def crossing() -> Expected:
    k, some = np.linspace(0.2, 6, 60), np.arange(0.5, 6.1, 0.5)

    def path(k: np.ndarray) -> Moments:
        return moments(k[:, None] * np.sin(np.multiply.outer(k, 1 + Z)))

    curves = {"score function": of_wave(no_baseline, k), "pathwise": path(k)}
    return [
        f"panel 1, x: frequency k of f(x) = cos(kx), {VARIANCE}",
        *lines(curves, k),
        measured(50_000, some, of_wave(no_baseline, some)),
        measured(50_000, some, path(some)),
    ]


def blind() -> Expected:
    """Values that are right, and bars of two standard errors."""
    grid, at = np.linspace(-3, 3, 121), np.linspace(-3, 3, 13)
    slope = np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi)
    second, fourth = moments((at[:, None] + Z > 0) * Z)
    noise = np.sqrt(second / 2000)
    off = np.sqrt((fourth - second**2) / 2000) / second / 2
    return [
        "panel 1, x: mean μ, y: ∂J/∂μ of the step",
        mark("line “truth”", grid, np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi)),
        mark(
            "dots “score function”",
            at,
            slope,
            2 * noise,
            within=ERRORS * np.array([noise, 2 * noise * off]),
        ),
        mark("dots “pathwise”", at, 0 * at, 0 * at),
    ]


ARMS, PAYOFFS = [0.0, 0.5, -0.3], np.array([1.0, 2, 4])


def simplex() -> Expected:
    p = Categorical(ARMS).probabilities
    corners = [(0, 0), (1, 0), (0.5, np.sqrt(0.75))]
    x, y = p @ corners
    arrows = (
        (mark("arrow", [x, a], [y, b]), words(f"arm {arm}", a, b))
        for arm, (a, b) in enumerate(corners)
    )
    return [
        "panel 1",
        mark("dots", [x], [y]),
        *(each for both in arrows for each in both),
        words("p", x, y),
    ]


def ascent() -> Expected:
    seeds = range(5)
    plain = [climb(sampled(seed, others=False)) for seed in seeds]
    others = [climb(sampled(seed, others=True)) for seed in seeds]
    exact = climb(lambda dist: gradient(lambda x: PAYOFFS[x], dist))
    labels = ["line “no baseline”", *["line"] * 4]
    labels += ["line “leave-one-out”", *["line"] * 4]
    return [
        "panel 1, x: step, y: expected payoff J",
        *(
            mark(label, np.arange(80), curve)
            for label, curve in zip(labels, plain + others, strict=True)
        ),
        mark("line “exact gradient”", np.arange(80), exact),
        "line across: 4",
    ]


Uphill = Callable[[Categorical], np.ndarray]


def climb(uphill: Uphill) -> list[float]:
    """Expected payoffs on the way, without torch."""
    theta, curve = np.array(ARMS), []
    for _ in range(80):
        dist = Categorical(theta)
        curve.append(dist.probabilities @ PAYOFFS)
        theta = theta + 0.2 * uphill(dist)
    return curve


def sampled(seed: int, others: bool) -> Uphill:
    rng = np.random.default_rng(seed)

    def uphill(dist: Categorical) -> np.ndarray:
        arms = dist.sample(8, rng)
        weight = PAYOFFS[arms]
        if others:
            weight = (8 * weight - weight.sum()) / 7
        return weight @ dist.score(arms) / 8

    return uphill


# Chapter 4


def staircase() -> Expected:
    """Ten coins, every sequence; the sums as the text defines them."""
    heads = np.array(
        [[code >> t & 1 for t in range(10)] for code in range(1024)]
    )
    to_go = heads[:, ::-1].cumsum(axis=1)[:, ::-1]
    weights = {
        "full return": heads.sum(axis=1, keepdims=True),
        "reward-to-go": to_go,
        "… less its mean": to_go - np.arange(10, 0, -1) / 2,
    }
    bars = {
        name: ((heads - 0.5) * weight).sum(axis=1).var()
        for name, weight in weights.items()
    }
    title = "variance of one episode's estimate (mean 2.5 in all)"
    return [
        f"panel 1, x: {title}",
        mark("bars", list(bars.values()), list(bars)),
        *(words(f"{bar:g}", bar, name) for name, bar in bars.items()),
    ]


def learning() -> Expected:
    title = "reward-to-go, baseline from the others"
    labels = "x: environment steps (thousands), y: mean return of a batch"
    return [f"panel 1, {title}, {labels}", "lines, whose numbers vary: 7"]


def stuck() -> Expected:
    labels = "x: update, y: mean return of a batch"
    return [
        f"panel 1, learning rate …, {labels}",
        "lines, whose numbers vary: 7",
    ]


def film() -> Expected:
    """Ground and pole; no pole once it is over, after update 1 before 150."""
    names = {1: ", y: update 1", 7: ", y: update 60"}
    return [
        line
        for number in range(1, 13)
        for line in (
            f"panel {number}, step …{names.get(number, '')}",
            f"lines, whose numbers vary: {1 if number in (4, 5, 6) else 2}",
        )
    ]


@functools.cache
def runs() -> dict:
    return json.loads((CHAPTERS / "4-reinforce/runs.json").read_text("utf-8"))


def seeds(group: Sequence[Mapping]) -> Expected:
    """Their average at each update; between updates lines are straight."""
    curves = np.array([run["returns"] for run in group])
    x, common = np.arange(1, 61), np.linspace(1, 60, 200)
    drawn = [np.interp(common, x, curve) for curve in curves]
    low, median, high = np.quantile(drawn, [0.1, 0.5, 0.9], axis=0)
    name = f"line, the average of {len(curves)} alike"
    return [
        mark(name, x, curves.mean(axis=0)),
        mark("line “median”", common, median),
        "line across: 475",
        mark("area “middle 80 %”", common, low, high),
    ]


def ablation() -> Expected:
    expected, after = [], [1, 4, 8, 12]
    labels = [", y: mean return of a batch", "", ""]
    for number, (name, group) in enumerate(runs()["learning"].items()):
        heading = f"panel {number + 1}, {name}, x: update{labels[number]}"
        expected += [heading, *seeds(group)]
    labels = [", y: variance of the gradient", "", ""]
    for number, label in enumerate(labels):
        noise = np.array(list(runs()["variances"].values()))[..., number]
        expected += [
            f"panel {number + 4}, x: updates so far{label}",
            mark("dots, the average of 10 alike", after, noise.mean(axis=1)),
            mark("line “median”", after, np.sort(noise)[:, 4:6].mean(axis=1)),
        ]
    return expected


def mistakes() -> Expected:
    expected = []
    for number, (name, group) in enumerate(runs()["mistakes"].items()):
        below = ", x: update" if number > 3 else ""
        left = ", y: mean return of a batch" if number % 4 == 0 else ""
        heading = f"panel {number + 1}, {name}{below}{left}"
        expected += [heading, *seeds(group)]
    return expected


EXPECTED: dict[str, Callable[[], Expected]] = {
    "fig-tangent": tangent,
    "fig-tugs": tugs,
    "fig-underflow": underflow,
    "fig-two-weights": two_weights,
    "fig-two-dice": two_dice,
    "fig-edge": moving_edge,
    "fig-corridor": corridor,
    "fig-coupling": coupling,
    "fig-steps": steps,
    "fig-prices": prices,
    "fig-error": error,
    "fig-anatomy": anatomy,
    "fig-dial": dial,
    "fig-hurts": hurts,
    "fig-crossing": crossing,
    "fig-blind": blind,
    "fig-simplex": simplex,
    "fig-ascent": ascent,
    "fig-staircase": staircase,
    "fig-learning": learning,
    "fig-film": film,
    "fig-ablation": ablation,
    "fig-mistakes": mistakes,
    "fig-stuck": stuck,
}

said = functools.cache(lambda: found(CHAPTERS))
expected = functools.cache(lambda name: EXPECTED[name]())


def test_every_figure_has_its_numbers_here() -> None:
    assert said().keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_figure_draws_what_it_should(name: str) -> None:
    assert not wrong(said()[name], expected(name))
    assert len(said()[name].splitlines()) <= 42


# Wrong twins


def test_a_new_figure_is_found(tmp_path: Path) -> None:
    cell = new_code_cell(
        "draw()", metadata={"mystnb": {"figure": {"name": "new"}}}
    )
    data = {"image/svg+xml": "<svg></svg>", "text/plain": "it says"}
    cell.outputs = [new_output("execute_result", data=data)]
    (tmp_path / "chapter").mkdir()
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "chapter/one.ipynb")
    assert found(tmp_path) == {"new": "it says"}


def times(factor: float, point: re.Match[str]) -> str:
    """A point, its height times a factor; of a bar that lies, its length."""
    x, *y = numbers(point[1])
    if isinstance(number(y[0]), str):
        return f"({factor * number(x)}, {y[0]})"
    return f"({x}, {' to '.join(str(factor * number(each)) for each in y)})"


def number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def lines_of(name: str) -> Iterator[tuple[int, Mark]]:
    """Where a figure's text has lines, dots, bars, areas and arrows."""
    for place, wanted in enumerate(expected(name), start=1):
        if isinstance(wanted, Mark) and re.match("[ldba]", wanted.name):
            yield place, wanted


def only_zeros(wanted: Mark) -> bool:
    return not np.any(wanted.columns[1:])


def with_line(text: str, place: int, line: str) -> str:
    lines = text.splitlines()
    return "\n".join([*lines[:place], line, *lines[place + 1 :]])


WITHOUT = ("fig-prices", "fig-learning", "fig-film", "fig-stuck")
WITH_LINES = [name for name in EXPECTED if name not in WITHOUT]


@pytest.mark.parametrize("name", WITH_LINES)
def test_a_scaled_line_is_noticed(name: str) -> None:
    """By 2 % where it is exact, by 100 % where it is sampled."""
    text = said()[name]
    for place, wanted in lines_of(name):
        factor = 2.0 if np.any(wanted.within) else 1.02
        line, points = text.splitlines()[place].rsplit(": ", 1)
        scaled = POINT.sub(functools.partial(times, factor), points)
        twin = with_line(text, place, f"{line}: {scaled}")
        assert wrong(twin, expected(name)) or only_zeros(wanted), line


@pytest.mark.parametrize("name", ["fig-two-weights", "fig-staircase"])
def test_one_changed_bar_is_noticed(name: str) -> None:
    text = said()[name]
    bars = [each for each in lines_of(name) if each[1].name == "bars"]
    assert bars
    for place, _ in bars:
        line = text.splitlines()[place]
        for point in POINT.finditer(line):
            other = line.replace(point[0], times(1.02, point))
            assert wrong(with_line(text, place, other), expected(name)), other


def series(name: str) -> list[tuple[int, int]]:
    """Places of neighbours that are drawn over the same x."""
    places = list(lines_of(name))
    return [
        (one, other)
        for (one, mark), (other, next_mark) in itertools.pairwise(places)
        if other == one + 1
        and np.array_equal(mark.columns[0], next_mark.columns[0])
        and not np.array_equal(mark.columns[1], next_mark.columns[1])
    ]


@pytest.mark.parametrize(
    "name",
    [
        "fig-tangent",
        "fig-corridor",
        "fig-coupling",
        "fig-steps",
        "fig-anatomy",
        "fig-hurts",
        "fig-crossing",
        "fig-ascent",
    ],
)
def test_two_swapped_series_are_noticed(name: str) -> None:
    text = said()[name]
    assert series(name)
    for one, other in series(name):
        (first, x), (second, y) = (
            text.splitlines()[place].rsplit(": ", 1) for place in (one, other)
        )
        swapped = with_line(text, one, f"{first}: {y}")
        swapped = with_line(swapped, other, f"{second}: {x}")
        assert wrong(swapped, expected(name)), (first, second)


def draw_tangent() -> Plot:
    theta, coin = np.linspace(-6, 6, 200), Bernoulli(-1.0)
    heads = [Bernoulli(each).probability for each in theta]
    p = coin.probability
    return chapter_1.tangent(theta, heads, at=-1.0, p=p, slope=p * (1 - p))


def draw_two_weights() -> Plot:
    bandit = Categorical(ARMS)
    p = bandit.probabilities
    slope = p * bandit.score(np.arange(3))[:, 0]
    return chapter_2.two_weights(["arm 0", "arm 1", "arm 2"], slope, p)


def draw_staircase() -> Plot:
    names = ("full return", "reward-to-go", "… less its mean")
    heights = dict(zip(names, (73.75, 26.875, 2.8125), strict=True))
    return chapter_4.staircase(heights, gradient=2.5)


def draw_mistakes() -> Plot:
    groups = {
        name: [(np.arange(1, 61), run["returns"]) for run in group]
        for name, group in runs()["mistakes"].items()
    }
    return chapter_4.learning_curves(groups, "", "update", 475, columns=4)


@pytest.mark.parametrize(
    ("draw", "name"),
    [
        (draw_tangent, "fig-tangent"),
        (draw_two_weights, "fig-two-weights"),
        (draw_staircase, "fig-staircase"),
        (draw_mistakes, "fig-mistakes"),
    ],
)
def test_a_function_that_draws_other_data_is_noticed(
    draw: Callable[[], Plot], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not wrong(draw().in_words(), expected(name))
    for method in ("plot", "bar", "barh"):
        monkeypatch.setattr(Axes, method, larger(getattr(Axes, method)))
    assert wrong(draw().in_words(), expected(name))


def larger(method: Callable) -> Callable:
    """The same, of heights that are 2 % too large."""

    def drawn(axes: Axes, *data: ArrayLike, **look: object) -> object:
        if data:
            x, y, *rest = data
            data = x, 1.02 * np.asarray(y), *rest
        return method(axes, *data, **look)

    return drawn
