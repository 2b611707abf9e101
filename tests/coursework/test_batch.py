"""A folder of submissions, by the command that a teacher runs."""

import csv
import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from coursework import __main__ as command
from coursework import batch
from coursework.box import Box, BoxError
from coursework.grading import outcomes
from coursework.master import SOLUTION, Master, masters
from coursework.submission import Submission

COMMAND = [sys.executable, "-m", "coursework", "grade", "--jobs", "2"]
Grade = Callable[..., str]


def run(*words: object) -> subprocess.CompletedProcess[str]:
    """As a teacher does, in processes of its own."""
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True)


@pytest.fixture
def grade(monkeypatch: pytest.MonkeyPatch) -> Grade:
    """The same command in this process; what it refuses with, if it does."""

    def grade(*words: object) -> str:
        argv = ["coursework", "grade", "--jobs", "1", *map(str, words)]
        monkeypatch.setattr(sys, "argv", argv)
        try:
            command.main()
        except SystemExit as refusal:
            return str(refusal)
        return ""

    return grade


def answer_sheet(master: Master, words: str = "") -> nbformat.NotebookNode:
    """The master as a student would hand it in."""
    notebook = nbformat.read(master.path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and SOLUTION.search(cell.source):
            cell.source = words or "Because <script>alert(1)</script> & so."
    return notebook


def with_answer(master: Master, name: str, source: str) -> str:
    """The same with another answer, as JSON."""
    notebook = answer_sheet(master)
    for cell in notebook.cells:
        if SOLUTION.search(cell.source) and f"def {name}(" in cell.source:
            cell.source = source
    return nbformat.writes(notebook)


@pytest.fixture(scope="module")
def homework() -> Master:
    return masters()[0]


@pytest.fixture(scope="module")
def folder(homework: Master, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve students, of whom few did what was asked."""
    folder = tmp_path_factory.mktemp("handed in")
    right = nbformat.writes(answer_sheet(homework))
    first = homework.graded[0].answer
    files = {
        "right.ipynb": right,
        "in a folder/any name.ipynb": right,
        "smithjo_1234_5678_homework.ipynb": right,
        "<i>&'\".ipynb": right,
        "wörter 数.ipynb": right,
        "empty.ipynb": "",
        "half.ipynb": right[: len(right) // 2],
        "program.py": "print(1)",
        "exit.ipynb": with_answer(
            homework, first, f"import os\ndef {first}(*a): os._exit(1)"
        ),
        "loop.ipynb": with_answer(
            homework, first, f"def {first}(*a):\n    while True: pass"
        ),
        "blank.ipynb": nbformat.writes(new_notebook()),
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    (folder / "nothing inside").mkdir()
    return folder


@pytest.fixture(scope="module")
def out(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("graded")
    subprocess.run([*COMMAND, folder, out], check=True, capture_output=True)
    return out


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_everyone_gets_a_result(folder: Path, out: Path) -> None:
    names = {"in a folder", "nothing inside", "program.py"} | {
        path.stem for path in folder.glob("*.ipynb")
    }
    assert set(rows(out / "grades.csv")) == names
    for name in names:
        place = batch.file_name(name)
        assert (out / "feedback" / f"{place}.html").is_file()
        file = out / "gradescope" / place / "results.json"
        assert "score" in json.loads(file.read_text("utf-8"))


def test_the_points_are_right(out: Path, homework: Master) -> None:
    table = rows(out / "grades.csv")
    machine = sum(each.points for each in homework.graded)
    most = homework.graded[0].points
    wanted = dict.fromkeys(table, 0) | dict.fromkeys(
        ["right", "in a folder", "smithjo_1234_5678_homework", "<i>&'\"",
         "wörter 数"], machine
    ) | dict.fromkeys(["exit", "loop"], machine - most)  # fmt: skip
    assert {n: float(row["total"]) for n, row in table.items()} == wanted
    noted = {name for name, row in table.items() if row["note"]}
    unread = {"empty", "half", "program.py", "nothing inside"}
    assert noted == unread | {"blank"}
    assert all(float(row["of"]) == homework.points for row in table.values())


def test_there_is_a_column_a_test(out: Path, homework: Master) -> None:
    columns = list(rows(out / "grades.csv")["right"])
    tests = sum(len(each.tests) for each in homework.graded)
    assert len(columns) == 3 + tests + 1 + 1
    shares = [re.search(r"\(([\d.]+)\)$", name) for name in columns[3:-1]]
    assert sum(float(each[1]) for each in shares) == homework.points


def test_students_read_what_happened(out: Path, homework: Master) -> None:
    pages = {p.stem: p.read_text("utf-8") for p in (out / "feedback").iterdir()}
    assert "was stopped after 20 seconds" in pages["loop"]
    assert "ended the process" in pages["exit"]
    assert "cannot be read as a notebook" in pages["half"]
    assert "missing" in pages["blank"]
    assert "data:image/png;base64," in pages["right"]
    assert "&lt;i&gt;" in pages[batch.file_name("<i>&'\"")]
    for page in pages.values():
        assert "def test_" not in page
        assert "agree(" not in page


def test_the_sheet_shows_words_and_plots(out: Path, homework: Master) -> None:
    sheet = (out / "sheet.html").read_text("utf-8")
    assert "Because &lt;script&gt;alert(1)&lt;/script&gt; &amp; so." in sheet
    assert sheet.count("data:image/png;base64,") == 7
    (written,) = (each for each in homework.questions if each.written)
    assert written.title in sheet
    assert "points:" in sheet or "point:" in sheet
    assert "<script" not in sheet


def test_canvas_finds_its_students(out: Path, homework: Master) -> None:
    with (out / "canvas.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert table[0]["Student"].strip() == "Points Possible"
    ids = {row["Student"]: row["ID"] for row in table}
    assert ids["smithjo_1234_5678_homework"] == "1234"
    assert ids["right"] == ""
    assert homework.title in table[0]


def test_gradescope_gets_its_points(out: Path, homework: Master) -> None:
    file = out / "gradescope/exit/results.json"
    results = json.loads(file.read_text("utf-8"))
    tests = {test["name"]: test for test in results["tests"]}
    assert results["score"] == sum(test["score"] for test in tests.values())
    failed = {n for n, test in tests.items() if test["status"] == "failed"}
    assert {name.split(":")[0] for name in failed} == {
        homework.graded[0].answer
    }


def test_points_of_a_reader_count(
    out: Path, folder: Path, grade: Grade
) -> None:
    path = out / "written.csv"
    before = path.read_text("utf-8")
    (line,) = (x for x in before.splitlines() if x.startswith("right,"))
    table = before.replace(line, f'{line[:-2]},"2,5",well said')
    path.write_text(table, "utf-8")
    assert not grade(folder, out)
    row = rows(out / "grades.csv")["right"]
    others = [float(row[c]) for c in row if re.search(r": .+\)$", c)]
    assert float(row["total"]) == sum(others) + 2.5
    assert "well said" in (out / "feedback/right.html").read_text("utf-8")
    assert path.read_text("utf-8").splitlines() == table.splitlines()
    path.write_text(table.replace('"2,5"', "50"), "utf-8")
    assert "wanted a number from 0 to" in grade(folder, out)
    path.write_text(before, "utf-8")
    assert not grade(folder, out)


def test_what_is_graded_is_not_graded_again(
    out: Path, folder: Path, grade: Grade
) -> None:
    kept = {p: p.stat().st_mtime_ns for p in (out / "graded").rglob("*.json")}
    table = (out / "grades.csv").read_bytes()
    path = folder / "blank.ipynb"
    text = path.read_text("utf-8")
    path.write_text(text.replace("\n}", "\n} "), "utf-8")
    assert not grade(folder, out)
    fresh = {p.stem for p, when in kept.items() if p.stat().st_mtime_ns != when}
    assert fresh == {"blank"}
    assert (out / "grades.csv").read_bytes() == table
    path.write_text(text, "utf-8")


HEAD = "student,question,points,comment\n"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (HEAD + "right,7,3,\n", "taken"),
        ("\ufeff" + HEAD + "right,7,3,\n", "taken"),
        ((HEAD + "right,7,2.5,fine\n").replace(",", ";"), "taken"),
        (HEAD + "wright,7,3,\n", "is no student and"),
        (HEAD + "right,6,3,\n", "is no student and"),
        (HEAD + "right,7,five,\n", "wanted a number from 0 to 4"),
        (HEAD + "right,7,-1,\n", "wanted a number from 0 to 4"),
        (HEAD + "right,7,nan,\n", "wanted a number from 0 to 4"),
        (HEAD + "right,7\n", "wanted four columns"),
        ("name,points\nright,3\n", "wanted four columns"),
        ((HEAD + "right,7,3,sch\xf6n\n").encode("latin-1"), "not UTF-8"),
    ],
)
def test_what_a_reader_may_fill_in(
    out: Path, folder: Path, tmp_path: Path, grade: Grade,
    table: str | bytes, said: str,
) -> None:  # fmt: skip
    copy = shutil.copytree(out, tmp_path / "out")
    data = table.encode("utf-8") if isinstance(table, str) else table
    (copy / "written.csv").write_bytes(data)
    assert said in (grade(folder, copy) or "taken")


def test_odd_files_do_not_stop_the_batch(
    homework: Master, tmp_path: Path, grade: Grade
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    right = nbformat.writes(answer_sheet(homework))
    odd = {
        "x" * 249 + ".ipynb": right,
        "y" * 255: "no notebook",
        os.fsdecode(b"caf\xe9.ipynb"): right,
        "two\nlines.ipynb": right,
        "=1+1.ipynb": right,
        "part/a.ipynb": right,
        "part.json/a.ipynb": right,
        "PART.ipynb": right,
        "__init.ipynb": right,
        os.fsdecode(b"caf\xe8.ipynb"): right,
        "deep.ipynb": with_answer(
            homework, homework.graded[0].answer, "x = 1" + " + 1" * 3000
        ),
        "many.ipynb": with_answer(
            homework, homework.graded[0].answer, "!true\n" * 600
        ),
        "words.ipynb": nbformat.writes(answer_sheet(homework, "\ud800 mine")),
    }
    for name, text in odd.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8", errors="surrogatepass")
    with (folder / "sparse.ipynb").open("wb") as file:
        file.truncate(10**12)
    result = run(folder, tmp_path / "out")
    assert result.returncode == 0, result.stderr
    table = rows(tmp_path / "out/grades.csv")
    machine = sum(each.points for each in homework.graded)
    scores = sorted(float(row["total"]) for row in table.values())
    most = homework.graded[0].points
    assert scores == [0] * 2 + [machine - most] * 2 + [machine] * 10
    for kind in ("graded", "feedback", "gradescope"):
        assert len(list((tmp_path / "out" / kind).iterdir())) == len(table)
    assert not grade(folder, tmp_path / "out")


STUB = "def {0}(*arguments):\n    raise NotImplementedError"
COLAB = """\
import pandas as pd
from google.colab import drive
drive.mount("/content/drive")
from scipy.special import expit as sigmoid
"""


def changed(master: Master, kind: str) -> nbformat.NotebookNode:
    """A right submission with what editors and students leave in it."""
    notebook = answer_sheet(master)
    cells = notebook.cells
    first = master.graded[0].answer
    answers = {
        each.answer: next(
            cell
            for cell in cells
            if f"def {each.answer}(" in cell.source
            and SOLUTION.search(cell.source)
        )
        for each in master.graded
    }
    match kind:
        case "photo":
            text = f"![](data:image/png;base64,{'iVBORw0KGgo' * 30_000})"
            cells.insert(3, new_markdown_cell(text))
        case "magic":
            for cell in answers.values():
                cell.source = f"if 1:\n    %matplotlib inline\n{cell.source}"
        case "colab":
            cells.insert(1, new_code_cell(COLAB))
            answers[first].source += f"\nkept = {first}\n\n"
            answers[first].source += f"def {first}(*arguments):\n"
            answers[
                first
            ].source += "    sigmoid(0)\n    return kept(*arguments)"
        case "stub":
            cells += [new_code_cell(STUB.format(name)) for name in answers]
    return notebook


def test_what_editors_and_students_leave_in_costs_nothing(
    homework: Master,
    tmp_path: Path,
    grade: Grade,
    capsys: pytest.CaptureFixture,
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    kinds = ("photo", "magic", "colab", "stub")
    for kind in kinds:
        nbformat.write(changed(homework, kind), folder / f"{kind}.ipynb")
    assert not grade(folder, out)
    table = rows(out / "grades.csv")
    machine = sum(each.points for each in homework.graded)
    scores = {name: float(row["total"]) for name, row in table.items()}
    assert scores == dict.fromkeys(kinds, machine)
    assert {name for name, row in table.items() if row["note"]} == {"colab"}
    told = out / "gradescope/colab/results.json"
    for said in (
        table["colab"]["note"],
        capsys.readouterr().out,
        html.unescape((out / "feedback/colab.html").read_text("utf-8")),
        json.loads(told.read_text("utf-8"))["output"],
    ):
        assert "No module named 'pandas'" in said
        assert "`from google.colab import drive`" in said


def test_a_folder_for_temporary_files_may_have_any_name(
    homework: Master, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pytest takes [ in the name of a file, and ::, for what to run in it."""
    odd = tmp_path / "a [b] ::c*?#%{d} $HOME ü数"
    odd.mkdir()
    folder = odd / "in"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(odd))
    nbformat.write(answer_sheet(homework), folder / "[a]*.ipynb")
    result = run(folder, odd / "out")
    assert result.returncode == 0, result.stdout + result.stderr
    (row,) = rows(odd / "out/grades.csv").values()
    assert float(row["total"]) == sum(each.points for each in homework.graded)


@pytest.mark.slow
def test_twice_the_same_and_it_goes_on_after_a_kill(
    out: Path, folder: Path, tmp_path: Path
) -> None:
    """Every submission is graded once more, a few of them before the kill."""
    first = subprocess.Popen(
        [*COMMAND, folder, tmp_path],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    graded = tmp_path / "graded"
    while len(list(graded.rglob("*.json"))) < 2:
        assert first.poll() is None
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    kept = {p: p.stat().st_mtime_ns for p in graded.rglob("*.json")}
    assert not (tmp_path / "grades.csv").exists()
    subprocess.run(
        [*COMMAND, folder, tmp_path], check=True, capture_output=True
    )
    assert all(p.stat().st_mtime_ns == when for p, when in kept.items())
    for table in ("grades.csv", "canvas.csv"):
        same = (out / table).read_bytes() == (tmp_path / table).read_bytes()
        assert same, table


def test_what_the_command_refuses(tmp_path: Path, grade: Grade) -> None:
    refused = run(tmp_path / "no", tmp_path)
    assert "no folder with submissions" in refused.stderr
    assert refused.returncode == 1
    folder = tmp_path / "in"
    folder.mkdir()
    nbformat.write(new_notebook(cells=[new_code_cell("1")]), folder / "a.ipynb")
    assert "say which one" in grade(folder, tmp_path / "out")
    assert not grade(folder, tmp_path / "out", "--homework", "1-identity")


def test_one_student_does_not_choose_the_homework(tmp_path: Path) -> None:
    first, second = masters()[:2]
    for name in ("a", "b", "c"):
        nbformat.write(answer_sheet(first), tmp_path / f"{name}.ipynb")
    other = answer_sheet(second)
    words = "\n".join(f"# def {q.answer}()" for q in second.graded) * 60
    other.cells.append(new_code_cell(words))
    nbformat.write(other, tmp_path / "d.ipynb")
    assert batch.guess(tmp_path, masters()).name == first.name


def test_out_is_for_one_homework_and_outside_the_submissions(
    out: Path, folder: Path, grade: Grade
) -> None:
    again = grade(folder, out, "--homework", "2-expectation")
    assert "holds Homework 1" in again
    inside = grade(folder, folder / "out")
    assert "would be taken for a submission" in inside


def test_one_submission_that_breaks_the_box_stops_nobody(
    homework: Master, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a", "b"):
        nbformat.write(answer_sheet(homework), folder / f"{name}.ipynb")
    grade = batch.outcomes

    def breaks_once(*arguments: object) -> object:
        monkeypatch.setattr(batch, "outcomes", grade)
        raise BoxError("no memory for it")

    monkeypatch.setattr(batch, "outcomes", breaks_once)
    broken, right = batch.grade(folder, tmp_path / "out", homework, jobs=1)
    assert "no memory for it" in broken.trouble
    assert not any(right.said.values())
    again, _ = batch.grade(folder, tmp_path / "out", homework, jobs=1)
    assert not again.trouble


def test_which_homework_it_is(tmp_path: Path) -> None:
    for master in masters():
        folder = tmp_path / master.name
        folder.mkdir()
        nbformat.write(answer_sheet(master), folder / "a.ipynb")
        assert batch.guess(folder, masters()).name == master.name


def test_a_box_that_does_not_work_is_no_student_s_fault() -> None:
    with pytest.raises(BoxError, match="ended the process"):
        Box(["import nowhere"], boxed=False).__enter__()


def test_a_box_that_breaks_later_is_no_student_s_fault(
    homework: Master,
) -> None:
    first = homework.graded[0].answer
    leave = f"import os\ndef {first}(*a): os._exit(1)"
    with Box(homework.given, boxed=False) as box:
        box.given = ["import nowhere"]
        with pytest.raises(BoxError, match="ended the process"):
            outcomes(homework, Submission(code=[leave]), box)


def test_no_box_is_said_loudly(
    folder: Path, tmp_path: Path, homework: Master,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr(batch, "can_box", lambda: False)
    (tmp_path / "in").mkdir()
    batch.grade(tmp_path / "in", tmp_path / "out", homework, jobs=1)
    assert "run UNBOXED" in capsys.readouterr().out
