"""What a teacher takes away: tables, and pages to read."""

import csv
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader
from nbconvert.filters import markdown2html

from coursework.batch import Result
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
    by_hand = _written_points(master, results, out / "written.csv")
    marks = {r.student: _marks(master, r, by_hand) for r in results}
    _grades(master, results, marks, out / "grades.csv")
    _canvas(master, marks, out / "canvas.csv")
    for result in results:
        place = out / "gradescope" / result.student / "results.json"
        _save(place, json.dumps(_gradescope(marks[result.student]), indent=1))
        page = out / "feedback" / f"{result.student}.html"
        _save(page, _page("feedback", master, result, marks[result.student]))
    sheet = PAGES.get_template("sheet.html")
    _save(out / "sheet.html", sheet.render(master=master, results=results))


def _marks(
    master: Master, result: Result, by_hand: dict[tuple[str, str], tuple]
) -> list[Mark]:
    """In the order of the questions: one a hidden test, one a written text."""
    marks = []
    for question in master.questions:
        most = question.points if question.written else question.points_a_test
        for test, text in question.tests.items():
            said = result.said[test]
            points = 0.0 if said else most
            name = column(question, test)
            marks.append(Mark(question, name, points, most, text, said))
        if question.written:
            number = str(question.number)
            points, comment = by_hand.get((result.student, number), (0, ""))
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


def _written_points(
    master: Master, results: list[Result], path: Path
) -> dict[tuple[str, str], tuple[float | None, str]]:
    """Read written.csv; add rows for texts that it does not have.

    A question without a text has 0 points unless a reader says otherwise.

    Raises:
        SystemExit: points that are no number, or out of range.
    """
    most = {str(q.number): q.points for q in master.questions if q.written}
    found = {
        (result.student, number): (None, "")
        for result in results
        for number, text in result.texts.items()
        if text.strip()
    }
    rows = []
    if path.exists():
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [list(row.values()) for row in csv.DictReader(file)]
    for student, number, points, comment in rows:
        if points.strip():
            value = _points(points, most.get(number, 0), path, student, number)
            found[student, number] = (value, comment)
    known = {(student, number) for student, number, *_ in rows}
    rows += [[*key, "", ""] for key in found if key not in known]
    _table(path, [["student", "question", "points", "comment"], *rows])
    return found


def _points(
    text: str, most: int, path: Path, student: str, number: str
) -> float:
    try:
        points = float(text.replace(",", "."))
    except ValueError:
        points = -1
    if not 0 <= points <= most:
        raise SystemExit(
            f"{path}: {text!r} points for {student}, question {number}; "
            f"wanted a number from 0 to {most}"
        )
    return points


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
    table = [["student", "total", "of", *names, "note"]]
    for result in results:
        own = marks[result.student]
        points = ["" if m.points is None else m.points for m in own]
        row = [result.student, total(own), master.points, *points]
        table.append([*row, result.trouble])
    _table(path, table)


def _canvas(master: Master, marks: dict[str, list[Mark]], path: Path) -> None:
    """For Canvas's gradebook import; the ID from Canvas's file names."""
    table = [
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
            [student, found[1] if found else "", "", student, "", total(own)]
        )
    _table(path, table)


def _gradescope(marks: list[Mark]) -> dict:
    """Gradescope's results.json: what is graded so far."""
    return {
        "score": total(marks),
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


def _page(name: str, master: Master, result: Result, marks: list[Mark]) -> str:
    return PAGES.get_template(f"{name}.html").render(
        master=master, result=result, marks=marks, total=total(marks)
    )


def _table(path: Path, rows: Iterable[list]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def _save(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
