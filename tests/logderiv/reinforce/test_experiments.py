"""The experiments run, and the stored file is what they write."""

import json
from pathlib import Path

import numpy as np
import pytest

from logderiv.reinforce import experiments, policy_gradient, train
from logderiv.reinforce.experiments import (
    AFTER,
    FEWER,
    MISTAKES,
    SEEDS,
    WEIGHTS,
    digits,
    rounded,
)

STORED = Path("chapters/4-reinforce/runs.json")


@pytest.fixture(scope="module")
def stored() -> dict:
    root = Path(__file__).parents[3]
    return json.loads((root / STORED).read_text("utf-8"))


def test_digits_keeps_four() -> None:
    assert digits([123.456, 0.0123456, 500.0]) == [123.5, 0.01235, 500.0]


def test_rounding_touches_seconds_alone() -> None:
    line = {"greedy_mean": 499.999, "cpu_seconds": 1.23456, "solved": True}
    assert rounded(line) == {**line, "cpu_seconds": 1.235}


def test_variances_are_those_of_batch_gradients(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(experiments, "BATCHES", 3)
    policy = train(2, updates=1).policy
    by_hand = [
        np.array(
            [
                policy_gradient(policy, "CartPole-v1", 16, 1000 + k, each)
                for k in range(3)
            ]
        )
        .var(axis=0, ddof=1)
        .sum()
        for each in WEIGHTS.values()
    ]
    assert np.allclose(experiments.variances(2, 1), by_hand, rtol=1e-3)
    assert by_hand[0] > by_hand[1]


def test_a_mistake_is_measured_on_the_whole_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def standing(seed: int) -> tuple:
        return train(seed, updates=1).policy, [1.23456]

    found = experiments.measured(0, standing)
    assert found["returns"] == [1.235]
    assert set(found) == {"returns", "greedy", "sampled"}
    assert 5 < found["sampled"] < 500


def test_the_stored_file_has_every_experiment(stored: dict) -> None:
    assert {"date", "command", "machine"} < set(stored["about"])
    assert [line["seed"] for line in stored["sweep"]] == list(range(100))
    assert list(stored["learning"]) == list(WEIGHTS)
    assert list(stored["mistakes"]) == list(MISTAKES)
    assert list(stored["variances"]) == [str(updates) for updates in AFTER]
    for found in stored["learning"].values():
        assert len(found) == len(SEEDS)
    for found in (*stored["mistakes"].values(), *stored["variances"].values()):
        assert len(found) == len(FEWER)


def test_the_stored_curves_are_possible(stored: dict) -> None:
    runs = {**stored["learning"], **stored["mistakes"]}
    for name, found in runs.items():
        returns = np.array([run["returns"] for run in found])
        longest = 50 if name.startswith("cut at 50") else 500
        assert returns.shape == (len(found), 60)
        assert returns.min() >= 8
        assert returns.max() <= longest
    assert (
        stored["mistakes"]["no mistake"]
        == stored["learning"]["with baseline"][:10]
    )


def test_the_stored_sweep_is_what_the_chapter_says(stored: dict) -> None:
    assert all(line["solved"] for line in stored["sweep"])
    assert np.mean([x["greedy_mean"] == 500 for x in stored["sweep"]]) >= 0.98


def test_one_stored_seed_got_stuck_at_a_constant_action(stored: dict) -> None:
    last = [run["sampled"] for run in stored["learning"]["full return"]]
    assert sum(mean < 11 for mean in last) == 1
