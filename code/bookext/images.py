"""Pictures come after the text, which does not jump when they do."""

import functools
import os
import re
from pathlib import Path

from PIL import Image
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

PICTURE = re.compile(r'<img (?=[^>]*src="([^"]+\.(?:png|svg))")')
UNSIZED = re.compile(
    r"<(img|source) (?![^>]*width=)"
    r'(?=[^>]*src(?:set)?="([^"]+\.(?:png|svg|webp))")'
)
FIGURE = re.compile(r'(<figure [^>]*id="([^"]+)">\s*<a [^>]*>)(<img [^>]*>)')
FORMS = """\
{before}<picture>
<source media="(max-width: 600px)" srcset="{narrow}">
{image}
</picture>"""
DRAWN = re.compile(r'<svg[^>]*? width="([\d.]+)(?:pt)?" height="([\d.]+)')


def postpone(app: Sphinx, error: Exception | None) -> None:
    """Every picture of every page says its size, and may come late."""
    if error or app.builder.name != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text("utf-8")
        text = FIGURE.sub(functools.partial(_in_two_forms, app, page), text)
        text = UNSIZED.sub(functools.partial(_sized, page), text)
        text = PICTURE.sub('<img loading="lazy" ', text)
        page.write_text(text, "utf-8")


def _sized(page: Path, found: re.Match[str]) -> str:
    width, height = _size(page.parent / found[2])
    return f'<{found[1]} width="{width:.0f}" height="{height:.0f}" '


def narrow(site: Path, name: str) -> Path:
    """Where a figure's form for a phone is."""
    return site / "_images" / f"{name}-narrow.webp"


def _in_two_forms(app: Sphinx, page: Path, found: re.Match[str]) -> str:
    before, name, image = found.groups()
    file = narrow(Path(app.outdir), name)
    if not file.is_file():
        return found[0]
    return FORMS.format(
        before=before, image=image, narrow=os.path.relpath(file, page.parent)
    )


def _size(file: Path) -> tuple[float, float]:
    """Width and height that a picture says itself, in its own units."""
    if file.suffix == ".svg":
        found = DRAWN.search(file.read_text("utf-8"))
        if not found:
            raise ExtensionError(f"{file} does not say its size")
        return float(found[1]), float(found[2])
    with Image.open(file) as image:
        return image.size
