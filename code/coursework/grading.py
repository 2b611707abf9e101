"""Hidden tests, by pytest, asking a box for values."""

import os
import re
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from coursework.box import Answer, AnswerError, Box, BoxError
from coursework.master import Master, Question
from coursework.submission import Submission, cells_for

FINAL = re.compile(r"$|missing$|not written yet$|was stopped after ")
OFF = [
    "cacheprovider", "faulthandler", "logging", "terminal", "threadexception",
    "unraisableexception", "warnings",
]  # fmt: skip
NUMBERS = re.compile(r"^wrong value.*?: got \S+, wanted \S+\.(?= |$)")


def outcomes(
    master: Master, submission: Submission, box: Box, seed: int = 0
) -> tuple[dict[str, str], dict[str, str]]:
    """Run all hidden tests on a submission.

    An answer is run after the cells that it is seen to need, so that nothing
    else in the notebook can harm it. If it fails, it gets a second chance
    after all cells, as the student may have run it; the better one counts.

    Returns:
        for each test, what went wrong ("" if nothing did); for each plot, its
        picture as a PNG in base64.
    Raises:
        BoxError: the box does not work, or not every test was run.
    """
    names = [each.answer for each in master.graded]
    needed = {
        name: cells_for(name, submission.code, master.given) for name in names
    }
    said, plots = _run(master, box, needed, seed)
    again = {
        each.answer: submission.code
        for each in master.graded
        if not all(FINAL.match(said[test]) for test in each.tests)
    }
    if again:
        then, drawn = _run(master, box, again, seed)
        for each in master.graded:
            if passed(each, then) > passed(each, said):
                said |= {test: then[test] for test in each.tests}
                plots |= {k: v for k, v in drawn.items() if k == each.answer}
    return said, plots


def passed(question: Question, said: dict[str, str]) -> int:
    """How many tests of a question were passed."""
    return sum(said.get(test) == "" for test in question.tests)


def _run(
    master: Master, box: Box, cells: dict[str, list[str]], seed: int
) -> tuple[dict[str, str], dict[str, str]]:
    """Run the hidden tests of some answers, each after its cells."""
    answers = {name: Answer(box, name, code) for name, code in cells.items()}
    asker = Asker(seed)
    with tempfile.TemporaryDirectory() as folder:
        module = Path(folder, "hidden.py")
        module.write_text(master.test_module(answers), encoding="utf-8")
        _run_pytest(module, [asker, fixtures(answers)])
    box.close()
    if asker.broken or set(asker.said) != {
        test
        for each in master.graded
        if each.answer in answers
        for test in each.tests
    }:
        raise asker.broken or BoxError(f"{master.name}: not every test was run")
    plots = {name: each.png for name, each in answers.items() if each.png}
    return asker.said, plots


def _run_pytest(module: Path, plugins: list[object]) -> None:
    """In this process, with nothing but the module and our plugin."""
    options = ["--assert=plain", "-c", os.devnull]
    options += ["-o", "python_files=hidden.py"]
    options += [f"-pno:{name}" for name in OFF]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        # By name: of a path, pytest would take [ and :: for its own.
        patch.syspath_prepend(module.parent)
        pytest.main(["--pyargs", module.stem, *options], plugins=plugins)
    sys.modules.pop(module.stem, None)


class Asker:
    """A pytest plugin: random numbers in, a sentence about each test out."""

    def __init__(self, seed: int):
        self.said: dict[str, str] = {}
        self.broken: BoxError | None = None
        self.seed = seed

    def pytest_configure(self, config: pytest.Config) -> None:
        """Nobody reads tracebacks, and they take long to write."""
        config.option.tbstyle = "no"

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> np.random.Generator:
        """Of the test and the seed."""
        key = zlib.crc32(request.node.name.encode())
        return np.random.default_rng([self.seed, key])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo
    ) -> object:
        """Keep what went wrong, as the student shall read it."""
        if call.excinfo and isinstance(call.excinfo.value, BoxError):
            self.broken = call.excinfo.value
            item.session.shouldstop = "no box"
        if call.when == "call":
            self.said[item.name] = _sentence(call.excinfo)
        return (yield)


def fixtures(answers: dict[str, Answer]) -> object:
    """A pytest plugin: every answer is a fixture of its name."""

    def fixture(name: str) -> object:
        return pytest.fixture(name=name)(lambda _: answers[name])

    return type("Answers", (), {name: fixture(name) for name in answers})()


def _sentence(excinfo: pytest.ExceptionInfo | None) -> str:
    """What went wrong; nothing if and only if nothing did."""
    if excinfo is None:
        return ""
    if isinstance(excinfo.value, AnswerError):
        return str(excinfo.value).strip() or "gave no value"
    if isinstance(excinfo.value, AssertionError):
        said = NUMBERS.sub("wrong value.", str(excinfo.value))
        return said.strip() or "not true of this answer"
    return "the value has not the form that was asked for"
