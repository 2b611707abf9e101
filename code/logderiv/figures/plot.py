"""A matplotlib figure that shows itself, on a page, on a phone, in words."""

import base64
import io
import pickle
import textwrap
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from logderiv.figures import phone, words

DOTS_PER_INCH = 100
WIDE = 7.0  # inches: a page
TITLE: dict[str, Any] = {"fontsize": 11, "fontweight": "bold"}
COLOURS = 256

Share = Literal["none", "all", "row"]


class Plot(Figure):
    """Shows itself once, sharp, on white.

    Args:
        message: its title, one sentence.
        height: in inches.

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

    def __init__(self, message: str, height: float):
        super().__init__(
            figsize=(WIDE, height), layout="constrained", facecolor="white"
        )
        self.suptitle(message, **TITLE)

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
        return words.describe(self, self.varies)

    def _svg(self) -> bytes:
        with matplotlib.rc_context({"svg.hashsalt": "figure"}):
            return self._file("svg", metadata={"Date": None})

    def _picture(self, kind: str, **options: object) -> bytes:
        """In 256 colours, close to what was drawn, in fewer bytes."""
        buffer = io.BytesIO()
        with Image.open(io.BytesIO(self._file("png"))) as drawn:
            few = drawn.convert("RGB").quantize(
                COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
            )
            few.save(buffer, kind, **options)
        return buffer.getvalue()

    def _file(self, kind: str, **options: Any) -> bytes:
        buffer = io.BytesIO()
        FigureCanvasAgg(self).print_figure(
            buffer, format=kind, dpi=2 * DOTS_PER_INCH, **options
        )
        return buffer.getvalue()

    def narrow(self) -> "Plot":
        """A copy for a phone: few panels in a row, legends below them."""
        copy = pickle.loads(pickle.dumps(self))
        if self.dense:
            phone.shrink(copy)
        else:
            phone.stack(copy, self.in_a_row, self.turned)
        copy.suptitle(textwrap.fill(self.get_suptitle(), 34), **TITLE)
        return copy


def panels(
    message: str,
    columns: int = 1,
    height: float = 3.4,
    share: Share = "none",
) -> tuple[Plot, list[Axes]]:
    """A figure of so many panels beside each other."""
    figure, [row] = grid(message, 1, columns, height, share)
    return figure, list(row)


def grid(
    message: str, rows: int, columns: int, height: float, share: Share
) -> tuple[Plot, np.ndarray]:
    """A figure and its panels (rows, columns), which may share their axes."""
    figure = Plot(message, height)
    axes = figure.subplots(
        rows, columns, squeeze=False, sharex=share, sharey=share
    )
    for panel in axes.flat:
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(alpha=0.25)
        panel.set_axisbelow(True)
    return figure, axes


def note(
    axes: Axes,
    text: str,
    place: tuple[float, float],
    offset: tuple[float, float],
    **look: Any,
) -> None:
    """Words beside a place, so many points to the right and up."""
    axes.annotate(
        text, place, textcoords="offset points", xytext=offset, **look
    )


def signed(value: float, digits: int = 2) -> str:
    """With a sign, the minus as long as the plus."""
    return f"{value:+.{digits}f}".replace("-", "−")
