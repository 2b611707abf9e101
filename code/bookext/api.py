"""The page of the modules: docstrings as Sphinx reads them."""

import re

from sphinx.application import Sphinx
from sphinx.ext.autodoc.mock import _MockObject

SINGLE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
MARKUP = re.compile(r"(``[^`]+``)|([*|\\]|_(?=\W|$))")
SECTION = r"Args|Parameters|Returns|Raises|Requires|Source"
SAID = re.compile(rf"^(\s*)((?:{SECTION})(?:, (?:{SECTION}))*): ")
FORMULA = re.compile(r"\w[^.]* = ")
INDENTED = re.compile(r" {4}\S")


def plain(
    app: Sphinx,
    what: str,
    name: str,
    thing: object,
    options: object,
    lines: list,
) -> None:
    """Formulas keep their lines, stars and bars; one backtick is code."""
    text, literal, before = [], False, ""
    for place, line in enumerate(lines):
        if not line.strip():
            text.append("")
            continue
        starts = INDENTED.match(line) and not (place and lines[place - 1])
        if starts and not literal and not before.startswith(" "):
            text += [".. code-block:: text", ""]
            literal = True
        literal = literal and line.startswith(" ")
        text.append(line if literal else _marked(line, _alone(lines, place)))
        before = line
    lines[:] = text


def _alone(lines: list[str], place: int) -> bool:
    """Is it not one of several lines of formulas?"""
    beside = lines[max(place - 1, 0) : place + 2]
    return sum(bool(FORMULA.match(line)) for line in beside) < 2


def _marked(line: str, alone: bool) -> str:
    formula = FORMULA.match(line)
    line = SINGLE.sub(r"``\1``", line)
    line = MARKUP.sub(lambda m: m[1] or "\\" + m[2], line)
    line = SAID.sub(r"\1**\2:** ", line).replace("**Args,", "**Parameters,")
    return f"| {line}" if formula and not alone else line


def skip(
    app: Sphinx, what: str, name: str, thing: object, skips: bool, options: dict
) -> bool | None:
    """Fields of named tuples, which say nothing of themselves."""
    says = getattr(thing, "__doc__", None) or ""
    return says.startswith("Alias for field number") or None


def signature(
    app: Sphinx,
    what: str,
    name: str,
    thing: object,
    options: object,
    arguments: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """A list that a dataclass makes anew is an empty one."""
    return arguments and arguments.replace("<factory>", "[]"), returns


def setup(app: Sphinx) -> None:
    """Before Napoleon reads the sections."""
    # PyTorch takes seconds to import: a mock stands for it, also in `X | Y`.
    app.config.autodoc_mock_imports = ["torch"]
    for operator in ("__or__", "__ror__"):
        setattr(_MockObject, operator, lambda self, other: self)
    app.connect("autodoc-process-signature", signature)
    app.connect("autodoc-process-docstring", plain, priority=100)
    app.connect("autodoc-skip-member", skip)
