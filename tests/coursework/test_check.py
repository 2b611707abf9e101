"""The visible checks: missing, misshapen, wrong, right; and never a raise."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from coursework import check, check_plot
from coursework.check import agree

WANTED = np.array([0.5, -1.0, 2.0])


def answer(value: object) -> object:
    def double(x: float) -> object:
        return value(x) if callable(value) else value

    return double


def missing(x: float) -> object:
    raise NotImplementedError


def broken(x: float) -> object:
    return [1, 2][5]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (missing, "not written yet."),
        (broken,
         "IndexError: list index out of range (line: return [1, 2][5])"),
        (WANTED, "right on this example. The grader has others."),
        (list(WANTED), "right on this example. The grader has others."),
        (WANTED + 1e-9, "right on this example. The grader has others."),
        (None, "no numbers: got NoneType. Is there a return?"),
        ("text", "no numbers: got str. Is there a return?"),
        ([[1], [1, 2]], "no numbers: got list. Is there a return?"),
        (WANTED[:, None], "wrong shape: got (3, 1), wanted (3,)."),
        (1.0, "wrong shape: got (), wanted (3,)."),
        (
            WANTED[:, None] * WANTED,
            "wrong shape: got (3, 3), wanted (3,). Did (n, 1) meet (n,)? "
            "Together they make (n, n).",
        ),
        (
            -WANTED,
            "wrong value at [0]: got -0.5, wanted 0.5. All signs are flipped. "
            "Look at the sum.",
        ),
        (
            WANTED * 3,
            "wrong value at [0]: got 1.5, wanted 0.5. All values are 3 times "
            "the right ones. Look at the sum.",
        ),
        (
            [0.5, -1, np.nan],
            "wrong value at [2]: got nan, wanted 2. Look at the sum.",
        ),
    ],
)  # fmt: skip
def test_what_a_check_says(
    value: object, said: str, capsys: pytest.CaptureFixture
) -> None:
    check(answer(value), (1.0,), WANTED, "the sum")
    assert capsys.readouterr().out == f"double: {said}\n"


def test_a_scalar_is_checked(capsys: pytest.CaptureFixture) -> None:
    check(answer(2.0), (1.0,), 3.0)
    assert capsys.readouterr().out == "double: wrong value: got 2, wanted 3.\n"


@pytest.mark.parametrize(
    "value", [-WANTED, WANTED[:, None], 0.5, None, WANTED * 1.001, WANTED[:2]]
)
def test_agree_refuses(value: object) -> None:
    agree(WANTED, WANTED)
    with pytest.raises(AssertionError):
        agree(value, WANTED)


def test_agree_knows_infinity() -> None:
    agree(-np.inf, -np.inf)
    for value in (np.inf, -1e300, np.nan):
        with pytest.raises(AssertionError):
            agree(value, -np.inf)


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda ax: missing(0), "not written yet."),
        (lambda ax: ax.plot([1, 2], label="up"),
         "no xlabel; no ylabel."),
        (lambda ax: ax.set(xlabel="x", ylabel="y"),
         "0 series are labelled 'up', wanted 1."),
        (lambda ax: (ax.set(xlabel="x", ylabel="y"),
                     ax.scatter([1], [2], label="Going up")),
         "the series and axis labels are there. The grader looks at the rest."),
    ],
)  # fmt: skip
def test_what_a_plot_check_says(
    draw: object, said: str, capsys: pytest.CaptureFixture
) -> None:
    draw.__name__ = "plot"
    check_plot(draw, ["up"])
    plt.close("all")
    assert capsys.readouterr().out == f"plot: {said}\n"
