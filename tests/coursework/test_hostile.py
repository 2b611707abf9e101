"""What a submission can do, and what it costs: its own question, no other."""

from collections.abc import Callable, Iterator

import pytest

from coursework.box import Box, can_box
from coursework.grading import outcomes
from coursework.master import Master, masters
from coursework.submission import Submission

pytestmark = pytest.mark.thorough
Submit = Callable[..., Submission]
WEEKLY = [pytest.mark.slow, pytest.mark.weekly]
BOXED = pytest.mark.skipif(not can_box(), reason="bubblewrap is not here")
FREE = """\
import os, sys


def {name}(*arguments):
{body}
"""
CALLS = {
    "loops": "while True: pass",
    "sleeps": "import time; time.sleep(10**6)",
    "ends the process": "os._exit(0)",
    "exits": "sys.exit()",
    "interrupts": "raise KeyboardInterrupt",
    "crashes": "import ctypes; ctypes.string_at(0)",
    "recurses": "return {name}(*arguments)",
    "wants all memory": "return [bytes(10**9) for _ in range(100)]",
    "returns too much": "return list(range(10**7))",
    "returns what cannot be read": "return {{1: object()}}",
    "returns an abyss": """\
x = []
    for _ in range(10**5): x = [x]
    return x""",
    "forks": "while True: os.fork()",
    "kills its parent": "os.kill(os.getppid(), 9)",
    "kills its group": "os.killpg(os.getpgrp(), 9)",
    "waits for a word": "return input()",
    "chatters": "while True: print('x' * 10**6)",
    "cuts the line": "os.closerange(0, 1000)",
    "shouts on the line": """\
for line in range(3, 100):
        try: os.write(line, b'{{"value": 0}}\\n' * 9)
        except OSError: pass""",
    "says that nothing is wrong": """\
for line in range(3, 100):
        try: os.write(line, b'{{"error": ""}}\\n')
        except OSError: pass
    os._exit(0)""",
    "shares too much memory": """\
import mmap
    return [mmap.mmap(-1, 10**9).write(bytes(10**9)) for _ in range(9)]""",
    "leaves a shouter behind": """\
if os.fork() == 0:
        os.setsid()
        import time
        while True:
            for line in range(3, 100):
                try: os.write(line, b'{{"over": 0}}\\n')
                except OSError: pass
            time.sleep(0.01)
    return 0""",
    "leaves threads behind": """\
import threading
    def spin():
        while True: pass
    threading.Thread(target=spin).start()
    return 0""",
    "fills the disk": """\
import tempfile
    with tempfile.TemporaryFile(dir='.') as file:
        while True: file.write(bytes(10**7))""",
    "removes its folder": "import shutil; shutil.rmtree(os.getcwd()); return 0",
    "rewrites the library": """\
import json, numpy
    import coursework.inside as inside
    numpy.isclose = numpy.allclose = lambda *a, **k: True
    json.dumps = lambda *a, **k: '{{"value": true}}'
    inside.encode = inside._reply = lambda *a: {{"value": 1}}
    return 0""",
    "equals everything": """\
class Yes(float):
        __eq__ = __le__ = __ge__ = lambda *a: True
        __array__ = __hash__ = None
    return Yes()""",
    "lies with its name": "class Yes: __name__ = 'agree'\n    return Yes()",
}
CELLS = {
    "loops": "while True: pass",
    "ends the process": "os._exit(0)",
    "kills its parent": "os.kill(os.getppid(), 9)",
    "is no Python": "def nothing(:",
}
HOSTILE = {what: (body, "") for what, body in CALLS.items()} | {
    f"{what} in its cell": ("return 0", line) for what, line in CELLS.items()
}


@pytest.fixture(scope="module")
def impatient(master: Master) -> Iterator[Box]:
    """A box that loses its patience after two seconds."""
    with Box(master.given, can_box(), limit=2) as box:
        yield box


@pytest.fixture(scope="module")
def unboxed(master: Master) -> Iterator[Box]:
    """Just as impatient, and no box."""
    with Box(master.given, False, limit=2) as box:
        yield box


def lost(
    master: Master, box: Box, submission: Submission
) -> tuple[set[str], set[str]]:
    """Answers that failed all their tests, and answers that failed any."""
    said, _ = outcomes(master, submission, box)
    tests = {
        each.answer: [said[t] for t in each.tests] for each in master.graded
    }
    return (
        {name for name, words in tests.items() if all(words)},
        {name for name, words in tests.items() if any(words)},
    )


TOGETHER = 3  # hostile answers in a notebook, with right ones between them
FEW = [
    list(HOSTILE)[first : first + TOGETHER]
    for first in range(0, len(HOSTILE), TOGETHER)
]
# Each is tried on one homework, the next on the next; in a week all on all.
IN_TURN = [
    pytest.param(
        master,
        some,
        id=f"{master.name}-{', '.join(some)}",
        marks=[] if turn % len(masters()) == place else pytest.mark.weekly,
    )
    for place, master in enumerate(masters())
    for turn, some in enumerate(FEW)
]


def hostile(master: Master, some: list[str]) -> dict[str, str]:
    """Hostile sources for the first question, the third, the fifth."""
    sources = {}
    for question, what in zip(master.graded[::2], some, strict=False):
        body, line = HOSTILE[what]
        source = FREE.format(name=question.answer, body="    " + body)
        sources[question.answer] = source.format(name=question.answer) + line
    assert len(sources) == len(some)
    return sources


@pytest.mark.slow
@pytest.mark.parametrize(("master", "some"), IN_TURN, indirect=["master"])
def test_a_hostile_answer_costs_its_own_question(
    master: Master, impatient: Box, submit: Submit, some: list[str]
) -> None:
    sources = hostile(master, some)
    found = lost(master, impatient, submit(**sources))
    assert found == (set(sources), set(sources))


@pytest.mark.slow
@pytest.mark.skipif(not can_box(), reason="the boxes above are none, either")
@pytest.mark.parametrize("some", FEW, ids=", ".join)
@pytest.mark.parametrize(
    "master", masters()[:1], indirect=True, ids=lambda each: each.name
)
def test_without_a_box_it_costs_its_own_question_as_well(
    master: Master, unboxed: Box, submit: Submit, some: list[str]
) -> None:
    """What keeps questions apart there is the same for every homework."""
    sources = hostile(master, some)
    found = lost(master, unboxed, submit(**sources))
    assert found == (set(sources), set(sources))


NOBODY_S = [
    "while True: pass",
    "import os\nos._exit(0)",
    "import numpy as np\nnp.log = np.exp = np.sum = None",
    "def check(*arguments): print('100 %')",
    "%run nowhere.py",
    "!kill -9 $PPID",
    "def f(:",
    "raise SystemExit",
]


@pytest.mark.parametrize("first", [True, False])
def test_hostile_cells_of_no_question_cost_nothing(
    master: Master, box: Box, submit: Submit, first: bool
) -> None:
    submission = submit()
    place = 0 if first else len(submission.code)
    submission.code[place:place] = NOBODY_S
    assert lost(master, box, submission) == (set(), set())


ABOVE = [
    "%matplotlib inline",
    "%load_ext autoreload\n%autoreload 2",
    "%config InlineBackend.figure_format = 'retina'",
    "!ls",
    "%%time",
    "import warnings, math\nwarnings.simplefilter('error')",
    "print('x' * 10**6)",
]


@pytest.mark.parametrize(
    "shift", [0, 2, 5, *(pytest.param(n, marks=WEEKLY) for n in (1, 3, 4, 6))]
)
def test_what_students_put_above_their_answers_costs_nothing(
    master: Master, box: Box, submit: Submit, shift: int
) -> None:
    """Every line, above two answers of every homework; in a week above all."""
    sources = {}
    for place, each in enumerate(master.graded):
        (cell,) = (c for c in submit().code if f"def {each.answer}(" in c)
        line = ABOVE[(place + shift) % len(ABOVE)]
        sources[each.answer] = f"{line}\n{cell}"
    assert lost(master, box, submit(**sources)) == (set(), set())


def test_a_patched_library_costs_the_question_that_patched_it(
    master: Master, box: Box, submit: Submit
) -> None:
    victim = master.graded[0].answer
    patch = "import numpy as np\nfor name in dir(np):\n"
    patch += "    if name[0].islower(): setattr(np, name, None)\n"
    source = FREE.format(name=victim, body="    return 1") + patch
    submission = submit(**{victim: source})
    assert lost(master, box, submission) == ({victim}, {victim})


@BOXED
def test_in_the_box_there_is_nobody_else_to_kill(
    master: Master, box: Box, submit: Submit
) -> None:
    victim = master.graded[0].answer
    source = FREE.format(name=victim, body="    os.kill(-1, 9); return 0")
    submission = submit(**{victim: source})
    assert lost(master, box, submission) == ({victim}, {victim})


TAKE = [
    "return open({path!r}).read()",
    "return os.listdir({folder!r})[0]",
    "import socket; socket.create_connection(('127.0.0.1', 22)); return 0",
    "open(sys.executable, 'ab').write(b'x'); return 0",
]
FAILS = ("FileNotFound", "Connection", "ended", "OSE")


@BOXED
def test_in_the_box_there_is_nothing_to_take(
    master: Master, box: Box, submit: Submit
) -> None:
    """Each of the first questions tries one thing."""
    thieves = dict(zip(TAKE, master.graded, strict=False))
    assert len(thieves) == len(TAKE)
    sources = {}
    for body, each in thieves.items():
        inside = body.format(
            path=str(master.path), folder=str(master.path.parent)
        )
        sources[each.answer] = FREE.format(
            name=each.answer, body="    " + inside
        )
    said, _ = outcomes(master, submit(**sources), box)
    for each in master.graded:
        words = {said[test] for test in each.tests}
        if each in thieves.values():
            assert len(words) == 1
            assert words.pop().startswith(FAILS)
        else:
            assert words == {""}
