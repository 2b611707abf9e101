"""Notebooks are stored as they ran, and each check goes red when it should."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from logderiv.figures.parts import MIME

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "chapters").rglob("*.ipynb"))
DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.]*\d)")
FIGURE = {"image/png", MIME}
SENTENCE = re.compile(r"[A-Z$].{25,}\.$", re.DOTALL)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(notebook: NotebookNode) -> str:
    """All text that the cells show, and the code that they show it with.

    Not what figures say in words: a reader sees the picture.
    """
    texts = []
    for cell in code_cells(notebook):
        texts.append(cell.source)
        for output in cell.outputs:
            texts.append(output.get("text", ""))
            data = output.get("data", {})
            if not data.keys() & FIGURE:
                texts += [
                    value
                    for kind, value in data.items()
                    if kind.startswith("text/")
                ]
    return "\n".join(texts)


def not_executed_in_order(notebook: NotebookNode) -> str:
    counts = [cell.execution_count for cell in code_cells(notebook)]
    wanted = list(range(1, len(counts) + 1))
    return "" if counts == wanted else f"execution counts are {counts}"


def noisy(notebook: NotebookNode) -> str:
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "error" or output.get("name") == "stderr":
                return f"an error or a warning is stored: {output}"
    return ""


def wide(notebook: NotebookNode) -> str:
    for cell in code_cells(notebook):
        for line in cell.source.splitlines():
            if len(line) > 80:
                return f"more than 80 characters: {line}"
    return ""


def figure_without_words(notebook: NotebookNode) -> str:
    for cell in code_cells(notebook):
        kinds = {kind for out in cell.outputs for kind in out.get("data", {})}
        if kinds & FIGURE:
            words = cell.metadata.get("mystnb", {})
            for text in (
                words.get("image", {}).get("alt", ""),
                words.get("figure", {}).get("caption", ""),
            ):
                if not SENTENCE.match(text.strip()):
                    return f"alt text or caption is no sentence: {text!r}"
    return ""


def number_from_nowhere(notebook: NotebookNode) -> str:
    """A decimal number in the prose that no cell prints or contains."""
    known = {float(number) for number in DECIMAL.findall(printed(notebook))}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for number in DECIMAL.findall(cell.source):
                if float(number) not in known:
                    return f"{number} is printed by no cell"
    return ""


CHECKS = [
    not_executed_in_order,
    noisy,
    wide,
    figure_without_words,
    number_from_nowhere,
]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(
    "path", NOTEBOOKS, ids=lambda each: str(each.relative_to(ROOT))
)
def test_notebook(path: Path, check: Callable[[NotebookNode], str]) -> None:
    if path.stem == "homework" and check is number_from_nowhere:
        pytest.skip("tasks say which numbers are allowed; no cell prints them")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert not check(notebook)


def test_there_is_a_notebook_for_each_chapter() -> None:
    chapters = sorted((ROOT / "chapters").glob("[0-9]-*"))
    assert len(chapters) == 4
    for chapter in chapters:
        assert (chapter / f"{chapter.name[2:]}.ipynb") in NOTEBOOKS


def stored(source: str, text: str, count: int | None) -> NotebookNode:
    output = nbformat.v4.new_output("stream", name="stdout", text=text)
    return new_code_cell(source, execution_count=count, outputs=[output])


def good() -> NotebookNode:
    """A notebook that every check accepts; the fixtures below break it."""
    return new_notebook(
        cells=[
            new_markdown_cell("Half of five is 2.5."),
            stored("print(5 / 2)", "2.5\n", 1),
            stored("print(7 / 2)", "3.5\n", 2),
        ]
    )


PICTURE = """
class Picture:
    def _repr_mimebundle_(self, **_):
        return {
            "image/png": "iVBORw0KGgo0",
            "image/svg+xml": "<?xml?><svg>0</svg>",
            "image/webp": "UklGR0",
            "text/plain": "dots: (1, 3.5)",
        }


Picture()
"""


def pictures_of_other_versions() -> NotebookNode:
    """Other bytes, and the same words."""
    notebook = good()
    data = {
        "image/png": "iVBORw0KGgo1+/A=\n",
        "image/svg+xml": "<?xml?><svg>1\n</svg>\n",
        "image/webp": "UklGR1+/A=\n",
        "text/plain": "dots: (1, 3.5)",
    }
    output = nbformat.v4.new_output("execute_result", data, execution_count=2)
    notebook.cells[2].update(source=PICTURE, outputs=[output])
    return notebook


def figure_of_other_data() -> NotebookNode:
    notebook = pictures_of_other_versions()
    notebook.cells[2].outputs[0].data["text/plain"] = "dots: (1, 3.6)"
    return notebook


def changed_output() -> NotebookNode:
    notebook = good()
    notebook.cells[2].outputs[0].text = "3.6\n"
    return notebook


def raising_cell() -> NotebookNode:
    notebook = good()
    notebook.cells[2].source = "print(7 / 0)"
    return notebook


def cell_that_never_ends() -> NotebookNode:
    notebook = good()
    source = "import time\nwhile True:\n    time.sleep(1)"
    notebook.cells[2].source = source
    return notebook


def unexecuted_cell() -> NotebookNode:
    notebook = good()
    notebook.cells[2] = new_code_cell("print(7 / 2)")
    return notebook


def counted_from_two() -> NotebookNode:
    notebook = good()
    notebook.cells[1].execution_count = 2
    notebook.cells[2].execution_count = 3
    return notebook


def stored_warning() -> NotebookNode:
    notebook = good()
    notebook.cells[2].outputs[0].name = "stderr"
    return notebook


def long_line() -> NotebookNode:
    notebook = good()
    notebook.cells[2].source = "print(7 / 2)  # " + "long " * 20
    return notebook


def figure_without_caption() -> NotebookNode:
    notebook = good()
    notebook.cells[2].outputs = [
        nbformat.v4.new_output("display_data", data={"image/png": "AAAA"})
    ]
    notebook.cells[2].metadata["mystnb"] = {
        "image": {"alt": "A line that rises from the left to the right."}
    }
    return notebook


def wrong_number_in_prose() -> NotebookNode:
    notebook = good()
    notebook.cells[0].source = "Half of five is 2.6."
    return notebook


def number_that_a_figure_alone_says() -> NotebookNode:
    notebook = wrong_number_in_prose()
    data = {"image/png": "AAAA", "text/plain": "dots: (1, 2.6)"}
    notebook.cells[2].outputs = [
        nbformat.v4.new_output("display_data", data=data)
    ]
    return notebook


@pytest.mark.parametrize("check", CHECKS)
def test_the_good_notebook_passes(
    check: Callable[[NotebookNode], str],
) -> None:
    assert not check(good())


@pytest.mark.parametrize(
    ("fixture", "check"),
    [
        (unexecuted_cell, not_executed_in_order),
        (counted_from_two, not_executed_in_order),
        (stored_warning, noisy),
        (long_line, wide),
        (figure_without_caption, figure_without_words),
        (wrong_number_in_prose, number_from_nowhere),
        (number_that_a_figure_alone_says, number_from_nowhere),
    ],
)
def test_a_bad_notebook_is_rejected(
    fixture: Callable[[], NotebookNode],
    check: Callable[[NotebookNode], str],
) -> None:
    assert check(fixture())


def one_changed_digit_in_a_chapter() -> NotebookNode:
    """The beginning of the shortest chapter, a printed digit changed."""
    path = ROOT / "chapters/1-identity/identity.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for place, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if "0.2689" in output.get("text", ""):
                output.text = output.text.replace("0.2689", "0.2688")
                notebook.cells = notebook.cells[: place + 1]
                return notebook
    raise AssertionError("the digit is not there")


WHOLE = [good, pictures_of_other_versions]
BROKEN = [
    figure_of_other_data,
    changed_output,
    raising_cell,
    cell_that_never_ends,
    one_changed_digit_in_a_chapter,
]


def test_nbval_goes_red(tmp_path: Path) -> None:
    """At one cell of each broken notebook, each in a kernel of its own."""
    for fixture in WHOLE + BROKEN:
        nbformat.write(fixture(), tmp_path / f"{fixture.__name__}.ipynb")
    options = ["-c", str(ROOT / "tests/nbval.ini"), "--nbval-cell-timeout=10"]
    options += [f"--junit-xml={tmp_path / 'said.xml'}", str(tmp_path)]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1, result.stdout + result.stderr
    found = Counter()
    for case in ElementTree.parse(tmp_path / "said.xml").iter("testcase"):
        name = case.get("classname").split(".")[-2]
        found[name] += len(case.findall("failure"))
    wanted = {each.__name__: 0 for each in WHOLE}
    assert found == wanted | {each.__name__: 1 for each in BROKEN}
