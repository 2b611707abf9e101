"""python -m coursework release OUT
python -m coursework grade SUBMISSIONS OUT [--homework 3-sampling] [--jobs 2]
python -m coursework mark
"""

import argparse
import os
from pathlib import Path

from coursework import batch, reports
from coursework.box import BoxError
from coursework.master import CHAPTERS, mark, masters
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
    folder, out = arguments.submissions, arguments.out
    if not folder.is_dir():
        raise SystemExit(f"{folder}: no folder with submissions")
    if folder.resolve() in (out.resolve(), *out.resolve().parents):
        raise SystemExit(f"{out}: would be taken for a submission in {folder}")
    if not masters():
        raise SystemExit("no masters here: grade in a clone of the course")
    known = {each.path.parent.name: each for each in masters()}
    if arguments.homework:
        master = known[arguments.homework]
    else:
        master = batch.guess(folder, list(known.values()))
    before = out / "homework"
    if before.exists() and before.read_text("utf-8") != master.title:
        raise SystemExit(f"{out}: holds {before.read_text('utf-8')} already")
    out.mkdir(parents=True, exist_ok=True)
    before.write_text(master.title, "utf-8")
    print(f"{master.title}, {master.points} points")
    try:
        results = batch.grade(folder, out, master, arguments.jobs)
    except BoxError as error:
        raise SystemExit(f"the grader does not work: {error}") from None
    reports.write(master, results, out)
    for result in results:
        if result.trouble:
            print(f"look at {result.student}: it {result.trouble}")
    print(f"{len(results)} graded; the table is {out / 'grades.csv'}")


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
