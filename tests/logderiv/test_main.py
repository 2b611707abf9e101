"""The command that says what is there."""

from importlib.metadata import PackageNotFoundError, version

import pytest

import logderiv
from logderiv import __main__ as command


def test_everything_is_here(capsys: pytest.CaptureFixture) -> None:
    assert command.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"logderiv {logderiv.__version__}, Python 3")
    assert lines[-1] == "all there"
    for name in command.NEEDED:
        assert any(
            line.split() == [name, version(name)] for line in lines[1:-1]
        )


def test_what_is_missing_is_named_and_counted(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_torch(name: str) -> str:
        if name == "torch":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(command, "version", without_torch)
    assert command.main() == 1
    text = capsys.readouterr().out
    assert (
        "torch        missing, for chapters 3 and 4: pip install torch" in text
    )
    assert text.splitlines()[-1] == "1 missing"
