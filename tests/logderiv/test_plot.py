"""A figure's other forms: for a phone, nothing cut off, and in words."""

import base64
import io
import itertools
import re
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageChops

from logderiv import figures
from logderiv.comparison import Comparison, Row
from logderiv.figures import Panel
from logderiv.identity import Gaussian
from logderiv.plot import NARROW, WIDE, Plot, in_digits
from logderiv.sampling import score_function

X = np.linspace(1, 10, 20)


def anatomy() -> Plot:
    curves = {"no baseline": X**2, "mean payoff subtracted": X}
    panels = [Panel(label, X, curves) for label in ("d", "σ", "dimension D")]
    return figures.variances(panels, "The noise grows with all three of them")


def curves() -> Plot:
    names = [f"the mistake number {k}" for k in range(8)]
    groups = {name: [(X, 40 * X)] * 12 for name in names}
    message = "Three of the eight look right, and two of those are wrong"
    return figures.learning_curves(groups, message, "update", 475, columns=4)


def ablation() -> Plot:
    names = ("full return", "reward-to-go", "with baseline")
    variances = {name: np.ones((3, 2)) for name in names}
    returns = {name: [(X, 40 * X)] * 12 for name in names}
    return figures.worth(returns, variances, [1, 4, 8], 475)


def blind() -> Plot:
    found = {"score function": (X, X / 9), "pathwise": (0 * X, 0 * X)}
    return figures.blind(X, X, X, found)


def film() -> Plot:
    strips = {"update 1": np.zeros((9, 4)), "update 60": np.zeros((500, 4))}
    return figures.film(strips, times=(0, 5, 8, 150, 300, 450))


EVERY = [anatomy, curves, ablation, blind, film]


def cut_off(figure: Plot) -> bool:
    """Does anything that is drawn stand beyond the figure's edges?"""
    figure.draw_without_rendering()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    beyond = (-drawn.x0, -drawn.y0, drawn.x1 - width, drawn.y1 - height)
    return max(beyond) > 0.02


@pytest.mark.parametrize("draw", EVERY)
def test_a_phone_sees_all_of_it(draw) -> None:
    figure = draw()
    narrow = figure.narrow()
    assert narrow.get_figwidth() == NARROW
    assert figure.get_figwidth() == WIDE
    assert len(narrow.axes) == len(figure.axes)
    assert not cut_off(narrow)


def test_words_that_are_cut_off_are_noticed() -> None:
    figure = anatomy()
    figure.set_size_inches(NARROW, figure.get_figheight())
    assert cut_off(figure)


@pytest.mark.parametrize(
    ("draw", "columns"), [(anatomy, 1), (blind, 1), (curves, 2), (ablation, 2)]
)
def test_few_panels_stand_beside_each_other(draw, columns: int) -> None:
    narrow = draw().narrow()
    narrow.draw_without_rendering()
    boxes = [each.get_window_extent() for each in narrow.axes]
    left = {round(box.x0 / 40) for box in boxes}
    assert len(left) == columns
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)


def test_each_panel_says_what_one_said_for_all() -> None:
    for panel in anatomy().narrow().axes:
        assert panel.get_ylabel().split() == ["variance", "of", "one", "term"]
    for panel in curves().narrow().axes:
        assert panel.get_xlabel() == "update"


def test_what_belongs_together_stays_in_a_row() -> None:
    tops = ablation().narrow().axes
    for top, bottom in zip(tops[:3], tops[3:], strict=True):
        here, there = top.get_subplotspec(), bottom.get_subplotspec()
        assert here.rowspan == there.rowspan
        assert here.colspan.start < there.colspan.start


def test_the_legend_moves_below_with_its_names() -> None:
    narrow = blind().narrow()
    (legend,) = narrow.legends
    names = [each.get_text() for each in legend.get_texts()]
    assert names == ["truth", "score function", "pathwise"]
    narrow.draw_without_rendering()
    lowest = min(each.get_tightbbox().y0 for each in narrow.axes)
    assert legend.get_window_extent().y1 <= lowest + 1


def test_all_forms_are_shown() -> None:
    data, size = blind()._repr_mimebundle_()
    assert size == {"image/png": {"width": 700}}
    wide, narrow = (
        Image.open(io.BytesIO(base64.b64decode(data[kind]))).size
        for kind in ("image/png", "image/webp")
    )
    assert wide[0] == 1400
    assert narrow[0] == 720
    assert data["image/svg+xml"].rstrip().endswith("</svg>")


@pytest.mark.parametrize("draw", EVERY)
def test_few_colours_show_the_same_picture(draw: Callable[[], Plot]) -> None:
    shown = Image.open(io.BytesIO(draw()._picture("png")))
    drawn = Image.open(io.BytesIO(draw()._file("png"))).convert("RGB")
    assert shown.mode == "P"
    far = ImageChops.difference(shown.convert("RGB"), drawn).getextrema()
    assert max(most for _, most in far) <= 12


def test_the_same_data_give_the_same_files() -> None:
    first, second = (blind()._repr_mimebundle_()[0] for _ in range(2))
    assert first == second


def test_marks_are_said() -> None:
    figure = Plot()
    panel = figure.subplots()
    figure.suptitle("a message")
    panel.set(title="a title", xlabel="x label")
    panel.plot([0, 1], [2, 3], label="known")
    panel.plot([4], [5], "o")
    panel.axhline(6)
    panel.axvline(7)
    panel.errorbar([0, 1], [2, 3], [0.5, 0], fmt="o", label="found")
    panel.fill_between([0, 1], [4, 3], [2, 6])
    panel.annotate("two\nwords", (1, 2), xytext=(3, 4))
    panel.annotate("", (1, 2), (3, 4), arrowprops={"arrowstyle": "->"})
    assert figure.in_words().splitlines() == [
        "a message",
        "panel 1, a title, x: x label",
        "  line “known”: (0, 2) (1, 3)",
        "  dots: (4, 5)",
        "  line across: 6",
        "  line down: 7",
        "  dots “found”: (0, 2 ± 0.5) (1, 3 ± 0)",
        "  area: (0, 2 to 4) (1, 3 to 6)",
        "  “two words”: (1, 2)",
        "  arrow: (3, 4) (1, 2)",
    ]


def test_bars_stand_or_lie_at_their_names() -> None:
    figure = Plot()
    left, right = figure.subplots(1, 2)
    left.bar(["a", "b"], [1, -2], width=0.6)
    right.barh(["a", "b"], [1, -2], height=0.6)
    said = figure.in_words().splitlines()
    assert said[2] == "  bars: (a, 1) (b, -2)"
    assert said[4] == "  bars: (1, a) (-2, b)"


def test_of_many_points_nine_are_said_and_the_last_is_one() -> None:
    figure = figures.blind(X, X, X, {})
    line = figure.in_words().splitlines()[2]
    assert line.startswith("  line “truth”, 9 of 20 points: (1, 1) ")
    assert line.endswith(" (10, 10)")
    assert line.count("(") == 9


@pytest.mark.parametrize("seed", range(12))
def test_every_one_of_many_lines_alike_counts(seed: int) -> None:
    groups = {"a": [(X, (40 + k) * X) for k in range(12)]}
    before = figures.learning_curves(groups, "", "update", 475).in_words()
    assert "line, the average of 12 alike" in before
    groups["a"][seed] = X, 1.02 * (40 + seed) * X
    after = figures.learning_curves(groups, "", "update", 475).in_words()
    assert after != before


def test_numbers_that_vary_are_not_said() -> None:
    learned = [
        figures.learning_curves(
            {f"rate {k}": [(X, k * X)] * 5}, "", "update", 475, varies=True
        ).in_words()
        for k in (1, 2)
    ]
    assert learned[0] == learned[1]
    assert "lines, whose numbers vary: 7" in learned[0]
    assert "panel 9, step …" in film().in_words()


def test_who_is_not_confirmed_is_not_called_wrong() -> None:
    rng = np.random.default_rng(0)
    estimate = score_function(np.square, Gaussian(1.0, 1.0), 100, rng)
    rows = (
        Row("right", estimate, errors=1.0),
        Row("off", estimate, errors=9.0, wrong=True),
        Row("off, of few samples", estimate, errors=9.0),
        Row("none", None),
    )
    figure = figures.prices({"x": Comparison(estimate.gradient, rows)})
    words = re.findall("“(.*)”", figure.in_words())
    assert words == ["1.0", "wrong", "unsure", "refuses"]


TIES = [0.00012345, 26.875, 123.45, -2.8125, 99995.0, 1.0005, -1.5e-5]


@pytest.mark.parametrize("tie", TIES)
def test_the_last_bits_do_not_matter_to_a_tie(tie: float) -> None:
    said = {in_digits(tie * (1 + k * 1e-13)) for k in range(-9, 10)}
    assert len(said) == 1
    assert abs(float(said.pop())) >= abs(tie)


def test_plain_rounding_would_depend_on_the_last_bits() -> None:
    assert len({f"{26.875 * (1 + k * 1e-13):.4g}" for k in (-1, 1)}) == 2


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (-0.0, "0"),
        (1e-17, "0"),
        (-3e-12, "0"),
        (2.0, "2"),
        (0.1 + 0.2, "0.3"),
        (-1234.56, "-1235"),
        (3e6, "3e+06"),
        (np.nan, "nan"),
        (-np.inf, "-inf"),
    ],
)
def test_numbers_are_said_in_four_digits(value: float, said: str) -> None:
    assert in_digits(value) == said
