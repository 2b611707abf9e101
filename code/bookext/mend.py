"""Repairs of what the theme writes, most for those who do not see the page.

Each is a pattern, what it becomes, and why. A pattern that is found on no page
has been repaired by the theme: then the build fails, and it can go.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

THEME = """\
{light: "light", dark: "dark"}[localStorage.getItem("mode")] ||
      (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");\
"""
REPAIRS = {
    "a page has one viewport": (
        r'(<meta name="viewport"[^>]*>)\s*<meta name="viewport"[^>]*>',
        r"\1",
    ),
    "a page has its colours before it is drawn, not drawn again for them": (
        r'localStorage\.getItem\("theme"\) \|\| "\w*";',
        THEME,
    ),
    "a button that opens a part of the contents needs a name": (
        r'<summary>(?=<span class="toctree-toggle")',
        '<summary aria-label="Show its pages">',
    ),
    "the search button is called what stands on it": (
        r'(<button class="btn search-button-field[^>]*?) aria-label="Search"',
        r"\1",
    ),
    "a cell that is folded is called what stands on it": (
        r'<summary aria-label="Toggle hidden content">',
        "<summary>",
    ),
    "the side bar is a region that one can jump to": (
        r'<div id="pst-primary-sidebar"',
        r'<div id="pst-primary-sidebar" role="navigation" aria-label="Book"',
    ),
    "a link to an exercise begins with its first letter": (
        r'(Solution to)(<a class="reference internal"[^>]*>) ',
        r"\1 \2",
    ),
    "the contents of all exercises have one id": (
        r'<section id="(?:exercise|solution)-content">',
        "<section>",
    ),
    "an entry of the bibliography is an item of its list": (
        r' role="doc-biblioentry"',
        ' role="listitem"',
    ),
}


def mend(app: Sphinx, error: Exception | None) -> None:
    """Apply all repairs to all pages.

    Raises:
        ExtensionError: a repair has become needless.
    """
    if error or app.builder.name != "html":
        return
    found = dict.fromkeys(REPAIRS, 0)
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text("utf-8")
        for why, (pattern, better) in REPAIRS.items():
            text, times = re.subn(pattern, better, text)
            found[why] += times
        page.write_text(text, "utf-8")
    for why, times in found.items():
        if not times:
            raise ExtensionError(f"nothing to repair any more: {why}")
