"""What was drawn, whichever way it was drawn."""

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes

from coursework.drawing import draw, drawn, png, series

X = np.array([0.0, 1.0, 2.0])
Y = np.array([3.0, -1.0, 2.0])
X_EDGES = np.array([-0.5, 0.5, 1.5, 2.5])


@pytest.mark.parametrize(
    ("kind", "plot"),
    [
        ("lines", lambda ax: ax.plot(X, Y, label="Up and down")),
        ("lines", lambda ax: ax.plot(X[::-1], Y[::-1], "o", label="up")),
        ("lines", lambda ax: ax.step(X, Y, label="up")),
        ("lines", lambda ax: ax.semilogx(X, Y, label="up")),
        ("lines", lambda ax: ax.errorbar(X, Y, yerr=1, fmt="o", label="up")),
        ("points", lambda ax: ax.scatter(X, Y, label="up")),
        ("bars", lambda ax: ax.bar(X, Y, label="up")),
        ("bars", lambda ax: ax.bar(X, Y, width=0.2, label="up")),
        ("bars", lambda ax: ax.stairs(Y, X_EDGES, label="up")),
        ("bars", lambda ax: ax.hist(X, X_EDGES, weights=Y, label="up")),
        ("lines", lambda ax: ax.vlines(X, 0, Y, label="up")),
        ("lines", lambda ax: ax.plot(["a", "b", "c"], Y, label="up")),
    ],
)
def test_a_series_is_found_by_its_label(
    kind: str, plot: Callable[[Axes], object]
) -> None:
    data = drawn(plot)
    assert data[kind]
    x, y = series(data, "up")
    np.testing.assert_allclose(x, X)
    np.testing.assert_allclose(y, Y)


def test_stems_are_found_by_their_label() -> None:
    x, y = series(drawn(lambda ax: ax.stem(X, Y, label="up")), "up")
    np.testing.assert_allclose(x, X)
    np.testing.assert_allclose(y, Y)


def test_none_or_two_of_a_name_are_refused() -> None:
    def twice(ax: Axes) -> None:
        ax.plot(X, Y, label="up")
        ax.scatter(X, Y, label="up")

    with pytest.raises(AssertionError, match="2 series are labelled 'up'"):
        series(drawn(twice), "up")
    with pytest.raises(AssertionError, match="0 series"):
        series(drawn(twice), "down")


@pytest.mark.parametrize("step", [None, "pre", "mid", "post"])
def test_a_band_has_its_edges(step: str | None) -> None:
    def plot(ax: Axes) -> None:
        ax.fill_between(X, Y, Y + 2, step=step)
        ax.fill_between(X, Y, Y + 2, where=X > 9)

    (band,) = drawn(plot)["bands"]
    np.testing.assert_allclose(band["x"], X)
    np.testing.assert_allclose(band["low"], Y)
    np.testing.assert_allclose(band["high"], Y + 2)


@pytest.mark.parametrize(
    "plot",
    [
        lambda ax: ax.axhline(2.0, label="level"),
        lambda ax: ax.hlines(2.0, 0, 1, label="level"),
        lambda ax: ax.plot([0, 1], [2.0, 2.0], label="level"),
    ],
)
def test_a_level_is_a_line(plot: Callable[[Axes], object]) -> None:
    x, y = series(drawn(plot), "level")
    np.testing.assert_allclose(x, [0, 1])
    np.testing.assert_allclose(y, 2)


def test_what_is_empty_is_left_out() -> None:
    def plot(ax: Axes) -> None:
        ax.vlines([], 0, 1, label="up")
        ax.plot([], [], label="up")
        ax.plot(X, Y, label="up")

    x, _ = series(drawn(plot), "up")
    np.testing.assert_allclose(x, X)


def test_words_and_scales() -> None:
    def plot(ax: Axes) -> None:
        ax.set(xlabel="a", ylabel="b", title="c", xscale="log")
        ax.plot(X + 1, Y, label="d")
        ax.legend()

    data = drawn(plot)
    words = [data[k] for k in ("xlabel", "ylabel", "title", "xscale", "yscale")]
    assert words == ["a", "b", "c", "log", "linear"]
    assert data["legend"] == ["d"]


def test_nothing_stays_open() -> None:
    before = plt.get_fignums()
    drawn(lambda ax: ax.plot(X, Y))
    assert plt.get_fignums() == before


def test_a_picture_is_a_png() -> None:
    figure, _ = draw(lambda ax: ax.plot(X, Y))
    assert png(figure).startswith("iVBORw0KGgo")
    plt.close(figure)
