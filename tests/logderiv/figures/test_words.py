"""What a figure says in words: every mark, in numbers that travel."""

import numpy as np
import pytest

from logderiv.figures import reinforce, sampling
from logderiv.figures.plot import Plot
from logderiv.figures.words import in_digits

X = np.linspace(1, 10, 20)


def test_marks_are_said() -> None:
    figure = Plot("a message", height=3)
    panel = figure.subplots()
    panel.set(title="a title", xlabel="x label")
    panel.plot([0, 1], [2, 3], label="known")
    panel.plot([4], [5], "o")
    panel.axhline(6)
    panel.axvline(7)
    panel.errorbar([0, 1], [2, 3], [0.5, 0], fmt="o", label="found")
    panel.fill_between([0, 1], [4, 3], [2, 6])
    panel.annotate("two\nwords", (1, 2), xytext=(3, 4))
    panel.annotate("", (1, 2), (3, 4), arrowprops={"arrowstyle": "->"})
    assert figure.in_words().splitlines() == [
        "a message",
        "panel 1, a title, x: x label",
        "  line “known”: (0, 2) (1, 3)",
        "  dots: (4, 5)",
        "  line across: 6",
        "  line down: 7",
        "  dots “found”: (0, 2 ± 0.5) (1, 3 ± 0)",
        "  area: (0, 2 to 4) (1, 3 to 6)",
        "  “two words”: (1, 2)",
        "  arrow: (3, 4) (1, 2)",
    ]


def test_bars_stand_or_lie_at_their_names() -> None:
    figure = Plot("a message", height=3)
    left, right = figure.subplots(1, 2)
    left.bar(["a", "b"], [1, -2], width=0.6)
    right.barh(["a", "b"], [1, -2], height=0.6)
    said = figure.in_words().splitlines()
    assert said[2] == "  bars: (a, 1) (b, -2)"
    assert said[4] == "  bars: (1, a) (-2, b)"


def test_of_many_points_nine_are_said_and_the_last_is_one() -> None:
    figure = sampling.blind(X, X, X, {})
    line = figure.in_words().splitlines()[2]
    assert line.startswith("  line “truth”, 9 of 20 points: (1, 1) ")
    assert line.endswith(" (10, 10)")
    assert line.count("(") == 9


@pytest.mark.parametrize("seed", range(12))
def test_every_one_of_many_lines_alike_counts(seed: int) -> None:
    groups = {"a": [(X, (40 + k) * X) for k in range(12)]}
    before = reinforce.learning_curves(groups, "", "update", 475).in_words()
    assert "line, the average of 12 alike" in before
    groups["a"][seed] = X, 1.02 * (40 + seed) * X
    after = reinforce.learning_curves(groups, "", "update", 475).in_words()
    assert after != before


def test_numbers_that_vary_are_not_said() -> None:
    learned = [
        reinforce.learning_curves(
            {f"rate {k}": [(X, k * X)] * 5}, "", "update", 475, varies=True
        ).in_words()
        for k in (1, 2)
    ]
    assert learned[0] == learned[1]
    assert "lines, whose numbers vary: 7" in learned[0]
    strips = {"update 1": np.zeros((9, 4)), "update 60": np.zeros((500, 4))}
    film = reinforce.film(strips, times=(0, 5, 8, 150, 300, 450))
    assert "panel 9, step …" in film.in_words()


TIES = [0.00012345, 26.875, 123.45, -2.8125, 99995.0, 1.0005, -1.5e-5]


@pytest.mark.parametrize("tie", TIES)
def test_the_last_bits_do_not_matter_to_a_tie(tie: float) -> None:
    said = {in_digits(tie * (1 + k * 1e-13)) for k in range(-9, 10)}
    assert len(said) == 1
    assert abs(float(said.pop())) >= abs(tie)


def test_plain_rounding_would_depend_on_the_last_bits() -> None:
    assert len({f"{26.875 * (1 + k * 1e-13):.4g}" for k in (-1, 1)}) == 2


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (-0.0, "0"),
        (1e-17, "0"),
        (-3e-12, "0"),
        (2.0, "2"),
        (0.1 + 0.2, "0.3"),
        (-1234.56, "-1235"),
        (3e6, "3e+06"),
        (np.nan, "nan"),
        (-np.inf, "-inf"),
    ],
)
def test_numbers_are_said_in_four_digits(value: float, said: str) -> None:
    assert in_digits(value) == said
