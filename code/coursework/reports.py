"""What a teacher takes away: tables, and pages to read."""

import csv
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader
from nbconvert.filters import markdown2html

from coursework import by_hand
from coursework.batch import Result, file_name
from coursework.master import Master, Question

CANVAS_FILE = re.compile(r"^[^_]+_(?:LATE_)?(\d+)_\d+_")
PAGES = Environment(
    loader=PackageLoader("coursework", "."), autoescape=True, trim_blocks=True
)
PAGES.filters["markdown"] = markdown2html


@dataclass
class Mark:
    """Points for a part of a question; None until a reader gave them."""

    question: Question
    name: str
    points: float | None
    most: float
    text: str
    said: str


def write(master: Master, results: list[Result], out: Path) -> None:
    """All reports, from the results and from the filled-in written.csv."""
    given = by_hand.points(master, results, out / "written.csv")
    marks = {r.student: _marks(master, r, given) for r in results}
    _grades(master, results, marks, out / "grades.csv")
    _canvas(master, marks, out / "canvas.csv")
    for result in results:
        place = out / "gradescope" / file_name(result.student) / "results.json"
        score = _gradescope(result, marks[result.student])
        _save(place, json.dumps(score, indent=1))
        page = out / "feedback" / f"{file_name(result.student)}.html"
        _save(page, _feedback(master, result, marks[result.student]))
    sheet = PAGES.get_template("sheet.html")
    _save(out / "sheet.html", sheet.render(master=master, results=results))


def _marks(master: Master, result: Result, given: by_hand.Points) -> list[Mark]:
    """In the order of the questions: one a hidden test, one a written text."""
    marks: list[Mark] = []
    for question in master.questions:
        most = question.points if question.written else question.points_a_test
        for test, text in question.tests.items():
            said = result.said[test]
            got = 0.0 if said else most
            name = column(question, test)
            marks.append(Mark(question, name, got, most, text, said))
        if question.written:
            number = str(question.number)
            points, comment = given.get((result.student, number), (0, ""))
            name = f"written {number}"
            text = "Graded by a reader, by the rubric of the task."
            marks.append(Mark(question, name, points, most, text, comment))
    return marks


def column(question: Question, test: str) -> str:
    """`test_geometric_score_far_out` as `geometric_score: far out`."""
    what = test.removeprefix(f"test_{question.answer}_")
    return f"{question.answer}: {what.replace('_', ' ')}"


def total(marks: Iterable[Mark]) -> float:
    """The points so far."""
    return round(sum(mark.points or 0 for mark in marks), 4)


def _grades(
    master: Master,
    results: list[Result],
    marks: dict[str, list[Mark]],
    path: Path,
) -> None:
    """A row a student, a column a test with its points."""
    names = [
        f"{mark.name} ({mark.most:g})"
        for mark in next(iter(marks.values()), [])
    ]
    table: list[list] = [["student", "total", "of", *names, "note"]]
    for result in results:
        own = marks[result.student]
        points = ["" if m.points is None else m.points for m in own]
        row = [result.student, total(own), master.points, *points]
        table.append([*row, result.trouble])
    _table(path, table)


def _canvas(master: Master, marks: dict[str, list[Mark]], path: Path) -> None:
    """For Canvas's gradebook import; the ID from Canvas's file names."""
    table: list[list] = [
        [
            "Student",
            "ID",
            "SIS User ID",
            "SIS Login ID",
            "Section",
            master.title,
        ],
        ["    Points Possible", "", "", "", "", master.points],
    ]
    for student, own in marks.items():
        found = CANVAS_FILE.match(student)
        table.append(
            [student, found[1], "", "", "", total(own)]
            if found
            else [student, "", "", student, "", total(own)]
        )
    _table(path, table)


def _gradescope(result: Result, marks: list[Mark]) -> dict:
    """Gradescope's results.json: what is graded so far."""
    trouble = result.trouble and f"Your submission {result.trouble}."
    return {
        "score": total(marks),
        "output": trouble,
        "tests": [
            {
                "name": mark.name,
                "score": mark.points,
                "max_score": mark.most,
                "status": "passed" if mark.points == mark.most else "failed",
                "output": mark.said or mark.text,
            }
            for mark in marks
            if mark.points is not None
        ],
    }


def _feedback(master: Master, result: Result, marks: list[Mark]) -> str:
    return PAGES.get_template("feedback.html").render(
        master=master, result=result, marks=marks, total=total(marks)
    )


def _table(path: Path, rows: Iterable[list]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        safe = ([_no_formula(value) for value in row] for row in rows)
        csv.writer(file).writerows(safe)


def _no_formula(value: object) -> object:
    """A spreadsheet would run a name that begins with =."""
    risky = isinstance(value, str) and value.startswith(("=", "+", "@", "-"))
    return f"'{value}" if risky else value


def _save(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="replace")
