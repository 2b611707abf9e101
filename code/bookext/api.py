"""The page of the modules: docstrings as Sphinx reads them."""

import re

from sphinx.application import Sphinx

SINGLE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
MARKUP = re.compile(r"(``[^`]+``)|([*|\\]|_(?=\W|$))")
SOURCE = re.compile(r"^(\s*)(Source|Requires): ")


def plain(
    app: Sphinx,
    what: str,
    name: str,
    thing: object,
    options: object,
    lines: list,
) -> None:
    """Formulas keep their stars and bars; one backtick is code, as for us."""
    for place, line in enumerate(lines):
        line = SINGLE.sub(r"``\1``", line)
        line = MARKUP.sub(lambda m: m[1] or "\\" + m[2], line)
        lines[place] = SOURCE.sub(r"\1**\2:** ", line)


def setup(app: Sphinx) -> None:
    """Before Napoleon reads the sections."""
    app.connect("autodoc-process-docstring", plain, priority=100)
