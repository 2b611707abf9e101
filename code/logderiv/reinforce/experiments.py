"""What chapter 4 shows of many seeds, measured once and kept in a small file.

python -m logderiv.reinforce.experiments FILE
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed
from torch import nn

from logderiv.reinforce import mistakes
from logderiv.reinforce.loop import Weights
from logderiv.reinforce.returns import advantages, full_return, rewards_to_go
from logderiv.reinforce.seeds import EPISODES, sweep
from logderiv.reinforce.training import (
    evaluate,
    policy_gradient,
    train,
)
from logderiv.reinforce.whole_files import write_whole

SEEDS = range(30)
FEWER = range(10)
AFTER = (1, 4, 8, 12)  # updates, for the variances
BATCHES = 40


Training = Callable[[int], tuple[nn.Module, list[float]]]


def with_train(seed: int, **changes: Any) -> tuple[nn.Module, list[float]]:
    """The last policy, and the mean return of each batch."""
    result = train(seed, **changes)
    return result.policy, [update.mean_return for update in result.history]


WEIGHTS: dict[str, Weights] = {
    "full return": full_return,
    "reward-to-go": rewards_to_go,
    "with baseline": advantages,
}
LEARNING: dict[str, Training] = {
    name: partial(with_train, weights=weights)
    for name, weights in WEIGHTS.items()
}
MISTAKES: dict[str, Training] = {
    "no mistake": with_train,
    "mean(log p) · sum(G)": partial(
        with_train, weights=mistakes.mean_times_sum
    ),
    "no log": partial(mistakes.learn, kind=mistakes.NoLog),
    "own sample included": partial(
        with_train, weights=mistakes.own_sample_mean
    ),
    "own episode's mean": partial(
        with_train, weights=mistakes.own_episode_mean
    ),
    "mean over steps": partial(with_train, weights=mistakes.mean_over_steps),
    "argmax": partial(mistakes.learn, kind=mistakes.Argmax),
    "cut at 50 as the end": partial(with_train, env_id=mistakes.SHORT),
}


def measured(seed: int, learn: Training) -> dict:
    """The learning curve of one training, and how its last policy does."""
    policy, returns = learn(seed)
    return {"returns": digits(returns), **last_policy(policy, seed)}


def last_policy(policy: nn.Module, seed: int) -> dict:
    """Mean return of EPISODES fresh ones of the whole task, both ways."""
    greedy = evaluate(policy, EPISODES, seed, greedy=True)
    sampled = evaluate(policy, EPISODES, seed)
    return {"greedy": float(greedy.mean()), "sampled": float(sampled.mean())}


def variances(seed: int, updates: int) -> list[float]:
    """Of one batch gradient, summed over parameters, for each of WEIGHTS.

    At one policy of a default training, on the same batches.
    """
    policy = train(seed, updates=updates).policy
    measured = []
    for weights in WEIGHTS.values():
        gradients = torch.stack(
            [
                policy_gradient(policy, "CartPole-v1", 16, batch, weights)
                for batch in range(1000, 1000 + BATCHES)
            ]
        )
        measured.append(float(gradients.var(dim=0).sum()))
    return digits(measured)


def digits(numbers: Iterable[float]) -> list[float]:
    """Four of them are enough to draw."""
    return [float(f"{number:.4g}") for number in numbers]


def measure() -> dict:
    """All experiments, side by side on all cores."""
    run = Parallel(n_jobs=-1, batch_size=1)
    return {
        "sweep": [rounded(line) for line in sweep(range(100), jobs=-1)],
        "learning": curves(run, LEARNING, SEEDS),
        "variances": {
            str(updates): run(
                delayed(variances)(seed, updates) for seed in FEWER
            )
            for updates in AFTER
        },
        "mistakes": curves(run, MISTAKES, FEWER),
    }


def curves(
    run: Parallel, trainings: dict[str, Training], seeds: range
) -> dict[str, list[dict]]:
    """What `measured` says of each training and seed."""
    return {
        name: run(delayed(measured)(seed, learn) for seed in seeds)
        for name, learn in trainings.items()
    }


def rounded(line: dict) -> dict:
    """CPU seconds in four digits; all else is exact as it is."""
    return {
        name: digits([value])[0] if name.endswith("seconds") else value
        for name, value in line.items()
    }


def main() -> None:
    """Measure, and write the file in one step."""
    parser = argparse.ArgumentParser(
        prog="python -m logderiv.reinforce.experiments", description=__doc__
    )
    parser.add_argument("file", type=Path)
    file = parser.parse_args().file
    if not file.parent.is_dir():
        parser.error(f"there is no folder {file.parent}")
    began = time.monotonic()
    results = measure()
    about = {
        "date": date.today().isoformat(),
        "command": "make runs",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "minutes": round((time.monotonic() - began) / 60),
        "torch": torch.__version__.partition("+")[0],
    }
    text = json.dumps({"about": about, **results}, separators=(",", ":"))
    write_whole(file, (text + "\n").encode())


if __name__ == "__main__":
    main()
