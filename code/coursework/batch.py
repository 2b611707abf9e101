"""Many submissions: graded side by side, kept, and never graded twice."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from joblib import Parallel, delayed
from tqdm import tqdm

from coursework.box import CODE, Box, can_box
from coursework.grading import outcomes
from coursework.master import Master
from coursework.submission import find, read, readable, written

LONGEST_NAME = 200
UNBOXED = """\
=======================================================================
  bubblewrap (bwrap) is not installed, or not allowed to work here.
  The submissions run UNBOXED: they can read and write your files,
  the hidden tests among them, and use the network.
  On Debian and Ubuntu: apt install bubblewrap
======================================================================="""


@dataclass
class Result:
    """What is known of a submission once it has been graded."""

    student: str
    key: str
    said: dict[str, str]
    plots: dict[str, str]
    texts: dict[str, str]
    trouble: str


def grade(
    folder: Path, out: Path, master: Master, jobs: int, seed: int = 0
) -> list[Result]:
    """Grade every submission in a folder; keep each result as it comes."""
    boxed = can_box()
    if not boxed:
        print(UNBOXED, flush=True)
    kept = out / "graded"
    tasks = [
        delayed(_kept)(student, path, kept, master, boxed, seed)
        for student, path in find(folder).items()
    ]
    done = Parallel(n_jobs=jobs, return_as="generator")(tasks)
    return list(tqdm(done, total=len(tasks), unit="submission"))


def guess(folder: Path, masters: list[Master]) -> Master:
    """The homework whose answers the submissions have most of.

    Raises:
        SystemExit: they have none of any.
    """
    code = [cell for p in find(folder).values() for cell in read(p).code]

    def seen(master: Master) -> int:
        names = [each.answer for each in master.graded]
        return sum(name in cell for name in names for cell in code)

    best = max(masters, key=seen)
    if not seen(best):
        raise SystemExit(
            f"{folder}: no submission answers any homework; say which one "
            "was given with --homework"
        )
    return best


def _kept(
    student: str, path: Path, kept: Path, master: Master, boxed: bool, seed: int
) -> Result:
    """The result of before, if nothing has changed; else a fresh one."""
    file = kept / f"{file_name(student)}.json"
    key = _key(path, master, boxed, seed)
    try:
        before = Result(**json.loads(file.read_text("utf-8")))
        if before.key == key:
            return before
    except (OSError, ValueError, TypeError):
        pass
    result = Result(student, key, *_graded(path, master, boxed, seed))
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}")
    unfinished.write_text(json.dumps(asdict(result)), "utf-8")
    unfinished.replace(file)
    return result


def file_name(student: str) -> str:
    """A name for the student's files; some are too long for one."""
    if len(os.fsencode(student)) < LONGEST_NAME:
        return student
    return f"{student[:40]}-{hashlib.sha256(os.fsencode(student)).hexdigest()}"


def _graded(
    path: Path, master: Master, boxed: bool, seed: int
) -> tuple[dict[str, str], dict[str, str], dict[str, str], str]:
    """Everything in a result but student and key."""
    submission = read(path)
    with Box(master.given, boxed) as box:
        said, plots = outcomes(master, submission, box, seed)
    trouble = submission.trouble
    if not trouble and set(said.values()) == {"missing"}:
        trouble = "no answer of this homework in it"
    return said, plots, written(submission, master), trouble


def _key(path: Path, master: Master, boxed: bool, seed: int) -> str:
    """Of all that the result depends on."""
    digest = hashlib.sha256(f"{boxed} {seed}".encode())
    for each in (master.path, *sorted(CODE.rglob("*.py"))):
        digest.update(each.read_bytes())
    if readable(path):
        digest.update(path.read_bytes())
    return digest.hexdigest()
