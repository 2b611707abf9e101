"""What a picture shows, in words: marks and numbers, panel by panel."""

import itertools
import re
from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.category import StrCategoryFormatter
from matplotlib.collections import PolyCollection
from matplotlib.container import BarContainer, Container, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter
from numpy.typing import ArrayLike

SAID = 9  # points of a line, spread evenly, its ends among them
FEW = 5  # lines alike, up to which each is said
BARRED = "_nolegend_"  # matplotlib's label of dots that have error bars
ZERO = 1e-9  # below it there is rounding alone
UP = 1 + 1e-7  # ties of decimals round away from 0, whatever the last bits
DIGITS = re.compile(r"\d+")


def describe(figure: Figure, varies: bool) -> str:
    """The message, then panel by panel what is drawn, in four digits.

    Args:
        varies: whether numbers differ from computer to computer; then they
            are not said.
    """
    lines = [figure.get_suptitle()]
    for number, panel in enumerate(figure.axes, start=1):
        counted = [f"lines, whose numbers vary: {len(panel.lines)}"]
        lines.append(_heading(number, panel, varies))
        marks = counted if varies else _marks(panel)
        lines += [f"  {mark}" for mark in marks]
    return "\n".join(lines)


def _heading(number: int, panel: Axes, varies: bool) -> str:
    title = panel.get_title()
    names = {
        "": DIGITS.sub("…", title) if varies else title,
        "x: ": panel.get_xlabel(),
        "y: ": panel.get_ylabel(),
    }
    said = [f"{what}{name}" for what, name in names.items() if name]
    return ", ".join([f"panel {number}", *said])


def _marks(panel: Axes) -> Iterator[str]:
    """Lines, bars, areas, and the words in the picture."""
    lines = [line for line in panel.lines if line.get_label() != BARRED]
    for _, alike in itertools.groupby(lines, key=_look):
        yield from _lines(panel, list(alike))
    for container in panel.containers:
        if isinstance(container, ErrorbarContainer):
            yield _error_bars(panel, container)
        elif isinstance(container, BarContainer):
            yield _bars(panel, container)
    for filled in panel.collections:
        if isinstance(filled, PolyCollection):
            yield from (
                _area(panel, filled, path) for path in filled.get_paths()
            )
    for note in panel.texts:
        yield _note(panel, note)


def _look(line: Line2D) -> tuple:
    """What lines have in common that are alike, as those of many seeds."""
    x, _ = line.get_data()
    return line.get_color(), line.get_linewidth(), tuple(np.asarray(x))


def _lines(panel: Axes, alike: Sequence[Line2D]) -> Iterator[str]:
    """Each of a few, the average of many."""
    if len(alike) <= FEW:
        yield from (_line(panel, line) for line in alike)
        return
    middle = np.mean([np.asarray(line.get_ydata()) for line in alike], axis=0)
    name = f"{_kind(alike[0])}, the average of {len(alike)} alike"
    yield _mark(name, panel, alike[0].get_xdata(), middle)


def _line(panel: Axes, line: Line2D) -> str:
    x, y = map(np.asarray, line.get_data())
    if line.get_transform() == panel.get_yaxis_transform():
        return f"line across: {_value(panel.yaxis, y[0])}"
    if line.get_transform() == panel.get_xaxis_transform():
        return f"line down: {_value(panel.xaxis, x[0])}"
    return _mark(_named(_kind(line), line), panel, x, y)


def _kind(line: Line2D) -> str:
    return "dots" if line.get_linestyle() == "None" else "line"


def _error_bars(panel: Axes, container: ErrorbarContainer) -> str:
    line, _, [bars] = container.lines
    half = [np.ptp(ends[:, 1]) / 2 for ends in bars.get_segments()]
    name = _named("dots", container)
    return _mark(name, panel, *line.get_data(), half, between=" ± ")


def _bars(panel: Axes, container: BarContainer) -> str:
    """Where each of them ends."""
    x0, y0, x, y = np.transpose([bar.get_bbox().extents for bar in container])
    if container.orientation == "vertical":
        x = (x0 + x) / 2
    else:
        y = (y0 + y) / 2
    return _mark(_named("bars", container), panel, x, y)


def _area(panel: Axes, filled: PolyCollection, outline: Path) -> str:
    """What fill_between fills: there along one curve, back along the other."""
    corners = np.asarray(outline.vertices)
    middle = len(corners) // 2
    x, there = corners[1:middle].T
    back = corners[-2:middle:-1, 1]
    name, (low, high) = _named("area", filled), np.sort([there, back], axis=0)
    return _mark(name, panel, x, low, high, between=" to ")


def _note(panel: Axes, note: Text) -> str:
    """Words and their place, or from where to where an arrow without words."""
    place = _point(panel, getattr(note, "xy", note.get_position()))
    if note.get_text():
        return f"“{' '.join(note.get_text().split())}”: {place}"
    return f"arrow: {_point(panel, note.get_position())} {place}"


def _named(kind: str, mark: Artist | Container) -> str:
    label = str(mark.get_label())
    return kind if label.startswith("_") else f"{kind} “{label}”"


def _mark(
    name: str, panel: Axes, *columns: ArrayLike, between: str = ""
) -> str:
    """The name, and points spread evenly, of columns x, y and maybe more."""
    rows = np.column_stack([np.asarray(column) for column in columns])
    some = np.linspace(0, len(rows) - 1, min(SAID, len(rows))).astype(int)
    count = f", {len(some)} of {len(rows)} points" * (len(some) < len(rows))
    points = [_point(panel, row, between) for row in rows[some]]
    return f"{name}{count}: {' '.join(points)}"


def _point(panel: Axes, place: Sequence[float], between: str = "") -> str:
    x, *heights = place
    y = between.join(_value(panel.yaxis, height) for height in heights)
    return f"({_value(panel.xaxis, x)}, {y})"


def _value(axis: Axis, value: float) -> str:
    """In four digits, or by the name that the axis has for it."""
    names = axis.get_major_formatter()
    named = isinstance(names, (FuncFormatter, StrCategoryFormatter))
    return (named and names(value)) or in_digits(value)


def in_digits(value: float) -> str:
    """Four of them, the same on every computer."""
    return f"{0 if abs(value) < ZERO else UP * value:.4g}"
