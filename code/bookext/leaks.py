"""Looks for answers and hidden tests in all that a build has written.

What stands in the masters must be published nowhere, however it got there. So
the finished site is read, archives in it opened, and one line of an answer or
of a hidden test ends the build and takes the site away.
"""

import codecs
import html
import io
import re
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from coursework.master import HIDDEN, SOLUTION, Master, masters

# A shorter line says little; it is looked for together with those below it.
SHORTEST, PHRASE = 25, 40
WORD = re.compile(r"[A-Za-z_]\w{3,}")
TAG = re.compile(r"<[^>]*>")
# What a page does not show as it was written: formulas, emphasis, quotes.
MARKUP = re.compile(r"\$[^$]*\$|[*_`\"']|--|\.\.\.")
SENTENCE = re.compile(r"(?<=[.:;?!]) ")
# What stands in a notebook's file between two lines of a cell.
JOINT = re.compile(r'\\n",\s*"')
ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))")
PICTURE = re.compile(r"[A-Za-z0-9+/=]{1000,}")


def refuse(app: Sphinx, error: Exception | None) -> None:
    """Take the site away if it holds an answer or a hidden test.

    Raises:
        ExtensionError: it did.
    """
    site = Path(app.outdir)
    found = find(site, masters(Path(app.srcdir, "chapters")))
    if found:
        shutil.rmtree(site.resolve())
        lines = (f"{name}: {line}" for name, line in sorted(found.items()))
        raise ExtensionError(
            f"{site} is removed: it held answers or hidden tests.\n"
            + "\n".join(lines)
        )


def find(folder: Path, masters: Iterable[Master]) -> dict[str, str]:
    """The files that hold a secret, by their place, and the first in each."""
    hidden = [line for master in masters for line in secrets(master)]
    words = {line: set(WORD.findall(line)) for line in hidden}
    found = {}
    for name, data in files(folder):
        text = PICTURE.sub("", decoded(data))
        plain = ESCAPED.sub(_character, JOINT.sub("\n", text))
        texts = {plain} if text.startswith("{") else {text, plain}
        # Searching is slow: for lines alone whose words are all there.
        seen = {word for each in texts for word in WORD.findall(each)}
        lines = [line for line in words if words[line] <= seen]
        shown = "\n".join(forms(texts)) if lines else ""
        if line := next((line for line in lines if line in shown), ""):
            found[name] = line
    return found


def secrets(master: Master) -> Iterator[str]:
    """Pieces of its answers and hidden tests, each one line or a few."""
    for cell in master.notebook.cells:
        for pattern in (SOLUTION, HIDDEN):
            for found in pattern.finditer(cell.source):
                if cell.cell_type == "code":
                    yield from _code(found["inside"])
                else:
                    yield from _prose(found["inside"])


def _code(text: str) -> Iterator[str]:
    """Every line; a short one with as many below it as make a long one."""
    lines = [spaced(line) for line in text.splitlines() if line.strip()]
    for start, line in enumerate(lines):
        ends = range(start + 1, len(lines) + 1)
        pieces = (" ".join(lines[start:end]) for end in ends)
        if not line.startswith(("import ", "from ")):
            yield from islice((p for p in pieces if len(p) >= SHORTEST), 1)


def _prose(text: str) -> Iterator[str]:
    """Its sentences, or what is between the markup in them."""
    for run in MARKUP.split(text):
        parts = SENTENCE.split(spaced(run))
        yield from (part for part in parts if len(part) >= PHRASE)


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Place and bytes of every file, in archives too, the same ones once."""
    seen: set[bytes] = set()
    paths = sorted(folder.rglob("*"))
    for path in sorted(paths, key=lambda each: each.suffix == ".zip"):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            for place, data in _opened(name, path.read_bytes()):
                if data not in seen:
                    seen.add(data)
                    yield place, data


def _opened(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if not data.startswith(b"PK\x03\x04"):
        yield name, data
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for each in archive.namelist():
            yield from _opened(f"{name}/{each}", archive.read(each))


def forms(texts: set[str]) -> set[str]:
    """As they are stored and as they are shown, without tags and entities."""
    shown = {*texts, *(TAG.sub("", text) for text in texts)}
    return {spaced(html.unescape(each)) for each in shown}


def decoded(data: bytes) -> str:
    """By its mark, else as UTF-8; nothing of what is no text."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return "" if b"\0" in data[:1000] else data.decode("utf-8", "replace")


def _character(found: re.Match[str]) -> str:
    """What an escape of JSON or JavaScript stands for."""
    code = found[1] or found[2]
    if code:
        return chr(int(code, 16))
    return " " if found[3] in "nrt" else found[3]


def spaced(text: str) -> str:
    """With single spaces alone."""
    return " ".join(text.split())
