"""Answers and hidden tests are found in whatever form, and end the build."""

import html
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from sphinx.errors import ExtensionError
from sphinx.project import Project

from bookext import contents, leaks
from coursework.master import CHAPTERS, HIDDEN, SOLUTION, masters

ROOT = Path(__file__).parents[2]
Build = Callable[[Path, Path], subprocess.CompletedProcess[str]]
ODD = "a [b] c*?#%41 ü数"
ANSWER = "turned = np.asarray(x) - mu"
TEST = 'assert "update" in found["xlabel"].lower()'
SHORT = "there = stay\nreturn minutes"
WORDS = "But we hardly ever compute the\nprobability of a path."


def regions(cell_type: str, pattern: object) -> str:
    """What stands between the markers, in all masters."""
    cells = [c for each in masters() for c in each.notebook.cells]
    return "".join(
        found["inside"]
        for cell in cells
        if cell.cell_type == cell_type
        for found in pattern.finditer(cell.source)
    )


def test_these_are_secrets() -> None:
    tests = regions("code", HIDDEN)
    assert ANSWER in regions("code", SOLUTION)
    assert TEST in tests
    assert SHORT in tests.replace("    ", "")
    assert WORDS in regions("markdown", SOLUTION)


def found(folder: Path) -> dict[str, str]:
    return leaks.find(folder, masters())


def highlighted(line: str) -> str:
    """As Pygments writes it, nearly."""
    parts = (f'<span class="n">{html.escape(p)}</span>' for p in line.split())
    return f"<pre>{' '.join(parts)}</pre>"


def notebook(line: str) -> str:
    cell = new_code_cell(f"def f(x):\n    {line}\n    return turned")
    return nbformat.writes(new_notebook(cells=[cell]))


@pytest.mark.parametrize("line", [ANSWER, TEST])
@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.html", lambda line: f"<p>{html.escape(line)}</p>"),
        ("a.html", highlighted),
        ("a.html", lambda line: f'<img alt="{html.escape(line)}">'),
        ("a.html", lambda line: f"<p>{line.replace(' ', '&#32;')}</p>"),
        ("a.html", lambda line: f"$\\nabla$ {line.replace(' ', chr(160))}"),
        ("a.ipynb", notebook),
        ("a.ipynb", lambda line: json.dumps(json.loads(notebook(line)))),
        ("searchindex.js", lambda line: f"Search.setIndex({json.dumps(line)})"),
        ("a.js", lambda line: "'" + line.replace('"', r"\x22") + "'"),
        ("a.json", lambda line: json.dumps({"data": [f"a\n{line}\nb"]})),
        ("a.json", lambda line: json.dumps(line).replace("=", r"\u003d")),
        ("a.svg", lambda line: f"<text>{html.escape(line)}</text>"),
        ("a.unheardof", lambda line: f"\ufeff{line}"),
    ],
)
def test_a_secret_is_found_in_any_form(
    tmp_path: Path, line: str, name: str, form: Callable[[str], str]
) -> None:
    for encoding in ("utf-8", "utf-16"):
        (tmp_path / name).write_text(form(line), encoding)
        assert found(tmp_path) == {name: line}, encoding


@pytest.mark.parametrize("line", [SHORT, WORDS])
def test_so_are_short_lines_together_and_written_answers(
    tmp_path: Path, line: str
) -> None:
    (tmp_path / "a.html").write_text(f"<pre>{line}</pre>", "utf-8")
    (tmp_path / "b.ipynb").write_text(notebook(line), "utf-8")
    assert set(found(tmp_path)) == {"a.html", "b.ipynb"}


def test_a_written_answer_is_found_as_a_page_shows_it(tmp_path: Path) -> None:
    """In other lines, with other quotes, with formulas that are drawn."""
    page = "<p>Both <em>forms are</em> the same\nnumber, but in the second the"
    page += "\nweights are <span>p</span>. So it is “inside”.</p>"
    (tmp_path / "a.html").write_text(page, "utf-8")
    assert set(found(tmp_path)) == {"a.html"}


def test_archives_are_opened(tmp_path: Path) -> None:
    inner = tmp_path / "b.whl"
    with zipfile.ZipFile(inner, "w") as wheel:
        wheel.writestr("c.py", ANSWER)
    with zipfile.ZipFile(tmp_path / "site.zip", "w") as archive:
        archive.write(inner, "d/b.whl")
        archive.writestr("e.html", f"<p>{ANSWER}</p>")
    inner.unlink()
    assert found(tmp_path) == {
        "site.zip/d/b.whl/c.py": ANSWER,
        "site.zip/e.html": ANSWER,
    }


@pytest.mark.parametrize(
    "line",
    [
        "return minutes",
        "import numpy as np",
        "from coursework.check import agree",
        "for t in range(n):",
        "turned = np.asarray(y) - mu",
        "The sum of logs stays in range. So what?",
    ],
)
def test_lines_that_anyone_might_write_are_none(
    tmp_path: Path, line: str
) -> None:
    (tmp_path / "a.html").write_text(f"<pre>{line}\nelse</pre>", "utf-8")
    assert found(tmp_path) == {}


def test_a_master_is_found_and_what_pages_are_made_of_is_none(
    tmp_path: Path,
) -> None:
    shutil.copytree(CHAPTERS, tmp_path / "chapters")
    shutil.copytree(ROOT / "code", tmp_path / "code")
    places = {f"chapters/{m.path.parent.name}/{m.path.name}" for m in masters()}
    assert set(found(tmp_path)) == places


@pytest.mark.parametrize("error", [None, ValueError("something else")])
def test_a_site_with_a_secret_is_taken_away(
    tmp_path: Path, error: Exception | None
) -> None:
    """Even when the build has failed for another reason."""
    app = SimpleNamespace(outdir=tmp_path / ODD / "html", srcdir=ROOT)
    page = app.outdir / "chapters/a.html"
    page.parent.mkdir(parents=True)
    page.write_text("<p>Nothing to see.</p>", "utf-8")
    leaks.refuse(app, error)
    assert page.exists()
    page.write_text(f"<p>{ANSWER}</p>", "utf-8")
    with pytest.raises(ExtensionError) as said:
        leaks.refuse(app, error)
    assert f"chapters/a.html: {ANSWER}" in str(said.value)
    assert not app.outdir.exists()


def test_what_is_not_in_the_table_of_contents_is_no_page(
    tmp_path: Path,
) -> None:
    book = tmp_path / ODD
    shutil.copytree(CHAPTERS, book / "chapters")
    names = contents.pages(ROOT / "_toc.yml")
    config = SimpleNamespace(external_site_map=dict.fromkeys(names))
    contents.read_no_other(None, config)
    project = Project(book, {".md": "", ".ipynb": ""})
    assert project.discover((), config.include_patterns) == set(names)
    assert "chapters/1-identity/homework" in project.discover()


@pytest.mark.slow
def test_a_build_that_would_publish_answers_fails(
    small: Path, tmp_path: Path, build: Build
) -> None:
    """One stands on a page, a master in the table of contents.

    In a folder with an odd name; without them the book is built in test_site.
    """
    book = shutil.copytree(small, tmp_path / ODD)
    page, table = book / "chapters/back/notation.md", book / "_toc.yml"
    text = f"{page.read_text('utf-8')}\n\n```python\n{ANSWER}\n```\n"
    page.write_text(text, "utf-8")
    text = table.read_text("utf-8")
    text = text.replace("1-identity/assignment", "1-identity/homework")
    table.write_text(text, "utf-8")
    result = build(book, book)
    assert result.returncode != 0
    for name in ("back/notation", "1-identity/homework"):
        assert f"chapters/{name}.html: " in result.stdout + result.stderr
    assert not (book / "_build/html").exists()
