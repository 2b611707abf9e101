"""A student's cells run as in a notebook, and go on where a line fails."""

from collections.abc import Iterator

import pytest

from coursework.box import Answer, AnswerError, Box, can_box

F = "def f():\n    return 1"
STUB = "def f():\n    raise NotImplementedError"
RELEASED = 'def f():\n    """One."""\n    raise NotImplementedError'


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    with Box(["import numpy as np"], can_box(), limit=5) as box:
        yield box


def value(box: Box, *cells: str) -> object:
    """What the answer gives after these cells, or what is said of it."""
    box.failed.clear()
    try:
        return Answer(box, "f", list(cells))()
    except AnswerError as error:
        return str(error)


@pytest.mark.parametrize(
    "line",
    [
        "%matplotlib inline",
        "%matplotlib",
        "%matplotlib widget",
        "%matplotlib nowhere",
        "%pylab inline",
        "%gui qt",
        "%config InlineBackend.figure_format = 'retina'",
        "%load_ext autoreload",
        "%load_ext nowhere",
        "%autoreload 2",
        "%pip install nowhere",
        "!pip install nowhere",
        "x = !ls",
        "np.log?",
        "np.log??",
        "?np.log",
        "%nowhere 3",
        "x = %nowhere 3",
        "%time x = 3",
        "%%time",
    ],
)
def test_a_magic_costs_nothing_but_itself(box: Box, line: str) -> None:
    assert value(box, f"{line}\n{F}") == 1
    inside = F.replace("\n", "\n    ")
    assert value(box, f"if True:\n    {line}\n    k = 1\n{F}") == 1
    assert value(box, f"if True:\n    {line}\n{F}") == 1
    assert value(box, f"if True:\n    {line}\n    {inside}") == 1


@pytest.mark.parametrize(
    "line",
    [
        "%%time",
        "\n\n%%time",
        "%%time --no-raise-error",
        "%%capture",
        "%%capture out",
        "%%time\n%%capture",
        "%%prun",
        "%%memit",
        "%%time\n%matplotlib inline",
        "%%time\nif True:\n    %matplotlib inline",
        "# mine\n%%time",
    ],
)
def test_below_a_cell_magic_stands_a_cell(box: Box, line: str) -> None:
    assert value(box, f"{line}\n{F}") == 1


@pytest.mark.parametrize(
    "above", ["%%timeit -n1 -r1", "%%html", "%%writefile f.py"]
)
def test_what_binds_nothing_in_a_notebook_binds_nothing_here(
    box: Box, above: str
) -> None:
    assert value(box, f"{above}\n{F}") == "missing"


def test_text_that_looks_like_a_magic_stays_as_it_is(box: Box) -> None:
    text = 'def f():\n    return """\n%matplotlib inline\n"""'
    assert value(box, text) == "\n%matplotlib inline\n"


@pytest.mark.parametrize(
    ("lines", "failed"),
    [
        ("import nowhere", ["nowhere"]),
        ("import math, nowhere, cmath\nmath.e, cmath.e", ["nowhere"]),
        ("from math import e, nowhere, pi\nassert e < pi", ["nowhere"]),
        ("from nowhere import *", ["nowhere"]),
        ("from nowhere import a\na.mount('/b')", ["nowhere", "'a'"]),
        ("try:\n    import nowhere\nexcept ImportError:\n    pass", []),
        ("try:\n    import nowhere\nexcept ValueError:\n    pass", ["nowhere"]),
        ("if True:\n    import nowhere", ["nowhere"]),
        ("open('bad.py', 'w').write('1 / 0')\nimport bad", ["division"]),
        ("import matplotlib.pyplot as p\np.style.use('seaborn')", ["seaborn"]),
        ("import torch\ntorch.ones(1, device='cuda')", ["device='cuda'"]),
        ("d = open('data.csv').read()\nlen(d)", ["data.csv", "'d'"]),
        ("%%time\nimport nowhere", ["nowhere"]),
        ("%%capture\nimport nowhere", ["nowhere"]),
        ("%run nowhere.py", ["nowhere.py"]),
    ],
)
def test_a_line_that_fails_costs_nothing_but_itself(
    box: Box, lines: str, failed: list[str]
) -> None:
    shared = f"{lines}\nimport functools\none = functools.partial(int, '1')"
    assert value(box, shared, "def f():\n    return one()") == 1
    said = list(box.failed)
    assert len(said) == len(failed)
    assert all(w in text for w, text in zip(failed, said, strict=True)), said


def test_an_answer_that_needs_what_failed_says_so(box: Box) -> None:
    said = value(box, "import nowhere as n", "def f():\n    return n.one")
    assert "NameError: name 'n' is not defined" in said
    assert "earlier: ModuleNotFoundError: No module named 'nowhere'" in said


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        ([F, "import nowhere\ndef f():\n    return 2"], 2),
        ([F, "def g():\n    return nowhere\nf = g()"], 1),
        (["raise SystemExit\n" + F], "SystemExit: "),
        (["import sys\nsys.exit(3)\n" + F], "SystemExit: 3"),
        (["raise KeyboardInterrupt\n" + F], "KeyboardInterrupt: "),
        ([F + "\ndef g(:"], "SyntaxError: "),
    ],
)
def test_what_is_run_and_what_is_not(
    box: Box, cells: list[str], wanted: object
) -> None:
    found = value(box, *cells)
    assert found == wanted or found.startswith(str(wanted))


def test_what_a_student_has_not_written_is_no_failure(box: Box) -> None:
    assert value(box, "def g():\n    raise NotImplementedError\ng()", F) == 1
    assert not box.failed


def test_words_of_a_student_are_cut_and_fit_a_line(box: Box) -> None:
    lie = [f"\x1b[31m\n{n}" + "x" * 10**4 for n in range(99)]
    box.failed.clear()
    box.note(lie)
    box.note({"no": "list"})
    assert 0 < len(box.failed) <= 10
    assert all(text.isprintable() for text in box.failed)
    assert all(len(text) < 1000 for text in box.failed)
    box.failed.clear()


@pytest.mark.parametrize(
    "cells",
    [
        [F, STUB],
        [F, RELEASED],
        [F, RELEASED, RELEASED],
        [STUB, F],
        [RELEASED, F, RELEASED],
        [F, STUB.replace("    ", "  ") + "\n\n\n"],
        [F, STUB.replace("    raise", "    # your code here\n    raise")],
        [F, STUB + "  # TODO"],
        [F, f"{STUB}\n\nprint('checked')"],
        [F, f"def g():\n    raise NotImplementedError\n\n\n{STUB}"],
        [F, "%%time\n" + STUB],
        [STUB + "\n" + F],
        [F, "def g(a, b):\n    raise NotImplementedError"],
        ["f = lambda: 1", RELEASED],
    ],
)
def test_a_stub_does_not_replace_an_answer(box: Box, cells: list[str]) -> None:
    assert value(box, *cells) == 1


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        ([RELEASED, STUB], "not written yet"),
        ([f"{F}\n{STUB}"], "not written yet"),
        ([F, "def f():\n    k = 2\n    raise NotImplementedError"],
         "not written yet"),
        ([F, "def f():\n    return 2"], 2),
        ([F, "def f():\n    pass"], None),
        ([F, "def f():\n    raise ValueError('no')"], "ValueError: no, in"),
    ],
)  # fmt: skip
def test_what_is_not_as_released_is_an_answer(
    box: Box, cells: list[str], wanted: object
) -> None:
    found = value(box, *cells)
    assert found == wanted or found.startswith(str(wanted))
