"""A figure's other forms: as files, and for a phone, nothing cut off."""

import base64
import io
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageChops

from logderiv.figures import reinforce, sampling
from logderiv.figures.phone import NARROW
from logderiv.figures.plot import WIDE, Plot

X = np.linspace(1, 10, 20)


def anatomy() -> Plot:
    curves = {"no baseline": X**2, "mean payoff subtracted": X}
    panels = [
        sampling.Panel(label, X, curves) for label in ("d", "σ", "dimension D")
    ]
    return sampling.variances(panels, "The noise grows with all three of them")


def curves() -> Plot:
    names = [f"the mistake number {k}" for k in range(8)]
    groups = {name: [(X, 40 * X)] * 12 for name in names}
    message = "Three of the eight look right, and two of those are wrong"
    return reinforce.learning_curves(groups, message, "update", 475, columns=4)


def ablation() -> Plot:
    names = ("full return", "reward-to-go", "with baseline")
    variances = {name: np.ones((3, 2)) for name in names}
    returns = {name: [(X, 40 * X)] * 12 for name in names}
    return reinforce.worth(returns, variances, [1, 4, 8], 475)


def blind() -> Plot:
    estimates = {"score function": (X, X / 9), "pathwise": (0 * X, 0 * X)}
    return sampling.blind(X, X, X, estimates)


def film() -> Plot:
    strips = {"update 1": np.zeros((9, 4)), "update 60": np.zeros((500, 4))}
    return reinforce.film(strips, times=(0, 5, 8, 150, 300, 450))


EVERY = [anatomy, curves, ablation, blind, film]


def cut_off(figure: Plot) -> bool:
    """Does anything that is drawn stand beyond the figure's edges?"""
    figure.draw_without_rendering()
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    beyond = (-drawn.x0, -drawn.y0, drawn.x1 - width, drawn.y1 - height)
    return max(beyond) > 0.02


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("draw", EVERY)
def test_few_colours_show_the_same_picture(draw: Callable[[], Plot]) -> None:
    shown = Image.open(io.BytesIO(draw()._picture("png")))
    drawn = Image.open(io.BytesIO(draw()._file("png"))).convert("RGB")
    assert shown.mode == "P"
    far = ImageChops.difference(shown.convert("RGB"), drawn).getextrema()
    assert max(most for _, most in far) <= 12


@pytest.mark.slow
def test_the_same_data_give_the_same_files() -> None:
    first, second = (blind()._repr_mimebundle_()[0] for _ in range(2))
    assert first == second
