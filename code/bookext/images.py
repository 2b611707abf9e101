"""Pictures say their size, so that text does not jump when they arrive."""

import functools
import re
from pathlib import Path

from PIL import Image
from sphinx.application import Sphinx

PICTURE = re.compile(r'<img (?![^>]*width=)([^>]*?src="([^"]+\.png)")')


def give_sizes(app: Sphinx, error: Exception | None) -> None:
    """To every PNG of every page that has none."""
    if error or app.builder.name != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text("utf-8")
        sized = PICTURE.sub(functools.partial(_sized, page), text)
        page.write_text(sized, "utf-8")


def _sized(page: Path, found: re.Match[str]) -> str:
    with Image.open(page.parent / found[2]) as image:
        width, height = image.size
    return f'<img width="{width}" height="{height}" {found[1]}'
