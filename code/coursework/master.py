"""A master notebook: tasks, given code, answers, visible and hidden tests.

A question is what follows a heading `## 1. Title (5 points, 15 minutes)`. Its
answer stands between BEGIN SOLUTION and END SOLUTION: in a code cell, as a
function, or in a Markdown cell, as text. Its tests stand between BEGIN HIDDEN
TESTS and END HIDDEN TESTS in the cell of its visible check. The markers are
nbgrader's.
"""

import ast
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode

CHAPTERS = Path(__file__).parents[2] / "chapters"
HEADING = re.compile(
    r"^## (\d+)\. (.+) \((\d+) points?, (\d+) minutes\)", re.MULTILINE
)
SECTION = re.compile(r"^## ", re.MULTILINE)
STUB = {
    "code": "raise NotImplementedError",
    "markdown": "*Write your answer here.*",
}


def region(kind: str) -> re.Pattern[str]:
    """What stands between BEGIN kind and END kind, markers included."""
    return re.compile(
        rf"^(?P<indent>[ ]*)### BEGIN {kind}\n(?P<inside>.*?)"
        rf"^[ ]*### END {kind}[ ]*$\n?",
        re.MULTILINE | re.DOTALL,
    )


SOLUTION = region("SOLUTION")
HIDDEN = region("HIDDEN TESTS")


@dataclass
class Question:
    """One question: what it asks, what it is worth, how it is tested."""

    number: int
    title: str
    points: int
    minutes: int
    task: str
    answer: str = ""
    tests: dict[str, str] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    model: str = ""

    @property
    def written(self) -> bool:
        """Is it graded by a reader?"""
        return not self.answer

    @property
    def plot(self) -> bool:
        """Does it draw?"""
        return self.answer.startswith("plot_")

    @property
    def rubric(self) -> str:
        """What a reader gives points for: the end of a written task."""
        return self.task.partition("**Rubric**")[2]

    @property
    def points_a_test(self) -> float:
        """Every test of a question counts the same."""
        return self.points / len(self.tests)


@dataclass
class Master:
    """A master notebook, read."""

    path: Path

    @cached_property
    def notebook(self) -> NotebookNode:
        """The file, as nbformat reads it."""
        return nbformat.read(self.path, as_version=4)

    @property
    def name(self) -> str:
        """Of its student copy: homework-1-identity."""
        return f"homework-{self.path.parent.name}"

    @property
    def title(self) -> str:
        """The first heading."""
        lines = self.notebook.cells[0].source.splitlines()
        return next(each[2:] for each in lines if each.startswith("# "))

    @cached_property
    def given(self) -> list[str]:
        """Code cells that are neither answers nor checks."""
        return [
            cell.source
            for cell in self.notebook.cells
            if cell.cell_type == "code"
            and not SOLUTION.search(cell.source)
            and not HIDDEN.search(cell.source)
        ]

    def student_texts(self) -> list[str]:
        """Its Markdown, as students get it."""
        cells = [c for c in self.notebook.cells if c.cell_type == "markdown"]
        return [SOLUTION.sub(STUB["markdown"], cell.source) for cell in cells]

    @cached_property
    def questions(self) -> list[Question]:
        """In the order of the notebook."""
        return [question_of(*part) for part in sections(self.notebook.cells)]

    @cached_property
    def graded(self) -> list[Question]:
        """Those that have tests."""
        return [each for each in self.questions if not each.written]

    @property
    def points(self) -> int:
        """All points of the homework."""
        return sum(each.points for each in self.questions)

    @property
    def minutes(self) -> int:
        """The time it should take."""
        return sum(each.minutes for each in self.questions)

    def test_module(self, answers: Container[str]) -> str:
        """Given code and hidden tests of some answers, a module for pytest."""
        hidden = [cell for each in self.questions for cell in each.hidden]
        others = {
            test
            for each in self.graded
            if each.answer not in answers
            for test in each.tests
        }
        parts = [_definitions(cell, others) for cell in hidden]
        return "\n\n".join([*self.given, *parts]) + "\n"


def masters(chapters: Path = CHAPTERS) -> list[Master]:
    """All of them, in the order of the chapters."""
    return [Master(path) for path in sorted(chapters.glob("*/homework.ipynb"))]


def mark(path: Path) -> None:
    """Write nbgrader's metadata into a master, from headings and markers."""
    notebook = nbformat.read(path, as_version=4)
    for found, cells in sections(notebook.cells):
        question = question_of(found, cells)
        for place, cell in enumerate(cells):
            cell.metadata["nbgrader"] = nbgrader_metadata(question, cell, place)
    nbformat.write(notebook, path)


def nbgrader_metadata(
    question: Question, cell: NotebookNode, place: int
) -> dict:
    solution = bool(SOLUTION.search(cell.source))
    hidden = bool(HIDDEN.search(cell.source))
    grade = hidden or (solution and cell.cell_type == "markdown")
    kind = "answer" if solution else "test" if hidden else f"task_{place}"
    return {
        "grade": grade,
        "grade_id": f"question_{question.number}_{kind}",
        "locked": not solution,
        **({"points": question.points} if grade else {}),
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }


def sections(
    cells: list[NotebookNode],
) -> Iterator[tuple[re.Match[str], list[NotebookNode]]]:
    """Each heading of a question with the cells of its section."""
    found: re.Match[str] | None = None
    part: list[NotebookNode] = []
    for cell in cells:
        if cell.cell_type == "markdown" and SECTION.search(cell.source):
            if found:
                yield found, part
            found, part = HEADING.search(cell.source), []
        part.append(cell)
    if found:
        yield found, part


def question_of(found: re.Match[str], cells: list[NotebookNode]) -> Question:
    number, title, points, minutes = found.groups()
    question = Question(
        int(number), title, int(points), int(minutes), cells[0].source
    )
    for cell in cells:
        solution = SOLUTION.search(cell.source)
        if solution and cell.cell_type == "code":
            question.answer = _last_function(cell.source)
        elif solution:
            question.model = solution["inside"]
        for hidden in HIDDEN.finditer(cell.source):
            question.hidden.append(hidden["inside"])
            question.tests |= _tests(hidden["inside"])
    return question


def _last_function(source: str) -> str:
    body = ast.parse(source).body
    return [n.name for n in body if isinstance(n, ast.FunctionDef)][-1]


def _tests(source: str) -> dict[str, str]:
    """Name of each test, and what it says to a student: its docstring."""
    return {
        node.name: " ".join((ast.get_docstring(node) or "").split())
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def _definitions(source: str, others: Container[str]) -> str:
    """Without other tests, and the calls by which a cell tries its own."""
    tree = ast.parse(source)
    calls = (ast.Expr, ast.For)
    tree.body = [
        node
        for node in tree.body
        if not isinstance(node, calls)
        and getattr(node, "name", None) not in others
    ]
    return ast.unparse(tree)
