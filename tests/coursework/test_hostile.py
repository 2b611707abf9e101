"""What a submission can do, and what it costs: its own question, no other."""

from collections.abc import Callable, Iterator

import pytest

from coursework.box import Box, can_box
from coursework.grading import outcomes
from coursework.master import Master
from coursework.submission import Submission

pytestmark = pytest.mark.thorough
Submit = Callable[..., Submission]
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
FIRST = "homework-1-identity"
CELLS = {
    "loops": "while True: pass",
    "ends the process": "os._exit(0)",
    "kills its parent": "os.kill(os.getppid(), 9)",
    "is no Python": "def nothing(:",
}
HOSTILE = {what: (body, "") for what, body in CALLS.items()} | {
    f"{what} in its cell": ("return 0", line) for what, line in CELLS.items()
}


@pytest.fixture(scope="module", params=[True, False], ids=["boxed", "unboxed"])
def small_box(master: Master, request: pytest.FixtureRequest) -> Iterator[Box]:
    """A box that loses its patience after two seconds."""
    if request.param and not can_box():
        pytest.skip("bubblewrap is not here")
    if not request.param and can_box() and master.name != FIRST:
        pytest.skip("without a box, one homework stands for all")
    with Box(master.given, request.param, limit=2) as box:
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


@pytest.mark.slow
@pytest.mark.parametrize(("body", "line"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_answer_costs_its_own_question(
    master: Master, small_box: Box, submit: Submit, body: str, line: str
) -> None:
    victim = master.graded[0].answer
    source = FREE.format(name=victim, body="    " + body).format(name=victim)
    submission = submit(**{victim: source + line})
    assert lost(master, small_box, submission) == ({victim}, {victim})


@pytest.mark.parametrize(
    "cell",
    [
        "while True: pass",
        "import os\nos._exit(0)",
        "import numpy as np\nnp.log = np.exp = np.sum = None",
        "def check(*arguments): print('100 %')",
        "%run nowhere.py",
        "!kill -9 $PPID",
        "def f(:",
        "raise SystemExit",
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_hostile_cell_of_no_question_costs_nothing(
    master: Master, box: Box, submit: Submit, cell: str, first: bool
) -> None:
    submission = submit()
    submission.code.insert(0 if first else len(submission.code), cell)
    assert lost(master, box, submission) == (set(), set())


@pytest.mark.parametrize(
    "line",
    [
        "%matplotlib inline",
        "%load_ext autoreload\n%autoreload 2",
        "%config InlineBackend.figure_format = 'retina'",
        "!ls",
        "%%time",
        "import warnings, math\nwarnings.simplefilter('error')",
        "print('x' * 10**6)",
    ],
)
def test_what_students_put_above_their_answers_costs_nothing(
    master: Master, box: Box, submit: Submit, line: str
) -> None:
    sources = {
        each.answer: next(
            cell for cell in submit().code if f"def {each.answer}(" in cell
        )
        for each in master.graded
    }
    above = {name: f"{line}\n{text}" for name, text in sources.items()}
    assert lost(master, box, submit(**above)) == (set(), set())


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


@BOXED
@pytest.mark.parametrize(
    "body",
    [
        "return open({path!r}).read()",
        "return os.listdir({folder!r})[0]",
        "import socket; socket.create_connection(('127.0.0.1', 22)); return 0",
        "open(sys.executable, 'ab').write(b'x'); return 0",
    ],
)
def test_in_the_box_there_is_nothing_to_take(
    master: Master, box: Box, submit: Submit, body: str
) -> None:
    victim = master.graded[0].answer
    folder = master.path.parent
    body = body.format(path=str(master.path), folder=str(folder))
    source = FREE.format(name=victim, body="    " + body)
    said, _ = outcomes(master, submit(**{victim: source}), box)
    words = {said[test] for test in master.graded[0].tests}
    assert len(words) == 1
    assert words.pop().startswith(
        ("FileNotFound", "Connection", "ended", "OSE")
    )
    others = [test for each in master.graded[1:] for test in each.tests]
    assert not any(said[test] for test in others)
