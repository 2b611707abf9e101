"""Many submissions: graded side by side, kept, and never graded twice."""

import hashlib
import json
import os
import re
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from joblib import Parallel, delayed
from tqdm import tqdm

from coursework.box import CODE, Box, can_box
from coursework.grading import outcomes
from coursework.master import Master
from coursework.submission import find, read, readable, written

SHORT = 60
UNBOXED = """\
=======================================================================
  bubblewrap (bwrap) is not installed, or not allowed to work here.
  The submissions run UNBOXED: they can read and write your files,
  the hidden tests among them, and use the network.
  On Debian and Ubuntu: apt install bubblewrap (0.7 or newer)
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
    """Grade every submission in a folder; keep each result as it comes.

    Raises:
        SystemExit: not one of them could be graded.
    """
    boxed = can_box()
    if not boxed:
        print(UNBOXED, flush=True)
    kept = out / "graded"
    tasks = [
        delayed(_kept)(student, path, kept, master, boxed, seed)
        for student, path in find(folder).items()
    ]
    done = Parallel(n_jobs=jobs, return_as="generator")(tasks)
    results = list(tqdm(done, total=len(tasks), unit="submission"))
    if results and not any(each.key for each in results):
        raise SystemExit(f"the grader does not work: {results[0].trouble}")
    return results


def guess(folder: Path, masters: list[Master]) -> Master:
    """The homework that most submissions answer.

    Raises:
        SystemExit: none answers any.
    """
    votes: Counter[str] = Counter()
    for path in find(folder).values():
        code = "\n".join(read(path).code)
        defined = set(re.findall(r"^\s*def (\w+)", code, re.MULTILINE))
        answers = {m.name: {q.answer for q in m.graded} for m in masters}
        seen = {name: len(each & defined) for name, each in answers.items()}
        best = max(seen, key=lambda name: seen[name])
        votes[best] += bool(seen[best])
    if not votes.total():
        raise SystemExit(
            f"{folder}: no submission answers any homework; say which one "
            "was given: HOMEWORK=3-sampling"
        )
    return next(m for m in masters if m.name == votes.most_common(1)[0][0])


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
    result = _graded(student, path, master, boxed, seed)
    if result.key:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps(asdict(result)), "utf-8")
        unfinished.replace(file)
    return result


def file_name(student: str) -> str:
    """A name for the student's files: flat, not too long, and nobody else's."""
    if re.fullmatch(r"\w[\w .,+@-]*", student) and len(student) <= SHORT:
        return student
    digest = hashlib.sha256(student.encode()).hexdigest()[:16]
    return re.sub(r"[^\w .,+@-]", "_", student)[:SHORT] + f"~{digest}"


def _graded(
    student: str, path: Path, master: Master, boxed: bool, seed: int
) -> Result:
    """Whatever goes wrong with one submission is that one's; without a key it
    will be tried again."""
    key = _key(path, master, boxed, seed)
    submission = read(path)
    trouble = submission.trouble
    try:
        with Box(master.given, boxed) as box:
            said, plots = outcomes(master, submission, box, seed)
        trouble = "; it ".join(filter(None, [trouble, _left_out(box)]))
    except Exception as error:
        trouble = f"could not be graded: {type(error).__name__}: {error}"
        key, plots = "", {}
        tests = [test for each in master.graded for test in each.tests]
        said = dict.fromkeys(tests, trouble)
    if not trouble and set(said.values()) == {"missing"}:
        trouble = "has no answer of this homework"
    texts = written(submission, master)
    return Result(student, key, said, plots, texts, trouble)


def _left_out(box: Box) -> str:
    """What the teacher looks at and the student reads of lines that failed."""
    lines = "; ".join(box.failed)
    return lines and f"has lines that failed here and were left out: {lines}"


def _key(path: Path, master: Master, boxed: bool, seed: int) -> str:
    """Of all that the result depends on."""
    digest = hashlib.sha256(f"{boxed} {seed}".encode())
    for each in (master.path, *sorted(CODE.rglob("*.py"))):
        digest.update(each.read_bytes())
    if readable(path):
        digest.update(path.read_bytes())
    return digest.hexdigest()
