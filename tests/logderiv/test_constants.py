"""Constants that the text quotes: code and sentence change together."""

import inspect
import json
from pathlib import Path

import gymnasium as gym
import pytest

from logderiv import comparison
from logderiv.reinforce import (
    experiments,
    mistakes,
    policies,
    seeds,
    train,
    training,
)

CHAPTERS = Path(__file__).parents[2] / "chapters"
ESTIMATORS = "3-sampling/estimators.ipynb"
REINFORCE = "4-reinforce/reinforce.ipynb"
SHORT = gym.spec(mistakes.SHORT)
IN_WORDS = {4: "four", 10: "ten", 30: "thirty", 60: "sixty"}


def default(name: str) -> object:
    return inspect.signature(train).parameters[name].default


def length(of: range | tuple) -> str:
    return IN_WORDS[len(of)]


QUOTED = [
    (ESTIMATORS, "within {} standard errors", int(comparison.MOST_ERRORS)),
    (REINFORCE, "one hidden layer of {} tanh units", policies.HIDDEN),
    (REINFORCE, "the optimiser is Adam at {}", training.LEARNING_RATE["mlp"]),
    (REINFORCE, "rate of 3 in place of {}", training.LEARNING_RATE["mlp"]),
    (REINFORCE, "a batch is {} episodes", default("episodes")),
    (REINFORCE, "So {} episodes are played by chance", default("episodes")),
    (REINFORCE, "the budget is {} updates", default("updates")),
    (REINFORCE, "takes {} of these updates", IN_WORDS[default("updates")]),
    (REINFORCE, "at least 475 over {} fresh", training.CHECK_EPISODES),
    (REINFORCE, "Every {} environment steps", training.CHECK_EVERY),
    (REINFORCE, "plays {} fresh episodes with", training.CHECK_EPISODES),
    (REINFORCE, "policy plays {} fresh episodes", seeds.EPISODES),
    (REINFORCE, "play {} episodes with sampled actions:", seeds.EPISODES),
    (REINFORCE, "Here are {} seeds of the loop", length(experiments.FEWER)),
    (REINFORCE, "at {} moments each", length(experiments.AFTER)),
    (REINFORCE, "on the same {} batches", experiments.BATCHES),
    (REINFORCE, "to learning, {} seeds each", length(experiments.SEEDS)),
    (REINFORCE, "is cut after {} steps", SHORT.max_episode_steps),
]


def text_of(page: str) -> str:
    cells = json.loads((CHAPTERS / page).read_text(encoding="utf-8"))["cells"]
    prose = [
        "".join(c["source"]) for c in cells if c["cell_type"] == "markdown"
    ]
    return " ".join(" ".join(prose).split())


@pytest.mark.parametrize(("page", "sentence", "value"), QUOTED)
def test_the_text_quotes_the_constant(
    page: str, sentence: str, value: object
) -> None:
    assert sentence.format(value) in text_of(page)
