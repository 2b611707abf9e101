"""The site, built once for all tests, a small one, and a browser."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
import yaml
from filelock import FileLock
from playwright.sync_api import Browser

from bookext.browser import opened

ROOT = Path(__file__).parents[2]
SMALL = {
    "1-identity/identity", "back/notation", "back/references"
}  # fmt: skip
COVER = """\
---
description: "A book that has one of each kind of page, and little on it."
---

# A small book

{{ colab }}

:::{exercise} Of the only exercise
:label: only
Words.
:::

:::{solution} only
Words.
:::
"""
Build = Callable[[Path, Path], subprocess.CompletedProcess[str]]


def run_build(source: Path, output: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).parent / "jupyter-book"
    options = ["--all", "-n", "-W", "--keep-going", "--quiet"]
    return subprocess.run(
        [command, "build", source, "--path-output", output, *options],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="session")
def build() -> Build:
    return run_build


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the book is made from."""
    folder = tmp_path_factory.mktemp("book")
    shutil.copytree(ROOT / "chapters", folder / "chapters")
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of five pages with the same settings; it builds as well."""
    folder = tmp_path_factory.mktemp("small")
    chapters = folder / "chapters"
    for kept in (
        "*/homework.ipynb",
        "1-identity/assignment.md",
        "back/notation.md",
        "back/references.md",
    ):
        for path in ROOT.glob(f"chapters/{kept}"):
            copy = folder / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    shutil.copy(ROOT / "chapters/back/references.bib", chapters / "back")
    shutil.copy(ROOT / "_config.yml", folder)
    table = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    for part in table["parts"]:
        part["chapters"] = [
            each
            for each in part["chapters"]
            if each["file"].removeprefix("chapters/") in SMALL
        ]
    (folder / "_toc.yml").write_text(yaml.safe_dump(table), "utf-8")
    (chapters / "index.md").write_text(COVER, "utf-8")
    figures = figures_of(ROOT / "chapters/1-identity/identity.ipynb")
    nbformat.write(figures, chapters / "1-identity/identity.ipynb")
    return folder


def figures_of(path: Path) -> nbformat.NotebookNode:
    """A notebook without its words, its last cell folded."""
    notebook = nbformat.read(path, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in cells:
        if figure := cell.metadata.get("mystnb", {}).get("figure"):
            figure["caption"] = "A figure."
    cells[-1].metadata["tags"] = ["hide-input"]
    words = "# The identity\n\n$x$, {cite:p}`seed_question`."
    notebook.cells = [nbformat.v4.new_markdown_cell(words), *cells]
    return notebook


def is_made(root: Path) -> bool:
    """Has `make book` succeeded since anything that it reads has changed?"""
    html, done = root / "_build/html", root / "_build/book.done"
    pages = [page.stat().st_mtime for page in html.rglob("*.html")]
    if not pages or not done.exists():
        return False
    read = [root / "_config.yml", root / "_toc.yml", root / ".venv/done"]
    for folder in ("chapters", "code"):
        read += [root / folder, *(root / folder).rglob("*")]
    cache = "__pycache__"
    kept = (each for each in read if cache not in each.parts)
    changed = [
        each.stat().st_mtime for each in kept if not (each / cache).is_dir()
    ]
    return max(changed) < min(pages) <= max(pages) < done.stat().st_mtime


@pytest.fixture(scope="session", name="is_made")
def is_made_() -> Callable[[Path], bool]:
    return is_made


@pytest.fixture(scope="session")
def site(
    sources: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Path:
    """A copy for each process of what `make book` made, or the first builds."""
    own = tmp_path_factory.getbasetemp()
    if is_made(ROOT):
        return shutil.copytree(ROOT / "_build/html", own / "html")
    built = (own if worker_id == "master" else own.parent) / "built"
    with FileLock(f"{built}.lock"):
        if not built.exists():
            result = run_build(sources, sources)
            assert result.returncode == 0, result.stdout + result.stderr
            (sources / "_build/html").rename(built)
    return shutil.copytree(built, own / "html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened() as window:
        yield window
