"""The theme's font of icons has two thousand; pages get those they show."""

import re
from pathlib import Path

from fontTools import subset
from sphinx.application import Sphinx

from bookext.styles import SHEET

RAW = re.compile("[\ue000-\uf8ff]")
CODE = re.compile(r'"\\([0-9a-f]{4})"')


def keep_used(app: Sphinx, error: Exception | None) -> None:
    """Cut the fonts to what the style sheet and the pages write with them."""
    if error or app.builder.format != "html":
        return
    site = Path(app.outdir)
    codes = set(CODE.findall((site / "_static" / SHEET).read_text("utf-8")))
    for page in site.rglob("*.html"):
        for character in RAW.findall(page.read_text("utf-8")):
            codes.add(f"{ord(character):x}")
    options = ["--flavor=woff2", f"--unicodes={','.join(sorted(codes))}"]
    for font in (site / "_static/vendor/fontawesome/webfonts").glob("*.ttf"):
        small = font.with_suffix(".woff2")
        subset.main([str(font), *options, f"--output-file={small}"])
        font.unlink()
