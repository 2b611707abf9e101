"""Right answers in notebooks whose cells hang together in odd ways."""

from collections.abc import Iterator

import pytest

from coursework.box import Box, can_box
from coursework.grading import outcomes
from coursework.master import SOLUTION, Master, masters
from coursework.submission import Submission

NAME = "geometric_score"
CALL = f"def {NAME}(theta, x):\n    return "


@pytest.fixture(scope="module")
def first() -> Master:
    return masters()[0]


@pytest.fixture(scope="module")
def box(first: Master) -> Iterator[Box]:
    with Box(first.given, can_box(), limit=3) as box:
        yield box


@pytest.fixture(scope="module")
def right(first: Master) -> str:
    """The answer of the master, under another name."""
    sources = [cell.source for cell in first.notebook.cells]
    (answer,) = (
        s for s in sources if f"def {NAME}(" in s and SOLUTION.search(s)
    )
    return answer.replace(f"def {NAME}(", "def right(")


def lost(first: Master, box: Box, cells: list[str]) -> set[bool]:
    """Whether it fails all tests of the question, or none."""
    submission = Submission(code=[*first.given, *cells])
    said, _ = outcomes(first, submission, box)
    return {bool(said[test]) for test in first.graded[0].tests}


@pytest.mark.parametrize(
    "cells",
    [
        ["import functools\nright = functools.partial(right)\n"
         + CALL + "right(theta, x)"],
        ["T = np.zeros(2)", "np.copyto(T, 1)", CALL + "right(theta, x) * T[0]"],
        ["T = [0, 0]", "T[0], T[1] = 1, 1", CALL + "right(theta, x) * T[0]"],
        ["def init():\n    global G\n    G = right", "init()",
         CALL + "G(theta, x)"],
        ["R = {}\ndef add(f):\n    R['it'] = f", "@add\ndef it(theta, x):\n"
         "    return right(theta, x)", CALL + "R['it'](theta, x)"],
        ["class C: pass", "setattr(C, 'go', staticmethod(right))",
         CALL + "C.go(theta, x)"],
        ["check = right", CALL + "check(theta, x)"],
        ["def h(*a):\n    return 0\n" + CALL + "h(theta, x)", "h = right"],
        ["globals()['hidden'] = right", CALL + "hidden(theta, x)"],
        ["%%writefile mine.py\none = 1", "from mine import one",
         CALL + "right(theta, x) * one"],
        ["exec('k = 1')", CALL + "right(theta, x) * k", "raise SystemExit"],
        [CALL + "right(theta, x).astype(np.longdouble)"],
        [CALL + "[np.longdouble(v) for v in right(theta, x)]"],
        ["import torch\n" + CALL
         + "list(torch.tensor(right(theta, x), requires_grad=True))"],
        [CALL + "np.ma.masked_array(right(theta, x), mask=x > -1)"],
    ],
)  # fmt: skip
def test_what_works_from_top_to_bottom_is_right(
    first: Master, box: Box, right: str, cells: list[str]
) -> None:
    assert lost(first, box, [right, *cells]) == {False}


@pytest.mark.slow
@pytest.mark.parametrize(
    "cells",
    [
        [CALL + "0 * x"],
        [CALL + "0 * x", "while True: pass"],
        [CALL + "0 * x", "import os\nos._exit(0)"],
        [CALL + "G(theta, x)", "def right(*a): return 0", "G = right"],
    ],
)
def test_a_second_chance_makes_no_wrong_answer_right(
    first: Master, box: Box, right: str, cells: list[str]
) -> None:
    assert lost(first, box, [right, *cells]) == {True}


def test_a_second_chance_harms_no_right_answer(
    first: Master, box: Box, right: str
) -> None:
    cells = [right.replace("right", NAME), "import os\nos._exit(0)"]
    assert lost(first, box, cells) == {False}


@pytest.mark.thorough
def test_every_answer_has_a_second_chance(master: Master) -> None:
    """Each hangs on a cell that is not seen to belong to it."""
    cells = [cell.source for cell in master.notebook.cells]
    code = []
    for each in master.graded:
        name = each.answer
        (answer,) = (
            cell
            for cell in cells
            if f"def {name}(" in cell and SOLUTION.search(cell)
        )
        hidden = answer.replace(f"def {name}(", f"def kept_{name}(")
        code += [
            f"{hidden}\nglobals()['_' + '{name}'] = kept_{name}",
            f"def {name}(*values):\n    return _{name}(*values)",
        ]
    submission = Submission(code=[*master.given, *code])
    with Box(master.given, can_box()) as box:
        said, _ = outcomes(master, submission, box)
    assert not any(said.values())
