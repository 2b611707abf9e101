"""A matplotlib figure that shows itself, on a page and on a phone."""

import base64
import io
import pickle
import textwrap

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec
from matplotlib.legend import Legend
from matplotlib.text import Text
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


class Plot(Figure):
    """Shows itself once, sharp, on white.

    Attributes:
        in_a_row: how many panels stand beside each other on a phone.
        turned: whether columns become rows there.
        dense: whether all stays as it is there, in small print.
    """

    in_a_row = 1
    turned = False
    dense = False

    def _repr_mimebundle_(self, **_: object) -> tuple[dict, dict]:
        """As PNG, to look at, as SVG, to take along, as WebP for a phone."""
        png, svg = self._picture("png", optimize=True), self._svg()
        webp = self.narrow()._picture("webp", lossless=True)
        data = {
            "image/png": base64.b64encode(png).decode("ascii"),
            "image/svg+xml": svg.decode("utf-8"),
            "image/webp": base64.b64encode(webp).decode("ascii"),
            "text/plain": "a figure",
        }
        return data, {"image/png": {"width": int(WIDE * DOTS_PER_INCH)}}

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
