"""What a plot answer drew, as data."""

import base64
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import (
    LineCollection,
    PathCollection,
    PolyCollection,
)
from matplotlib.container import (
    BarContainer,
    ErrorbarContainer,
    StemContainer,
)
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch


def drawn(plot: Callable[[Axes], object]) -> dict:
    """What `plot(ax)` puts on empty axes.

    Returns:
        `title`, `xlabel`, `ylabel`, `xscale`, `yscale`, `legend` (its texts),
        and the lists `lines`, `points`, `bars` and `bands`. Each entry has a
        `label`, `x` and `y`; a band has `x`, `low` and `high`.
    """
    if hasattr(plot, "drawn"):
        return plot.drawn()
    figure, axes = draw(plot)
    plt.close(figure)
    return describe(axes)


def series(data: dict, word: str) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the one line, or set of points or bars, with the word.

    Raises:
        AssertionError: no series, or several, have it in their label.
    """
    kinds = (data[kind] for kind in ("lines", "points", "bars"))
    found = [s for kind in kinds for s in kind if word in s["label"].lower()]
    assert len(found) == 1, f"{len(found)} series are labelled '{word}'"
    order = np.argsort(found[0]["x"], kind="stable")
    return found[0]["x"][order], found[0]["y"][order]


class Stepless(Axes):
    """Axes whose bands are drawn without steps: their data count."""

    def fill_between(self, *data: Any, step: object = None, **look: Any) -> Any:
        return super().fill_between(*data, **look)


def draw(plot: Callable[[Axes], object]) -> tuple[Figure, Axes]:
    """Empty axes, drawn on, and the figure that they are."""
    figure, axes = plt.subplots(
        figsize=(5, 3.5),
        layout="constrained",
        subplot_kw={"axes_class": Stepless},
    )
    plot(axes)
    return figure, axes


def describe(axes: Axes) -> dict:
    """The data, labels and scales of what was drawn on the axes."""
    legend = axes.get_legend()
    texts = legend.get_texts() if legend else []
    return {
        "title": axes.get_title(),
        "xlabel": axes.get_xlabel(),
        "ylabel": axes.get_ylabel(),
        "xscale": axes.get_xscale(),
        "yscale": axes.get_yscale(),
        "legend": [text.get_text() for text in texts],
        **_data(axes),
    }


def _data(axes: Axes) -> dict[str, list[dict]]:
    named = dict(_lines_of_containers(axes))
    return {
        "lines": [
            *_all(axes.lines, Line2D, lambda each: _line(each, named)),
            *_all(axes.collections, LineCollection, _segments),
        ],
        "points": _all(axes.collections, PathCollection, _points),
        "bars": [
            *_all(axes.containers, BarContainer, _bars),
            *_all(axes.patches, StepPatch, _steps),
        ],
        "bands": _all(axes.collections, PolyCollection, _band),
    }


def png(figure: Figure) -> str:
    """The picture, in base64."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _all(found: Iterable, kind: type, data: Callable) -> list[dict]:
    """The data of all of a kind, but for what is empty."""
    series = (data(each) for each in found if isinstance(each, kind))
    return [each for each in series if len(each["x"])]


def _lines_of_containers(axes: Axes) -> Iterator[tuple[Line2D, str]]:
    """Lines of stems and error bars, whose containers have the label."""
    for each in axes.containers:
        if isinstance(each, StemContainer):
            yield each.markerline, str(each.get_label())
        elif isinstance(each, ErrorbarContainer) and each.lines[0]:
            yield each.lines[0], str(each.get_label())


def _line(line: Line2D, named: Mapping[Line2D, str]) -> dict:
    x, y = (np.asarray(each, float) for each in line.get_data(orig=False))
    return {"label": named.get(line, str(line.get_label())), "x": x, "y": y}


def _segments(collection: LineCollection) -> dict:
    """Their points; of upright ones, as stems have, the ends alone."""
    pieces = collection.get_segments()
    if all(len(piece) == 2 and np.ptp(piece[:, 0]) == 0 for piece in pieces):
        pieces = [piece[1:] for piece in pieces]
    x, y = np.concatenate([np.empty((0, 2)), *pieces]).T
    return {"label": str(collection.get_label()), "x": x, "y": y}


def _points(collection: PathCollection) -> dict:
    x, y = np.asarray(collection.get_offsets(), float).T
    return {"label": str(collection.get_label()), "x": x, "y": y}


def _bars(container: BarContainer) -> dict:
    x = [bar.get_x() + bar.get_width() / 2 for bar in container.patches]
    y = [bar.get_y() + bar.get_height() for bar in container.patches]
    label = str(container.get_label())
    if label.startswith("_") and container.patches:
        label = str(container.patches[0].get_label())
    return {"label": label, "x": np.array(x), "y": np.array(y)}


def _steps(patch: StepPatch) -> dict:
    heights, edges, _ = patch.get_data()
    middles = (edges[1:] + edges[:-1]) / 2
    return {"label": str(patch.get_label()), "x": middles, "y": heights}


def _band(collection: PolyCollection) -> dict:
    """Lowest and highest y of the outline at each of its x."""
    paths = [path.vertices for path in collection.get_paths()]
    corners = np.concatenate([np.empty((0, 2)), *paths])
    x = np.unique(corners[:, 0])
    y = [corners[corners[:, 0] == each, 1] for each in x]
    low, high = (np.array([end(each) for each in y]) for end in (min, max))
    return {
        "label": str(collection.get_label()),
        "x": x,
        "low": low,
        "high": high,
    }
