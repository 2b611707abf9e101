"""What chapter 4 shows of many seeds, measured once and kept in a small file.

python -m logderiv.reinforce.experiments FILE
"""

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from pathlib import Path

import torch
from joblib import Parallel, delayed

from logderiv.reinforce import mistakes
from logderiv.reinforce.checkpoint import replace
from logderiv.reinforce.returns import advantages, full_return, rewards_to_go
from logderiv.reinforce.seeds import sweep
from logderiv.reinforce.training import (
    Weights,
    evaluate,
    policy_gradient,
    train,
)

SEEDS = range(30)
FEWER = range(10)
AFTER = (1, 4, 8, 12)  # updates, for the variances
BATCHES = 40
WEIGHTS: dict[str, Weights] = {
    "full return": full_return,
    "reward-to-go": rewards_to_go,
    "with baseline": advantages,
}
MISTAKES: dict[str, Callable] = {
    "none": partial(mistakes.learn, mistakes.right),
    "mean(log p) · sum(G)": partial(mistakes.learn, mistakes.mean_times_sum),
    "no log": partial(mistakes.learn, mistakes.no_log),
    "own sample in the baseline": partial(
        mistakes.learn, mistakes.own_sample_mean
    ),
    "own episode's mean": partial(mistakes.learn, mistakes.own_episode_mean),
    "mean over steps": partial(mistakes.learn, mistakes.mean_over_steps),
    "argmax": partial(mistakes.learn, mistakes.right, greedy=True),
    "cut at 50 taken for the end": partial(
        mistakes.learn, mistakes.right, env_id=mistakes.SHORT
    ),
}


def learning(seed: int, weights: Weights) -> dict:
    """The learning curve of one training, and how its last policy does."""
    result = train(seed, weights=weights)
    return {
        "returns": digits(update.mean_return for update in result.history),
        "solved": result.solved,
        **last_policy(result.policy, seed),
    }


def mistake(seed: int, learn: Callable) -> dict:
    """The same for a training with a mistake in it."""
    policy, returns = learn(seed)
    return {"returns": digits(returns), **last_policy(policy, seed)}


def last_policy(policy: torch.nn.Module, seed: int) -> dict:
    """Mean return of 1000 fresh episodes of the whole task, both ways."""
    greedy = evaluate(policy, 1000, seed, greedy=True)
    sampled = evaluate(policy, 1000, seed)
    return {
        "greedy": digits([greedy.mean()])[0],
        "sampled": digits([sampled.mean()])[0],
    }


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
                for batch in range(BATCHES)
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
        "sweep": list(sweep(range(100), jobs=-1)),
        "learning": {
            name: run(delayed(learning)(seed, weights) for seed in SEEDS)
            for name, weights in WEIGHTS.items()
        },
        "variances": {
            str(updates): run(
                delayed(variances)(seed, updates) for seed in FEWER
            )
            for updates in AFTER
        },
        "mistakes": {
            name: run(delayed(mistake)(seed, learn) for seed in FEWER)
            for name, learn in MISTAKES.items()
        },
    }


def main() -> None:
    """Measure, and write the file in one step."""
    file, began = Path(sys.argv[1]), time.monotonic()
    found = measure()
    about = {
        "date": date.today().isoformat(),
        "command": f"python -m logderiv.reinforce.experiments {file.name}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "minutes": round((time.monotonic() - began) / 60, 1),
        "torch": torch.__version__.partition("+")[0],
    }
    text = json.dumps({"about": about, **found}, separators=(",", ":"))
    replace(file, (text + "\n").encode())


if __name__ == "__main__":
    main()
