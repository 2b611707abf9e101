"""What every master notebook must be like."""

import ast
import re

import pytest

from coursework.master import (
    HIDDEN,
    SOLUTION,
    STUB,
    Master,
    masters,
    nbgrader_metadata,
    question_of,
    sections,
)


def test_there_is_one_for_every_chapter() -> None:
    names = [master.name for master in masters()]
    assert names == [
        "homework-1-identity",
        "homework-2-expectation",
        "homework-3-sampling",
        "homework-4-reinforce",
    ]


def test_its_size(master: Master) -> None:
    assert 5 <= len(master.questions) <= 7
    assert 60 <= master.minutes <= 120
    assert sum(each.written for each in master.questions) == 1
    assert sum(each.plot for each in master.questions) == 1
    numbers = [each.number for each in master.questions]
    assert numbers == list(range(1, len(numbers) + 1))


def test_its_tests_have_names_and_say_what_they_look_at(
    master: Master,
) -> None:
    for question in master.graded:
        assert len(question.tests) >= 2
        assert (2 * question.points) % len(question.tests) == 0
        for test, text in question.tests.items():
            assert test.startswith(f"test_{question.answer}_")
            assert re.fullmatch(r"[A-Z].+\.", text), test
            assert not re.search(r"[=\[\]_]", text), text


def test_a_rubric_adds_up(master: Master) -> None:
    for question in master.questions:
        parts = re.findall(r"^- (\d+) points?:", question.rubric, re.MULTILINE)
        points = sum(map(int, parts))
        assert points == (question.points if question.written else 0)


def test_nbgrader_finds_its_metadata(master: Master) -> None:
    for found, cells in sections(master.notebook.cells):
        question = question_of(found, cells)
        for place, cell in enumerate(cells):
            wanted = nbgrader_metadata(question, cell, place)
            assert cell.metadata.get("nbgrader") == wanted


def test_answers_are_functions_and_stubs_are_python(master: Master) -> None:
    answers = []
    for cell in master.notebook.cells:
        if cell.cell_type != "code" or not SOLUTION.search(cell.source):
            continue
        stub = SOLUTION.sub(rf"\g<indent>{STUB['code']}", cell.source)
        (function,) = ast.parse(stub).body
        assert isinstance(function, ast.FunctionDef)
        assert ast.get_docstring(function)
        answers.append(function.name)
    assert answers == [each.answer for each in master.graded]


def test_no_question_uses_the_answer_of_another(master: Master) -> None:
    names = {each.answer for each in master.graded}
    for cell in master.notebook.cells:
        if cell.cell_type == "code":
            used = names & set(re.findall(r"\w+", cell.source))
            assert len(used) <= 1, used


def test_every_answer_has_a_visible_check_that_is_right(
    master: Master,
) -> None:
    for question, (_, cells) in zip(
        master.questions, sections(master.notebook.cells), strict=True
    ):
        if question.written:
            continue
        (tests,) = (c for c in cells if HIDDEN.search(c.source))
        assert re.search(r"^check(_plot)?\(", tests.source)
        said = "".join(o.get("text", "") for o in tests.outputs)
        lines = said.splitlines()
        assert lines, question.answer
        for line in lines:
            assert re.fullmatch(
                r"\w+: (right on this example|the series and "
                r"axis labels are there)\. The grader .+\.",
                line,
            )


@pytest.mark.parametrize("kind", ["SOLUTION", "HIDDEN TESTS"])
def test_markers_come_in_pairs(master: Master, kind: str) -> None:
    text = "\n".join(cell.source for cell in master.notebook.cells)
    begins, ends = (
        text.count(f"### {word} {kind}") for word in ("BEGIN", "END")
    )
    pattern = SOLUTION if kind == "SOLUTION" else HIDDEN
    assert begins == ends == len(pattern.findall(text)) > 0
