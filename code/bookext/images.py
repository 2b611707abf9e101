"""Pictures come after the text, which does not jump when they do."""

import functools
import re
from pathlib import Path

from PIL import Image
from sphinx.application import Sphinx

PICTURE = re.compile(r'<img (?=[^>]*src="([^"]+\.(?:png|svg))")')
SIZED = re.compile(r'<img (?![^>]*width=)(?=[^>]*src="([^"]+\.(?:png|svg))")')
DRAWN = re.compile(r'<svg[^>]*? width="([\d.]+)(?:pt)?" height="([\d.]+)')


def postpone(app: Sphinx, error: Exception | None) -> None:
    """Every picture of every page says its size, and may come late."""
    if error or app.builder.name != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text("utf-8")
        text = SIZED.sub(functools.partial(_sized, page), text)
        text = PICTURE.sub('<img loading="lazy" ', text)
        page.write_text(text, "utf-8")


def _sized(page: Path, found: re.Match[str]) -> str:
    width, height = size(page.parent / found[1])
    return f'<img width="{width:.0f}" height="{height:.0f}" '


def size(file: Path) -> tuple[float, float]:
    """Width and height that a picture says itself, in its own units."""
    if file.suffix == ".svg":
        width, height = DRAWN.search(file.read_text("utf-8")).groups()
        return float(width), float(height)
    with Image.open(file) as image:
        return image.size
