"""The theme's font of icons has two thousand; pages get those they show."""

import re
from pathlib import Path

from fontTools import subset
from sphinx.application import Sphinx

ICON = re.compile(r"\bfa-([a-z0-9-]+)")
GLYPH = re.compile(r'((?:\.fa-[\w-]+:before,?)+)\{content:"\\([0-9a-f]+)"\}')
RAW = re.compile("[\ue000-\uf8ff]")
CODE = re.compile(r'"\\([0-9a-f]{4})"')


def keep_used(app: Sphinx, error: Exception | None) -> None:
    """Cut the fonts, and the style sheets that name their icons."""
    if error or app.builder.format != "html":
        return
    site = Path(app.outdir)
    sheets = {
        path: path.read_text("utf-8") for path in site.glob("_static/**/*.css")
    }
    codes = _shown(site, "\n".join(sheets.values()))
    _cut(site / "_static/vendor/fontawesome/webfonts", codes)
    for path, text in sheets.items():
        kept = GLYPH.sub(lambda m: m[0] if m[2] in codes else "", text)
        path.write_text(kept, "utf-8")


def _shown(site: Path, style: str) -> set[str]:
    """The code points of icons that pages, scripts or style use."""
    pages = [*site.rglob("*.html"), *site.glob("_static/scripts/*.js")]
    used = {
        name for page in pages for name in ICON.findall(page.read_text("utf-8"))
    }
    others = GLYPH.sub("", style)
    raw = {f"{ord(character):x}" for character in RAW.findall(others)}
    named = {
        code
        for names, code in GLYPH.findall(style)
        if used & set(ICON.findall(names))
    }
    return raw | named | set(CODE.findall(others))


def _cut(fonts: Path, codes: set[str]) -> None:
    options = ["--flavor=woff2", f"--unicodes={','.join(sorted(codes))}"]
    for font in fonts.glob("*.ttf"):
        small = font.with_suffix(".woff2")
        subset.main([str(font), *options, f"--output-file={small}"])
        font.unlink()
