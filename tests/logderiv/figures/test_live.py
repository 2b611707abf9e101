"""The formulas of live figures say what the course's functions say.

The figures are drawn with their knobs at many places; each mark's values are
read from the drawing, to twelve digits, and compared with Python's.
"""

import copy
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import vl_convert

from logderiv.expectation import expectation, gradient
from logderiv.figures import expectation as chapter_2
from logderiv.figures import identity as chapter_1
from logderiv.figures import reinforce as chapter_4
from logderiv.figures import sampling as chapter_3
from logderiv.figures.parts import MIME, Live
from logderiv.identity import Bernoulli, Categorical, Gaussian
from logderiv.reinforce import full_return, rewards_to_go

LABEL = re.compile(r'aria-label="([^"]*)"')
Rows = list[dict[str, float | str]]
DATA = np.array([-1.0, 0.2, 0.7, 1.6, 2.5])
PAYOFFS = [1.0, 2.0, 4.0]
N = np.array([10, 100, 1000])
MEANS = {"a": np.array([[1.0, 2.0, 3.0], [4, 5, 6]]), "b": np.ones((2, 3))}
CURVES = {"x": [[1.0, 2.0], [3.0, 4.0]], "y": [[5.0, 6.0], [7.0, 8.0]]}
REWARDS = np.array([1.0, 2.0, 0.0, 4.0])


def dotted(node: object) -> object:
    """Every mark as points, for these say the values of each of them."""
    if isinstance(node, list):
        return [dotted(each) for each in node]
    if not isinstance(node, dict):
        return node
    mark = node.get("mark")
    if isinstance(mark, dict) and mark["type"] not in ("bar", "text"):
        node = node | {"mark": {"type": "point"}}
    return {key: dotted(each) for key, each in node.items()}


def drawn(spec: dict, **knobs: object) -> Rows:
    """The values of all marks, in the order in which they are drawn."""
    spec = dotted(copy.deepcopy(spec))
    for knob in spec["params"]:
        knob["value"] = knobs.pop(knob["name"], knob["value"])
    assert not knobs
    svg = vl_convert.vegalite_to_svg(spec, vl_version="5.20")
    return [parsed(each) for each in LABEL.findall(svg) if ": " in each]


def parsed(label: str) -> dict[str, float | str]:
    if label.startswith("words: "):
        return {"words": label.removeprefix("words: ")}
    pairs = [each.rpartition(": ") for each in label.split("; ")]
    return {key: number(value) for key, _, value in pairs}


def number(text: str) -> float | str:
    try:
        return float(text.replace("−", "-"))
    except ValueError:
        return text


def column(rows: Rows, *keys: str) -> np.ndarray:
    """Of the marks that have exactly these values."""
    found = [[row[key] for key in keys] for row in rows if {*row} == {*keys}]
    assert found, (keys, {tuple(row) for row in rows})
    return np.array(found).T


def close(found: object, wanted: object) -> None:
    found = np.asarray(found, float)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def check_coin(spec: dict) -> None:
    for theta in (-3.5, -1.0, 0.0, 2.2):
        rows = drawn(spec, theta=theta)
        at, p, side = column(rows, "knob θ", "probability", "side")
        curve = np.array([Bernoulli(t).probability for t in at.astype(float)])
        close(p, np.where(side == "heads", curve, 1 - curve))
        coin = Bernoulli(theta)
        prob, score = np.exp(coin.log_prob([1, 0])), coin.score([1, 0])[:, 0]
        tangents = prob[:, None] + np.outer(prob * score, [-1, 1])
        _, p, _ = column(rows, "at", "p", "side")
        close(p, [*tangents.ravel(), *prob])
        what, side, value = column(rows, "what", "side", "per unit of θ")
        assert [*zip(what, side, strict=True)] == [
            ("score", "heads"), ("p × score", "heads"),
            ("score", "tails"), ("p × score", "tails"),
        ]  # fmt: skip
        close(value, np.ravel([score, prob * score], order="F"))


def check_pulls(spec: dict) -> None:
    for mean, std in itertools.product((-1.5, 0.8), (0.5, 2.0)):
        rows = drawn(spec, mean=mean, std=std)
        knob = Gaussian(mean, std)
        x, density = column(rows, "x", "density").astype(float)
        close(density, np.exp(knob.log_prob(x)))
        title = "score in μ: (x − μ) / σ²"
        x, score, _ = column(rows, "x", title, "side")
        wanted = knob.score(DATA)[:, 0]
        close(x, [*DATA, *DATA])
        close(score, [*wanted, *wanted])
        ((words,),) = column(rows, "words")
        assert words == f"average pull: {wanted.mean():+.2f}".replace("-", "−")


def check_shares(spec: dict) -> None:
    for logits in ((0.0, 0.5, -0.3), (-2.0, 1.0, 3.0)):
        knobs = {f"theta{i}": each for i, each in enumerate(logits)}
        rows = drawn(spec, **knobs)
        bandit = Categorical(logits)
        p, score = bandit.probabilities, bandit.score(np.arange(3))[:, 0]
        what, _, value = column(rows, "what", "arm", "p, and score in θ₀")
        assert [*what] == ["p", "score"] * 3
        close(value, np.ravel([p, score], order="F"))
        _, _, value = column(rows, "what", "arm", "share")
        close(value, p * PAYOFFS * score)
        wanted = gradient(lambda x: np.array(PAYOFFS)[x], bandit)[0]
        ((words,),) = column(rows, "words")
        assert words.endswith(f"{wanted:+.3f}".replace("-", "−"))


def check_inside_and_edge(spec: dict) -> None:
    for theta, step in ((2.0, 0.5), (1.2, 0.05), (4.0, 1.0)):
        rows = drawn(spec, theta=theta, step=step)
        low, density, _ = column(rows, "x", "density", "kind")
        close(low, [0, 0, theta])
        after = 1 / (theta + step)
        close(density, [1 / theta, after, after])
        x = np.linspace(0, theta, 10_001)
        fringe = np.linspace(theta, theta + step, 10_001)
        inside = np.trapezoid(x * (after - 1 / theta), x) / step
        edge = np.trapezoid(fringe * after, fringe) / step
        _, value = column(rows, "kind", "change of E[x] / h")
        close(value, [inside, edge, 0.5])
        ((words,),) = column(rows, "words")
        assert words == f"E[score]: {-1 / theta:.2f}".replace("-", "−")


def check_cone(spec: dict) -> None:
    for seed, name in ((0, "a"), (1, "b")):
        rows = drawn(spec, seed=seed, estimator=name)
        n, low = column(rows, "samples n", "low").astype(float)
        variance = {"a": 30.0, "b": 4.0}
        close(n, N)
        close(low, 2 - 2 * np.sqrt(variance[name] / N))
        _, mean, _ = column(rows, "samples n", "running mean", "seed")
        close(mean, np.ravel(MEANS[name]))
        _, mean, kind = column(rows, "samples n", "running mean", "estimator")
        close(mean, MEANS[name][seed])
        assert {*kind} == {name}
        _, error, kind = column(rows, "samples n", "2 √(V / n)", "estimator")
        assert [*kind] == ["a"] * 3 + ["b"] * 3
        wanted = 2 * np.sqrt([*(30.0 / N), *(4.0 / N)])
        np.testing.assert_allclose(error.astype(float), wanted, rtol=1e-5)


def exact(d: float, std: float, b: float = 0.0) -> float:
    """Var of (f − b)·score in μ, by quadrature, for f = x² at μ = d."""
    knob = Gaussian(d, std)

    def squared(x: np.ndarray) -> np.ndarray:
        return ((x**2 - b) * knob.score(x)[:, 0]) ** 2

    return expectation(squared, knob) - (2 * d) ** 2


def check_bowl(spec: dict) -> None:
    for b, d, std in ((2.0, 1.0, 1.0), (-3.5, 2.5, 0.5), (9.0, 0.0, 1.5)):
        rows = drawn(spec, b=b, d=d, std=std)
        best, plain = d**2 + 3 * std**2, exact(d, std)
        places, ratio = column(rows, "baseline b", "V(b) / V(0)").astype(float)
        some = np.searchsorted(places, [-2.0, 0.0, 4.0])
        wanted = [exact(d, std, place) / plain for place in places[some]]
        np.testing.assert_allclose(ratio[some], wanted, rtol=1e-7)
        title = "variance V of one term"
        _, value = column(rows, "kind", title)
        wanted = [plain, exact(d, std, b), exact(d, std, best)]
        np.testing.assert_allclose(value.astype(float), wanted, rtol=1e-7)
        assert ratio.min() >= wanted[2] / plain - 1e-9


def check_contest(spec: dict) -> None:
    for d, std in ((1.0, 1.0), (3.0, 0.5)):
        rows = drawn(spec, d=d, std=std)
        _, value = column(rows, "estimator", "variance at this d")
        mean = expectation(lambda x: x**2, Gaussian(d, std))
        wanted = [
            exact(d, std),
            exact(d, std, mean),
            exact(d, std, d**2 + 3 * std**2),
            4 * std**2,
            (16 / np.pi - 4) * d**2,
        ]
        np.testing.assert_allclose(value.astype(float), wanted, rtol=1e-5)
        title = "distance d = μ − k"
        at, v, _ = column(rows, title, "variance in μ", "estimator")
        here = np.isclose(at.astype(float), d)
        np.testing.assert_allclose(v[here].astype(float), wanted, rtol=1e-5)


def check_credit(spec: dict) -> None:
    mask = np.ones((1, 4), dtype=bool)
    for gamma, step in ((1.0, 1), (0.5, 2)):
        powers = gamma ** np.arange(4)
        wanted = {
            "reward-to-go": powers
            * rewards_to_go(REWARDS[None], mask, gamma)[0],
            "full return": full_return((REWARDS * powers)[None], mask)[0],
            "no sum (wrong)": REWARDS * powers,
        }
        for weight, weights in wanted.items():
            rows = drawn(spec, weight=weight, gamma=gamma, step=step)
            rows = [
                {k: v for k, v in row.items() if k != "color"} for row in rows
            ]
            _, total = column(rows, "action of step t", "weight of the action")
            close(total, weights)
            _, part = column(
                rows, "reward of step u", "counts for the chosen step"
            )
            close(part.astype(float).sum(), weights[step])


def check_seeds(spec: dict) -> None:
    for seed, weight in ((0, "x"), (1, "y")):
        rows = drawn(spec, seed=seed, weight=weight)
        title = "mean return of a batch"
        update, value, _ = column(rows, "update", title, "seed")
        close(update, [1, 2] * 2)
        close(value, np.ravel(CURVES[weight]))
        _, value, kind = column(rows, "update", title, "weight")
        bold, each = value[:2], value[2:]
        close(bold, CURVES[weight][seed])
        close(each, [*CURVES["x"][seed], *CURVES["y"][seed]])
        assert [*kind] == [weight] * 2 + ["x", "x", "y", "y"]


@dataclass
class Case:
    """A figure, its check, and a slip of the pen that the check must see."""

    check: Callable[[dict], None]
    figure: Live
    right: str
    wrong: str


CASES = SimpleNamespace(
    coin=Case(
        check_coin, chapter_1.coin(), "datum.p * datum.score", "datum.score"
    ),
    pulls=Case(check_pulls, chapter_1.pulls(DATA), "(std * std)", "std"),
    shares=Case(
        check_shares,
        chapter_2.shares(PAYOFFS),
        "datum.f * datum.score",
        "datum.f",
    ),
    inside_and_edge=Case(
        check_inside_and_edge,
        chapter_2.inside_and_edge(),
        "2 * theta + step",
        "theta + step",
    ),
    cone=Case(
        check_cone,
        chapter_3.cone(2.0, {"a": 30.0, "b": 4.0}, N, MEANS),
        "sqrt(datum.variance / datum.n)",
        "sqrt(datum.variance) / datum.n",
    ),
    bowl=Case(check_bowl, chapter_3.bowl(), "3 * std * std", "2 * std * std"),
    contest=Case(check_contest, chapter_3.contest(), "16 / PI", "8 / PI"),
    credit=Case(
        check_credit, chapter_4.credit(REWARDS), "datum.u >= datum.t", "true"
    ),
    seeds=Case(
        check_seeds,
        chapter_4.seeds(CURVES, 475),
        "datum.seed == seed",
        "datum.seed >= seed",
    ),
)
ALL = pytest.mark.parametrize("case", vars(CASES).values(), ids=vars(CASES))


@pytest.mark.slow
@ALL
def test_a_figure_says_what_python_says(case: Case) -> None:
    case.check(case.figure.spec)


@pytest.mark.slow
@ALL
def test_a_slip_in_a_formula_is_seen(case: Case) -> None:
    text = json.dumps(case.figure.spec)
    assert case.right in text
    with pytest.raises(AssertionError):
        case.check(json.loads(text.replace(case.right, case.wrong)))


def test_every_figure_is_checked() -> None:
    makers = {
        name
        for chapter in (chapter_1, chapter_2, chapter_3, chapter_4)
        for name, maker in vars(chapter).items()
        if getattr(maker, "__annotations__", {}).get("return") is Live
    }
    assert makers == set(vars(CASES))


@ALL
def test_a_figure_is_data_alone(case: Case) -> None:
    bundle = case.figure._repr_mimebundle_()
    assert set(bundle) == {MIME, "text/plain"}
    text = json.dumps(bundle)
    assert json.loads(text) == bundle
    urls = re.findall(r"https?://[^\"]+", text)
    assert set(urls) == {"https://vega.github.io/schema/vega-lite/v5.20.1.json"}


@ALL
def test_every_knob_has_a_label(case: Case) -> None:
    for knob in case.figure.spec["params"]:
        assert knob["bind"]["name"].strip()
