"""python -m coursework release OUT
python -m coursework grade SUBMISSIONS OUT [--homework 3-sampling] [--jobs 2]
python -m coursework mark
"""

import argparse
import os
from pathlib import Path

from coursework.master import CHAPTERS, Master, mark, masters
from coursework.release import release


def main() -> None:
    """Release, grade, or write nbgrader's metadata into the masters."""
    arguments = _parser().parse_args()
    match arguments.command:
        case "release":
            for path in release(CHAPTERS, arguments.out):
                print(path)
        case "grade":
            _grade(arguments)
        case "mark":
            for master in masters():
                mark(master.path)


def _grade(arguments: argparse.Namespace) -> None:
    try:
        from coursework import batch, reports
    except ModuleNotFoundError as error:
        raise SystemExit(_what_grading_needs(error)) from None

    folder, out = arguments.submissions, arguments.out
    _check(folder, out)
    known = {each.path.parent.name: each for each in masters()}
    if arguments.homework:
        master = known[arguments.homework]
    else:
        master = batch.guess(folder, list(known.values()))
    _claim(out, master)
    print(f"{master.title}, {master.points} points")
    results = batch.grade(folder, out, master, arguments.jobs)
    reports.write(master, results, out)
    for result in results:
        if result.trouble:
            print(f"look at {result.student}: it {result.trouble}")
    print(f"{len(results)} graded; the table is {out / 'grades.csv'}")


def _what_grading_needs(error: ModuleNotFoundError) -> str:
    if error.name == "resource":
        return (
            "grading runs submissions in processes of Unix, which this system "
            "does not have: grade on Linux, on macOS, or in WSL on Windows"
        )
    return f"grading needs {error.name}: pip install '.[grade]'"


def _check(folder: Path, out: Path) -> None:
    """Where submissions are, and where the reports go."""
    if not folder.is_dir():
        raise SystemExit(f"{folder}: no folder with submissions")
    if folder.resolve() in (out.resolve(), *out.resolve().parents):
        raise SystemExit(f"{out}: would be taken for a submission in {folder}")
    if not masters():
        raise SystemExit("no masters here: grade in a clone of the course")


def _claim(out: Path, master: Master) -> None:
    """A folder of reports is for one homework."""
    before = out / "homework"
    if before.exists() and before.read_text("utf-8") != master.title:
        raise SystemExit(f"{out}: holds {before.read_text('utf-8')} already")
    out.mkdir(parents=True, exist_ok=True)
    before.write_text(master.title, "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m coursework")
    commands = parser.add_subparsers(dest="command", required=True)
    release = commands.add_parser("release", help="write the student copies")
    release.add_argument("out", type=Path)
    grade = commands.add_parser("grade", help="grade a folder of submissions")
    grade.add_argument("submissions", type=Path)
    grade.add_argument("out", type=Path)
    names = [each.path.parent.name for each in masters()]
    grade.add_argument("--homework", choices=names, help="default: guessed")
    grade.add_argument("--jobs", type=int, default=os.cpu_count())
    commands.add_parser("mark", help="write nbgrader's metadata into masters")
    return parser


if __name__ == "__main__":
    main()
