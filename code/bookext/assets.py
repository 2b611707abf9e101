"""What every page loads: style, scripts, fonts, all from the site itself."""

import re
import sys
from pathlib import Path

from fontTools import subset
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

HERE = Path(__file__).parent
ASSETS = Path(sys.prefix, "site")
VEGA_LITE = "5.20"
ABOUT = (
    "A course on one line of mathematics, the log-derivative trick, and on "
    "what it makes possible: from the identity to REINFORCE on CartPole."
)
ICON = re.compile(r"\bfa-([a-z0-9-]+)")
GLYPH = re.compile(r'((?:\.fa-[\w-]+:before,?)+)\{content:"\\([0-9a-f]+)"\}')
RAW = re.compile("[\ue000-\uf8ff]")
CODE = re.compile(r'"\\([0-9a-f]{4})"')
# Icons are drawn by the theme's fonts; maps are for who debugs the theme.
UNUSED = ("fontawesome.js", ".map")


def prepare(app: Sphinx, config: Config) -> None:
    """Before anything is read.

    Raises:
        ExtensionError: `python -m bookext` was not run.
    """
    if not (ASSETS / "vega.js").is_file():
        raise ExtensionError(f"{ASSETS} is empty: run python -m bookext")
    config.templates_path.append(str(HERE / "templates"))
    config.html_static_path += [str(ASSETS), str(HERE / "static")]
    config.html_favicon = str(HERE / "static/favicon.svg")
    config.html_context |= {"default_mode": "auto", "about": ABOUT}
    config.html_additional_pages["index"] = "start.html"


def tidy(app: Sphinx, error: Exception | None) -> None:
    """Take away what the theme brings and no page uses."""
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    for path in static.rglob("*"):
        if any(name in path.name for name in UNUSED):
            path.unlink()
    _keep_used_icons(Path(app.outdir))


def _code(character: str) -> str:
    return f"{ord(character):x}"


def _keep_used_icons(site: Path) -> None:
    """The font of the icons has two thousand; the pages show some twenty."""
    pages = [*site.rglob("*.html"), *site.glob("_static/scripts/*.js")]
    used = {
        name for page in pages for name in ICON.findall(page.read_text("utf-8"))
    }
    sheets = site.glob("_static/**/*.css")
    style = "\n".join(sheet.read_text("utf-8") for sheet in sheets)
    others = GLYPH.sub("", style)
    codes = set(CODE.findall(others)) | set(map(_code, RAW.findall(others)))
    codes |= {
        code
        for names, code in GLYPH.findall(style)
        if used & set(ICON.findall(names))
    }
    fonts = site / "_static/vendor/fontawesome/webfonts"
    options = ["--flavor=woff2", f"--unicodes={','.join(sorted(codes))}"]
    for font in fonts.glob("*.ttf"):
        small = font.with_suffix(".woff2")
        subset.main([str(font), *options, f"--output-file={small}"])
        font.unlink()
