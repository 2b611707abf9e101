"""Which answers pass which hidden tests, for every homework."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import pytest

from coursework.box import Box
from coursework.grading import outcomes
from coursework.master import Master
from coursework.submission import Submission

ANSWERS = Path(__file__).parent / "answers"
WEEKLY = [pytest.mark.slow, pytest.mark.weekly]
CASE = re.compile(
    r"^# %% (\w+) (wrong_\w+|alt_\w+)(?: of (\w+))?(?: fails (.+))?$", re.M
)
EDIT = re.compile(r"((?:^#-.*\n)+)((?:^#\+.*\n)*)", re.M)


@dataclass
class Case:
    """An answer, and the tests that it must fail."""

    answer: str
    name: str
    fails: set[str]
    source: str

    @property
    def right(self) -> bool:
        return self.name.startswith("alt_")


def cases(master: Master) -> list[Case]:
    """`# %% answer wrong_name of alt_name fails what what`, the cell below it.

    With `of`, the cell holds edits of the answer that is named.
    """
    text = ANSWERS.joinpath(f"{master.path.parent.name}.py").read_text("utf-8")
    _, *parts = CASE.split(text)
    fives = zip(*(parts[place::5] for place in range(5)), strict=True)
    found: dict[tuple[str, str], Case] = {}
    for answer, name, base, fails, below in fives:
        source = below.strip()
        if base:
            source = edited(found[answer, base].source, source)
        tests = {f"test_{answer}_{what}" for what in (fails or "").split()}
        assert (answer, name) not in found
        found[answer, name] = Case(answer, name, tests, source)
    return list(found.values())


def edited(source: str, edits: str) -> str:
    """With lines `#+` in place of the lines `#-` above them, found once."""
    assert EDIT.sub("", f"{edits}\n") == "", edits
    text = f"\n{source}\n"
    for pair in EDIT.findall(f"{edits}\n"):
        old, new = (re.sub(r"^#[-+]", "", each, flags=re.M) for each in pair)
        assert text.count(f"\n{old}") == 1, old
        text = text.replace(f"\n{old}", f"\n{new}")
    return text.strip()


@pytest.mark.parametrize("edits", ["#-c", "#-b", "#+b", "b", "#-a\nb", "#-a "])
def test_an_edit_that_fits_nowhere_or_twice_is_none(edits: str) -> None:
    assert edited("a\nb\n\n\nb", "#-a\n#-b\n#+c") == "c\n\n\nb"
    with pytest.raises(AssertionError):
        edited("a\nb\n\n\nb", edits)


def failed(said: dict[str, str]) -> set[str]:
    """The tests that found something."""
    return {test for test, trouble in said.items() if trouble}


Submit = Callable[..., Submission]


def rows(master: Master, right: bool) -> list[list[Case]]:
    """The first case of every question, the second of every question, …"""
    by_answer = [
        [c for c in cases(master) if c.right == right and c.answer == q.answer]
        for q in master.graded
    ]
    return [[case for case in row if case] for row in zip_longest(*by_answer)]


def check_row(
    master: Master, row: list[Case], box: Box, submit: Submit, seed: int = 0
) -> None:
    """A submission with these answers fails what they should, no more."""
    instead = {case.answer: case.source for case in row}
    said, _ = outcomes(master, submit(**instead), box, seed)
    wanted = set().union(*(case.fails for case in row))
    assert failed(said) == wanted, {
        test: (said[test], [case.name for case in row if case.fails & {test}])
        for test in failed(said) ^ wanted
    }


def test_the_master_passes_everything(
    master: Master, box: Box, submit: Submit
) -> None:
    said, _ = outcomes(master, submit(), box)
    assert set(said) == {test for each in master.graded for test in each.tests}
    assert not failed(said), said


@pytest.mark.thorough
def test_wrong_answers_fail_what_they_should_and_no_more(
    master: Master, box: Box, submit: Submit
) -> None:
    """A wrong answer to every question that has one left."""
    for row in rows(master, right=False):
        check_row(master, row, box, submit)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "seed",
    [0, *(pytest.param(n, marks=WEEKLY) for n in (1, 2, 3, 4))],
)
def test_alternative_answers_pass_everything(
    master: Master, box: Box, submit: Submit, seed: int
) -> None:
    """The grader's seed is 0."""
    for row in rows(master, right=True):
        check_row(master, row, box, submit, seed)


def test_there_are_enough_cases(master: Master) -> None:
    count = Counter((c.answer, c.right) for c in cases(master))
    for each in master.graded:
        wrong, right = (3, 2) if each.plot else (6, 2)
        assert count[each.answer, False] >= wrong, each.answer
        assert count[each.answer, True] >= right, each.answer
    assert all(bool(case.fails) != case.right for case in cases(master))


def test_every_hidden_test_is_failed_by_some_case(master: Master) -> None:
    caught = set().union(*(case.fails for case in cases(master)))
    assert caught == {test for each in master.graded for test in each.tests}


@pytest.mark.thorough
def test_a_blank_answer_fails_its_own_tests_alone(
    master: Master, box: Box, submit: Submit
) -> None:
    """Every second question is blank, then every other."""
    for blank in (master.graded[::2], master.graded[1::2]):
        stub = "def {}(*arguments):\n    raise NotImplementedError"
        stubs = {each.answer: stub.format(each.answer) for each in blank}
        said, _ = outcomes(master, submit(**stubs), box)
        assert failed(said) == {test for each in blank for test in each.tests}
        assert {said[test] for test in failed(said)} == {"not written yet"}


def test_a_submission_without_code_fails_everything(
    master: Master, box: Box, submit: Submit
) -> None:
    said, _ = outcomes(master, Submission(), box)
    assert failed(said) == set(said)
    assert set(said.values()) == {"missing"}
