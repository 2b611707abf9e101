"""The four masters, each as a submission, and a box for each."""

from collections.abc import Callable

import pytest

from coursework.box import Box, can_box
from coursework.master import SOLUTION, Master, masters
from coursework.submission import Submission

Submit = Callable[..., Submission]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is thorough stands for the first homework, unless SLOW=1."""
    for item in items:
        if not item.get_closest_marker("thorough"):
            continue
        if item.callspec.params["master"].name != masters()[0].name:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module", params=masters(), ids=lambda each: each.name)
def master(request: pytest.FixtureRequest) -> Master:
    return request.param


@pytest.fixture(scope="module")
def box(master: Master) -> Box:
    """One box for many submissions; every answer is still run in a fork."""
    with Box(master.given, can_box()) as box:
        yield box


@pytest.fixture(scope="module")
def submit(master: Master) -> Submit:
    """The master as a submission, with other sources for some answers."""
    cells = [c for c in master.notebook.cells if c.cell_type == "code"]
    answers = [c.source for c in cells if SOLUTION.search(c.source)]
    names = [each.answer for each in master.graded]
    right = dict(zip(names, answers, strict=True))

    def submit(**instead: str) -> Submission:
        return Submission(code=[*master.given, *(right | instead).values()])

    return submit
