"""Student copies: they run, they score nothing, and they hold no answer."""

import json
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import nbformat
import pytest

import logderiv
from bookext import leaks
from coursework import release as releasing
from coursework.box import Box
from coursework.grading import outcomes
from coursework.master import CHAPTERS, Master, masters
from coursework.release import release, student_copy, version, wheel
from coursework.submission import read


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("released")
    release(CHAPTERS, folder)
    return folder


def test_nothing_secret_is_released(released: Path) -> None:
    assert leaks.find(released, masters()) == {}


def test_the_same_bytes_each_time(released: Path, tmp_path: Path) -> None:
    release(CHAPTERS, tmp_path)
    for path in released.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()
    assert len(list(released.iterdir())) == 1 + len(masters())


def test_metadata_is_what_is_allowed(released: Path) -> None:
    for path in released.glob("*.ipynb"):
        notebook = json.loads(path.read_text("utf-8"))
        assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
        for cell in notebook["cells"]:
            assert cell["metadata"] == {}
            assert not cell.get("outputs")
            assert cell.get("execution_count") is None


def test_planted_metadata_and_outputs_are_gone() -> None:
    master = masters()[0]
    master.notebook.metadata["answers"] = "planted"
    for cell in master.notebook.cells:
        cell.metadata["notes"] = "planted"
        if cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", text="planted")]
    assert "planted" not in nbformat.writes(student_copy(master))


def test_what_was_asked_is_still_there(released: Path) -> None:
    for master in masters():
        path = released / f"{master.name}.ipynb"
        cells = nbformat.read(path, as_version=4).cells
        text = "\n".join(cell.source for cell in cells)
        for question in master.questions:
            assert question.task in text
        for cell in master.given:
            assert cell in text
        assert "BEGIN" not in text
        assert text.count("raise NotImplementedError") >= len(master.graded)
        assert text.count("*Write your answer here.*") == 1


def test_fresh_copies_run_to_the_end(released: Path, tmp_path: Path) -> None:
    """From top to end, each in a kernel."""
    copies = sorted(released.glob("*.ipynb"))
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute",
         "--output-dir", tmp_path, *copies],
        check=True,
        capture_output=True,
        cwd=released,
    )  # fmt: skip
    for master in masters():
        path = tmp_path / f"{master.name}.ipynb"
        cells = nbformat.read(path, as_version=4).cells
        said = [o.get("text", "") for c in cells for o in c.get("outputs", [])]
        lines = "".join(said).splitlines()
        stub = re.compile(r"\w+: not written yet\.")
        assert all(stub.fullmatch(line) for line in lines)
        assert len(set(lines)) == len(master.graded)


def test_a_fresh_copy_scores_nothing(
    released: Path, master: Master, box: Box
) -> None:
    said, plots = outcomes(master, read(released / f"{master.name}.ipynb"), box)
    assert set(said.values()) == {"not written yet"}
    assert not plots


def test_the_wheel_holds_the_package_alone(released: Path) -> None:
    (wheel,) = released.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        tops = {name.split("/")[0] for name in opened.namelist()}
    info = {name for name in tops if name.endswith(".dist-info")}
    assert len(info) == 1
    assert tops - info == {"logderiv", "coursework"}


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what is packed, and packed from there."""
    copy = tmp_path / "sources"
    for path in releasing.sources():
        place = copy / path.relative_to(releasing.ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
    monkeypatch.setattr(releasing, "ROOT", copy)
    return copy


def install(wheel: Path, env: Path) -> str:
    """What is there after pip has installed it: version and docstring."""
    if not env.exists():
        venv.create(env, with_pip=False)
    python = str(next(env.glob("[bS]*/python*")))
    pip = [sys.executable, "-m", "pip", "--python", python, "install"]
    options = ["--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, *options, str(wheel)], check=True)
    code = "import logderiv; print(logderiv.__version__, logderiv.__doc__)"
    return subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True
    ).stdout


def two_wheels(sources: Path, folder: Path) -> list[Path]:
    """One of the code as it is, one of code that was changed."""
    wheels = []
    for name in ("old", "new"):
        (folder / name).mkdir()
        wheels.append(wheel(folder / name))
        module = sources / "code/logderiv/__init__.py"
        module.write_text(f'"""Changed."""\n{module.read_text("utf-8")}')
    return wheels


def test_pip_replaces_the_package_of_other_code(
    sources: Path, tmp_path: Path
) -> None:
    before = version()
    assert before.startswith(f"{logderiv.__version__}+code")
    old, new = two_wheels(sources, tmp_path)
    for each in (old, new, old):
        found = install(each, tmp_path / "env")
        assert (before in found) == (each == old)
        assert ("Changed." in found) == (each == new)


def test_pip_keeps_the_package_of_the_same_version(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a version that does not move would leave students the old code."""
    monkeypatch.setattr(releasing, "version", lambda: logderiv.__version__)
    for each in two_wheels(sources, tmp_path):
        found = install(each, tmp_path / "env")
    assert "Changed." not in found


def test_the_version_is_of_all_that_is_packed(sources: Path) -> None:
    seen = {version()}
    places = ["README.md", "code/logderiv/surrogate.py", "code/coursework/new"]
    for place in places:
        with (sources / place).open("a") as file:
            file.write("more")
        seen.add(version())
    assert len(seen) == 1 + len(places)
    (sources / "code/logderiv/__pycache__").mkdir()
    (sources / "code/logderiv/__pycache__/x.pyc").touch()
    (sources / "beside.txt").touch()
    assert version() in seen


def test_the_first_cell_says_how_to_install_that_wheel(
    released: Path,
) -> None:
    (wheel,) = released.glob("*.whl")
    for master in masters():
        path = released / f"{master.name}.ipynb"
        first = next(
            cell
            for cell in nbformat.read(path, as_version=4).cells
            if cell.cell_type == "code"
        )
        assert f"# %pip install {wheel.name}" in first.source
