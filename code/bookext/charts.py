"""Figures as files: pictures of those with sliders, and SVGs of all of them.

The forms for a phone are files, too; `images.py` puts them into the pages.

A cell that stores Vega-Lite becomes a picture, in a wide and a narrow form,
which needs no script and can be printed. Beside it lies the data, from which
`charts.js` makes the live figure when the picture comes into view.
"""

import binascii
import html
import json
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import vl_convert
from docutils import nodes
from myst_nb.core import render
from myst_nb.core.render import MimeData, NbElementRenderer
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from bookext import images
from bookext.assets import VEGA_LITE
from logderiv.figures.parts import MIME

SVG, PHONE = "image/svg+xml", "image/webp"
# How many columns, and how the name of the file ends.
FORMS = {"wide": (2, ""), "narrow": (1, "-narrow")}
RIGHTS = (
    "<!-- From the course The log-derivative trick, "
    "https://creativecommons.org/licenses/by/4.0/ -->"
)
PAGE = """\
<div class="chart" style="--knobs: {knobs}">
<picture>
<source media="(max-width: 600px)" srcset="{up}{narrow}">
<img src="{up}{wide}" alt="{alt}">
</picture>
<script type="application/json">{spec}</script>
</div>
"""
DOWNLOAD = (
    '<a class="as-svg" href="{href}" download title="Download as SVG">'
    "SVG, CC BY 4.0</a>"
)

# Vega-Lite draws in a process of its own, while the pages are read.
beside = ProcessPoolExecutor(1, get_context("spawn"))
drawings: dict[str, Future[str]] = {}


class Figures:
    """A renderer of MyST-NB."""

    # Of other figures the page shows the PNG, on a phone the WebP, and offers
    # the SVG.
    mime_priority_overrides = (("html", MIME, 0), ("html", "image/png", 1))

    @staticmethod
    def handle_mime(
        renderer: NbElementRenderer, data: MimeData, inline: bool
    ) -> list[nodes.Element] | None:
        """Nodes for what is ours; nothing for other outputs."""
        if inline or data.mime_type not in (MIME, SVG, PHONE):
            return None
        words = data.cell_metadata.get("mystnb", {})
        name = words.get("figure", {}).get("name")
        app = renderer.renderer.sphinx_env.app
        if data.mime_type == MIME:
            up = "../" * app.env.docname.count("/")
            alt = words.get("image", {}).get("alt", "")
            text = _picture(app, data.content, name, up, alt)
            return [nodes.raw("", text, format="html")]
        if name and data.mime_type == SVG:
            _write(app, name, data.string)
        elif name:
            place = images.narrow(Path(app.outdir), name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(binascii.a2b_base64(data.content))
        return []


def _picture(app: Sphinx, spec: dict, name: str, up: str, alt: str) -> str:
    places = {}
    for form, (columns, end) in FORMS.items():
        places[form] = _place(name + end)
        drawings[name + end] = beside.submit(
            vl_convert.vegalite_to_svg,
            spec | {"columns": columns},
            vl_version=VEGA_LITE,
        )
    return PAGE.format(
        up=up,
        alt=html.escape(alt),
        knobs=sum("bind" in each for each in spec["params"]),
        spec=json.dumps(spec, ensure_ascii=False).replace("</", r"<\/"),
        **places,
    )


def _place(name: str) -> str:
    """Where a figure's SVG is, from the top of the site."""
    return f"_images/{name}.svg"


def _write(app: Sphinx, name: str, svg: str) -> None:
    place = Path(app.outdir, _place(name))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"{svg}\n{RIGHTS}\n", "utf-8")


def keep_drawings(app: Sphinx, env: BuildEnvironment) -> None:
    """All pages are read, and the last pictures are being drawn."""
    while drawings:
        name, drawing = drawings.popitem()
        _write(app, name, drawing.result())


def offer_downloads(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Behind each caption, the figure as an SVG."""
    for figure in doctree.findall(nodes.figure):
        for place in _drawn(app, figure):
            link = DOWNLOAD.format(href="../" * docname.count("/") + place)
            caption = next(figure.findall(nodes.caption))
            caption += [nodes.Text(" "), nodes.raw("", link, format="html")]


def _drawn(app: Sphinx, figure: nodes.figure) -> list[str]:
    """Its SVG: one that the notebook stores, or the picture itself."""
    stored = [_place(name) for name in figure["ids"]]
    shown = [image["uri"] for image in figure.findall(nodes.image)]
    return [each for each in stored if Path(app.outdir, each).is_file()] + [
        f"_images/{app.env.images[uri][1]}"
        for uri in shown
        if uri.endswith(".svg")
    ]


def setup(app: Sphinx) -> None:
    """MyST-NB looks for renderers in installed packages; this is none."""
    render.load_mime_renders = lambda: [Figures]
    app.connect("env-updated", keep_drawings)
    app.connect("doctree-resolved", offer_downloads)
