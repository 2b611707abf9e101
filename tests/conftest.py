"""What must not be published: answers and hidden tests of the homeworks."""

import html
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest

from coursework.master import HIDDEN, SOLUTION, Master, masters


def secrets(master: Master) -> Iterator[str]:
    """Lines of its answers and hidden tests, long enough to be its own."""
    for cell in master.notebook.cells:
        for pattern in (SOLUTION, HIDDEN):
            for found in pattern.finditer(cell.source):
                for line in found["inside"].splitlines():
                    if len(line.strip()) >= 12:
                        yield line.strip()


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Every text under a folder, wheels opened, HTML as a reader sees it."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                for name in wheel.namelist():
                    yield name, wheel.read(name).decode("utf-8")
        elif path.suffix == ".html":
            text = path.read_text("utf-8")
            yield path.name, html.unescape(re.sub(r"<[^>]*>", "", text))
        elif path.suffix == ".ipynb":
            cells = nbformat.read(path, as_version=4).cells
            yield path.name, "\n".join(cell.source for cell in cells)
            yield path.name, path.read_text("utf-8")
        elif path.suffix in (".js", ".json", ".txt", ".csv", ".md", ".inv"):
            yield path.name, path.read_text("utf-8", errors="replace")


def find_leaks(folder: Path) -> set[tuple[str, str]]:
    """Files that hold a secret, and the secret."""
    hidden = {line for master in masters() for line in secrets(master)}
    return {
        (name, line)
        for name, text in texts(folder)
        for line in hidden
        if line in text
    }


@pytest.fixture(scope="session")
def leaks() -> Callable[[Path], set[tuple[str, str]]]:
    return find_leaks
