"""The command that says what is there."""

import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import logderiv
from logderiv import __main__ as command

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_everything_is_here(capsys: pytest.CaptureFixture) -> None:
    assert command.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"logderiv {logderiv.__version__}, Python 3")
    assert lines[-1] == "all there"
    assert [line.split() for line in lines[1:-1]] == [
        [name, version(name)] for name in command.needed()
    ]


def test_it_asks_for_all_that_the_package_asks_for() -> None:
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]
    wanted = [each.split(">")[0] for each in project["dependencies"]]
    assert sorted(command.needed()) == sorted(wanted)


@pytest.mark.parametrize("gone", ["torch", "altair", "pillow", "numpy"])
def test_what_is_missing_is_named_and_counted(
    gone: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without(name: str) -> str:
        if name == gone:
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(command, "version", without)
    assert command.main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert f"{gone:12} missing: pip install {gone}" in lines
    assert lines[-1] == "1 missing"


def test_it_says_if_the_package_itself_is_not_installed(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(name: str) -> list[str]:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(command, "requires", nothing)
    assert command.main() == 1
    assert "pip install -e ." in capsys.readouterr().out


def test_it_needs_none_of_them_itself() -> None:
    """So that it can say which of them is missing."""
    code = "import sys, logderiv.__main__; print('numpy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
