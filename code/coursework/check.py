"""The visible checks of a student's notebook: missing, misshapen, or wrong?

They help; they do not grade. Nothing that a student does to them changes the
grade. They print, and never raise.
"""

import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def check(
    answer: Callable, arguments: tuple, wanted: object, hint: str = ""
) -> None:
    """Call an answer on one example and print what is wrong with the result.

    Args:
        answer: the student's function.
        arguments: of the example.
        wanted: the right value.
        hint: what to look at when the value is wrong.
    """
    found, value = _try(answer, arguments)
    if not found:
        trouble = compare(value, wanted)
        if trouble.startswith("wrong value") and hint:
            trouble += f" Look at {hint.rstrip('.')}."
        found = trouble or "right on this example. The grader has others."
    print(f"{_name(answer)}: {found}")


def check_plot(plot: Callable, words: list[str]) -> None:
    """Show a plot answer and print what is missing.

    Args:
        plot: the student's function of empty axes.
        words: of the labels; each is in that of exactly one series.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
    found, data = _try(_drawn_on, (plot, axes))
    if found:
        plt.close(figure)
        print(f"{_name(plot)}: {found}")
        return
    said = "; ".join(_missing(data, words)) or (
        "the series and axis labels are there. The grader looks at the rest"
    )
    print(f"{_name(plot)}: {said}.")


def _missing(data: dict, words: list[str]) -> Iterator[str]:
    from coursework.drawing import series

    for word in words:
        try:
            series(data, word)
        except AssertionError as error:
            yield f"{error}, wanted 1"
    yield from (f"no {n}" for n in ("xlabel", "ylabel") if not data[n])


def _drawn_on(plot: Callable, axes: "Axes") -> dict:
    from coursework.drawing import describe

    plot(axes)
    return describe(axes)


def _name(answer: Callable) -> str:
    return getattr(answer, "__name__", type(answer).__name__)


def _try(answer: Callable, arguments: tuple) -> tuple[str, Any]:
    """What went wrong, and the value."""
    try:
        return "", answer(*arguments)
    except NotImplementedError:
        return "not written yet.", None
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} (line: {frame.line})", None


def agree(value: object, wanted: object, rtol: float = 1e-4) -> None:
    """For hidden tests: the same shape and, but for rounding, the same values.

    Raises:
        AssertionError: says what differs.
    """
    trouble = compare(value, wanted, rtol)
    assert not trouble, trouble


def compare(value: object, wanted: object, rtol: float = 1e-4) -> str:
    """What is wrong with a value; nothing if it is right."""
    wanted = np.asarray(wanted, float)
    try:
        got = np.asarray(getattr(value, "detach", lambda: value)())
        if got.dtype.kind not in "biuf":
            raise TypeError
        got = got.astype(float)
    except Exception:
        return f"no numbers: got {type(value).__name__}. Is there a return?"
    if got.shape != wanted.shape:
        return _misshapen(got.shape, wanted.shape)
    scale = np.abs(wanted[np.isfinite(wanted)]).max(initial=0)
    atol = rtol * 0.1 * (scale or 1)
    close = np.isclose(got, wanted, rtol=rtol, atol=atol, equal_nan=True)
    if close.all():
        return ""
    where = tuple(int(i) for i in np.argwhere(~close)[0])
    at = f" at {list(where)}" if where else ""
    values = f"got {got[where]:.6g}, wanted {wanted[where]:.6g}"
    return f"wrong value{at}: {values}.{_pattern(got, wanted)}"


def _misshapen(got: tuple, wanted: tuple) -> str:
    said = f"wrong shape: got {got}, wanted {wanted}."
    if len(got) > len(wanted) and 1 not in got:
        said += " Did (n, 1) meet (n,)? Together they make (n, n)."
    return said


def _pattern(got: np.ndarray, wanted: np.ndarray) -> str:
    """A mistake that shows in how the values relate."""
    used = wanted != 0
    if used.sum() < 1 or np.any(got[~used]) or not np.isfinite(wanted).all():
        return ""
    ratio = got[used] / wanted[used]
    if not np.allclose(ratio, ratio[0], rtol=1e-4) or abs(ratio[0]) < 1e-3:
        return ""
    if np.isclose(ratio[0], -1):
        return (
            " All signs are flipped."
            if ratio.size > 1
            else (" The sign is flipped.")
        )
    return (
        f" All values are {ratio[0]:.4g} times the right ones."
        if ratio.size > 1
        else ""
    )
