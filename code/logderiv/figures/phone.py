"""A figure for a phone: few panels in a row, legends below them."""

import textwrap
from typing import cast

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec, SubplotSpec
from matplotlib.legend import Legend
from matplotlib.text import Text

NARROW = 3.6  # inches
HEIGHT = {1: 2.4, 2: 1.7, 3: 1.0}  # inches of a row, by the panels in it
LETTERS = {1: (38, 32, 22), 2: (18, 16, 14), 3: (12, 12, 12)}  # title, x, y
SMALL = 7.5  # points


def shrink(figure: Figure) -> None:
    """All stays as it is, in small print."""
    figure.set_size_inches(NARROW, 0.8 * figure.get_figheight())
    for text in figure.findobj(Text):
        text.set_fontsize(SMALL)
    for panel in figure.axes:
        names = [label.get_text() for label in panel.get_yticklabels()]
        panel.set_yticklabels([textwrap.fill(name, 16) for name in names])


def stack(figure: Figure, columns: int, turned: bool) -> None:
    """So many panels in a row; where turned, those of one column before."""
    panels = figure.axes
    if turned:
        panels = sorted(panels, key=lambda panel: _place(panel).colspan.start)
    rows = -(-len(panels) // columns)
    places = GridSpec(rows, columns, figure=figure)
    legends = [*figure.legends, *map(Axes.get_legend, panels)]
    below = sum(_lower(figure, legend) for legend in legends if legend)
    figure.set_size_inches(NARROW, 0.6 + HEIGHT[columns] * rows + below)
    for panel in panels:
        _say_all(panel, LETTERS[columns])
    for number, panel in enumerate(panels):
        panel.set_subplotspec(places[divmod(number, columns)])
        if number % columns and not turned:
            panel.set_ylabel("")


def _lower(figure: Figure, legend: Legend) -> float:
    """Move a legend below the panels; how many inches it takes."""
    names = [text.get_text() for text in legend.get_texts()]
    handles = [mark for mark in legend.legend_handles if mark is not None]
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
    for other in panel.figure.axes:
        if _place(other).rowspan == here.rowspan and not panel.get_ylabel():
            panel.set_ylabel(other.get_ylabel())
        if _place(other).colspan == here.colspan and not panel.get_xlabel():
            panel.set_xlabel(other.get_xlabel())
    panel.tick_params(labelbottom=True, labelleft=True)
    texts = (panel.title, panel.xaxis.label, panel.yaxis.label)
    for text, width in zip(texts, letters, strict=True):
        _wrap(text, width)
    for note in panel.texts:
        _wrap(note, 14)


def _place(panel: Axes) -> SubplotSpec:
    # None only for panels that stand outside a grid; there are none here.
    return cast(SubplotSpec, panel.get_subplotspec())


def _wrap(text: Text, width: int) -> None:
    text.set_text(textwrap.fill(text.get_text(), width))
