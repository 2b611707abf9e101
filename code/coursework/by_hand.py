"""written.csv: the points that a reader gives, never overwritten."""

import csv
import io
from pathlib import Path

from coursework.batch import Result
from coursework.master import Master

HEADER = ["student", "question", "points", "comment"]
Points = dict[tuple[str, str], tuple[float | None, str]]


def points(master: Master, results: list[Result], path: Path) -> Points:
    """What a reader filled in; rows are added for texts that have none.

    Returns:
        points (None until there are some) and comment, by student and number
        of the question. A text that nobody wrote is not in it.
    Raises:
        SystemExit: a table, or points in it, that cannot be understood.
    """
    texts = {
        (result.student, number)
        for result in results
        for number, text in result.texts.items()
        if text.strip()
    }
    rows = _read(path) if path.exists() else []
    known = {(student, number) for student, number, *_ in rows}
    asked = {(r.student, number) for r in results for number in r.texts}
    _check_asked(rows, asked, path, master)
    rows += [[*key, "", ""] for key in sorted(texts - known)]
    _write(path, rows)
    found: Points = dict.fromkeys(texts, (None, ""))
    for student, number, text, comment in rows:
        if text.strip():
            value = _number(text, master, path, student, number)
            found[student, number] = (value, comment)
    return found


def _check_asked(
    rows: list[list[str]],
    asked: set[tuple[str, str]],
    path: Path,
    master: Master,
) -> None:
    """Points are for a student and a written question that there are."""
    for student, number, text, _ in rows:
        if text.strip() and (student, number) not in asked:
            raise SystemExit(
                f"{path}: {student}, question {number}, is no student and "
                f"written question of {master.title}; correct or delete the row"
            )


def _number(
    text: str, master: Master, path: Path, student: str, number: str
) -> float:
    most = master.questions[int(number) - 1].points
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = -1
    if not 0 <= value <= most:
        raise SystemExit(
            f"{path}: {text!r} points for {student}, question {number}; "
            f"wanted a number from 0 to {most}"
        )
    return value


def _read(path: Path) -> list[list[str]]:
    """With commas, or with the semicolons of some spreadsheets."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SystemExit(f"{path}: not UTF-8; save it as such") from None
    delimiter = ";" if text.startswith(";".join(HEADER)) else ","
    lines = io.StringIO(text, newline="")
    rows = [row for row in csv.reader(lines, delimiter=delimiter) if any(row)]
    if rows[:1] != [HEADER] or any(len(row) != len(HEADER) for row in rows):
        raise SystemExit(f"{path}: wanted four columns, {', '.join(HEADER)}")
    return rows[1:]


def _write(path: Path, rows: list[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    unfinished.replace(path)
