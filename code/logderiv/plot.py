"""A matplotlib figure that shows itself, on a page, on a phone, in words."""

import base64
import io
import itertools
import pickle
import re
import textwrap
from collections.abc import Iterator, Sequence

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.category import StrCategoryFormatter
from matplotlib.collections import PolyCollection
from matplotlib.container import BarContainer, Container, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter
from numpy.typing import ArrayLike
from PIL import Image

DOTS_PER_INCH = 100
WIDE, NARROW = 7.0, 3.6  # inches: a page, a phone
HEIGHT = {1: 2.4, 2: 1.7, 3: 1.0}  # inches of a row, by the panels in it
LETTERS = {1: (38, 32, 22), 2: (18, 16, 14), 3: (12, 12, 12)}  # title, x, y
TITLE = {"fontsize": 11, "fontweight": "bold"}
SMALL = 7.5  # points
COLOURS = {
    "colors": 256,
    "method": Image.Quantize.MAXCOVERAGE,
    "dither": Image.Dither.NONE,
}
SAID = 9  # points of a line, spread evenly, its ends among them
FEW = 5  # lines alike, up to which each is said
BARRED = "_nolegend_"  # matplotlib's label of dots that have error bars
ZERO = 1e-9  # below it there is rounding alone
UP = 1 + 1e-7  # ties of decimals round away from 0, whatever the last bits
DIGITS = re.compile(r"\d+")


class Plot(Figure):
    """Shows itself once, sharp, on white.

    Attributes:
        in_a_row: how many panels stand beside each other on a phone.
        turned: whether columns become rows there.
        dense: whether all stays as it is there, in small print.
        varies: whether its numbers differ from computer to computer, as those
            of a training do; then they are not said.
    """

    in_a_row = 1
    turned = False
    dense = False
    varies = False

    def _repr_mimebundle_(self, **_: object) -> tuple[dict, dict]:
        """As PNG, to look at, SVG, to take along, WebP for a phone, words."""
        png, svg = self._picture("png", optimize=True), self._svg()
        webp = self.narrow()._picture("webp", lossless=True)
        data = {
            "image/png": base64.b64encode(png).decode("ascii"),
            "image/svg+xml": svg.decode("utf-8"),
            "image/webp": base64.b64encode(webp).decode("ascii"),
            "text/plain": self.in_words(),
        }
        return data, {"image/png": {"width": int(WIDE * DOTS_PER_INCH)}}

    def in_words(self) -> str:
        """The message, then panel by panel what is drawn, in four digits."""
        lines = [self.get_suptitle()]
        for number, panel in enumerate(self.axes, start=1):
            counted = [f"lines, whose numbers vary: {len(panel.lines)}"]
            drawn = counted if self.varies else _drawn(panel)
            lines.append(_heading(number, panel))
            lines += [f"  {each}" for each in drawn]
        return "\n".join(lines)

    def _svg(self) -> bytes:
        with matplotlib.rc_context({"svg.hashsalt": "figure"}):
            return self._file("svg", metadata={"Date": None})

    def _picture(self, kind: str, **options: object) -> bytes:
        """In 256 colours, close to what was drawn, in fewer bytes."""
        buffer = io.BytesIO()
        with Image.open(io.BytesIO(self._file("png"))) as drawn:
            drawn.convert("RGB").quantize(**COLOURS).save(
                buffer, kind, **options
            )
        return buffer.getvalue()

    def _file(self, kind: str, **options: object) -> bytes:
        buffer = io.BytesIO()
        FigureCanvasAgg(self).print_figure(
            buffer, format=kind, dpi=2 * DOTS_PER_INCH, **options
        )
        return buffer.getvalue()

    def narrow(self) -> "Plot":
        """A copy for a phone: few panels in a row, legends below them."""
        copy = pickle.loads(pickle.dumps(self))
        if self.dense:
            _shrink(copy)
        else:
            _stack(copy)
        copy.suptitle(textwrap.fill(self.get_suptitle(), 34), **TITLE)
        return copy


def _shrink(figure: Plot) -> None:
    figure.set_size_inches(NARROW, 0.8 * figure.get_figheight())
    for text in figure.findobj(Text):
        text.set_fontsize(SMALL)
    for panel in figure.axes:
        names = [each.get_text() for each in panel.get_yticklabels()]
        panel.set_yticklabels([textwrap.fill(name, 16) for name in names])


def _stack(figure: Plot) -> None:
    panels = figure.axes
    if figure.turned:
        panels = sorted(panels, key=lambda each: _place(each).colspan.start)
    columns = figure.in_a_row
    rows = -(-len(panels) // columns)
    grid = GridSpec(rows, columns, figure=figure)
    legends = [*figure.legends, *map(Axes.get_legend, panels)]
    below = sum(_lower(figure, each) for each in legends if each)
    figure.set_size_inches(NARROW, 0.6 + HEIGHT[columns] * rows + below)
    for panel in panels:
        _say_all(panel, LETTERS[columns])
    for place, panel in enumerate(panels):
        panel.set_subplotspec(grid[divmod(place, columns)])
        if place % columns and not figure.turned:
            panel.set_ylabel("")


def _lower(figure: Plot, legend: Legend) -> float:
    """Move a legend below the panels; how many inches it takes."""
    names = [each.get_text() for each in legend.get_texts()]
    handles = legend.legend_handles
    if legend.axes:
        handles, _ = legend.axes.get_legend_handles_labels()
    figure.legend(
        handles,
        names,
        loc="outside lower center",
        title=legend.get_title().get_text(),
    )
    legend.remove()
    return 0.22 * len(names) + 0.3


def _say_all(panel: Axes, letters: tuple[int, int, int]) -> None:
    """What one panel says for its row or column, each says, in short lines."""
    here = _place(panel)
    for each in panel.figure.axes:
        if _place(each).rowspan == here.rowspan and not panel.get_ylabel():
            panel.set_ylabel(each.get_ylabel())
        if _place(each).colspan == here.colspan and not panel.get_xlabel():
            panel.set_xlabel(each.get_xlabel())
    panel.tick_params(labelbottom=True, labelleft=True)
    texts = (panel.title, panel.xaxis.label, panel.yaxis.label)
    for text, width in zip(texts, letters, strict=True):
        _wrap(text, width)
    for note in panel.texts:
        _wrap(note, 14)


def _place(panel: Axes) -> SubplotSpec:
    return panel.get_subplotspec()


def _wrap(text: Text, width: int) -> None:
    text.set_text(textwrap.fill(text.get_text(), width))


# In words


def _heading(number: int, panel: Axes) -> str:
    title = panel.get_title()
    words = {
        "": DIGITS.sub("…", title) if panel.figure.varies else title,
        "x: ": panel.get_xlabel(),
        "y: ": panel.get_ylabel(),
    }
    said = [f"{name}{each}" for name, each in words.items() if each]
    return ", ".join([f"panel {number}", *said])


def _drawn(panel: Axes) -> Iterator[str]:
    """Lines, bars, areas, and the words in the picture."""
    lines = [each for each in panel.lines if each.get_label() != BARRED]
    for _, alike in itertools.groupby(lines, key=_look):
        yield from _lines(panel, list(alike))
    for each in panel.containers:
        if isinstance(each, ErrorbarContainer):
            yield _error_bars(panel, each)
        elif isinstance(each, BarContainer):
            yield _bars(panel, each)
    for each in panel.collections:
        if isinstance(each, PolyCollection):
            yield from (_area(panel, each, one) for one in each.get_paths())
    for each in panel.texts:
        yield _words(panel, each)


def _look(line: Line2D) -> tuple:
    """What lines have in common that are alike, as those of many seeds."""
    return line.get_color(), line.get_linewidth(), tuple(line.get_xdata())


def _lines(panel: Axes, alike: Sequence[Line2D]) -> Iterator[str]:
    """Each of a few, the average of many."""
    if len(alike) <= FEW:
        yield from (_line(panel, each) for each in alike)
        return
    middle = np.mean([each.get_ydata() for each in alike], axis=0)
    name = f"{_kind(alike[0])}, the average of {len(alike)} alike"
    yield _mark(name, panel, alike[0].get_xdata(), middle)


def _line(panel: Axes, line: Line2D) -> str:
    x, y = line.get_data()
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
    x0, y0, x, y = np.transpose([each.get_bbox().extents for each in container])
    if container.orientation == "vertical":
        x = (x0 + x) / 2
    else:
        y = (y0 + y) / 2
    return _mark(_named("bars", container), panel, x, y)


def _area(panel: Axes, filled: PolyCollection, path: Path) -> str:
    """What fill_between fills: there along one curve, back along the other."""
    middle = len(path.vertices) // 2
    x, there = path.vertices[1:middle].T
    back = path.vertices[-2:middle:-1, 1]
    name, (low, high) = _named("area", filled), np.sort([there, back], axis=0)
    return _mark(name, panel, x, low, high, between=" to ")


def _words(panel: Axes, note: Text) -> str:
    """A note and its place, or from where to where an arrow without words."""
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
    rows = np.column_stack(columns)
    some = np.linspace(0, len(rows) - 1, min(SAID, len(rows))).astype(int)
    count = f", {len(some)} of {len(rows)} points" * (len(some) < len(rows))
    points = [_point(panel, each, between) for each in rows[some]]
    return f"{name}{count}: {' '.join(points)}"


def _point(panel: Axes, place: Sequence[float], between: str = "") -> str:
    x, *heights = place
    y = between.join(_value(panel.yaxis, each) for each in heights)
    return f"({_value(panel.xaxis, x)}, {y})"


def _value(axis: Axis, value: float) -> str:
    """In four digits, or by the name that the axis has for it."""
    names = axis.get_major_formatter()
    named = isinstance(names, (FuncFormatter, StrCategoryFormatter))
    return (named and names(value)) or in_digits(value)


def in_digits(value: float) -> str:
    """Four of them, the same on every computer."""
    return f"{0 if abs(value) < ZERO else UP * value:.4g}"
