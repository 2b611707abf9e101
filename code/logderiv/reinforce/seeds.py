"""Many seeds: trained, evaluated on fresh episodes, summed up.

Seeds are independent, so they may run side by side: on this machine
(``jobs``), or on whatever backend joblib has been told to use.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from os import PathLike
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs

from logderiv import checks
from logderiv.reinforce.training import evaluate, train

EPISODES = 1000
PERFECT = 500.0


def sweep(
    seeds: Iterable[int],
    jobs: int | None = None,
    checkpoints: str | PathLike | None = None,
) -> Iterator[dict]:
    """`report` of each seed, in the order of the seeds, as they get ready.

    Args:
        seeds: whole numbers >= 0.
        jobs: processes; None takes joblib's configuration, 1 without one.
        checkpoints: a folder for a file a seed, `train`'s checkpoint; on
            several machines, one that they share.
    Returns:
        An iterator of dictionaries, one a seed.
    Raises:
        TypeError, ValueError: no seeds, or one that is none; as `report`,
            when that seed's turn has come.
        RuntimeError: a process that was killed, with the seeds it may have
            been at.
    """
    seeds = [checks.whole("seed", seed, 0) for seed in seeds]
    if not seeds:
        raise ValueError("seeds must be at least one, got none")
    if checkpoints is not None:
        checkpoints = Path(checkpoints).resolve()
    run = Parallel(
        n_jobs=jobs,
        batch_size=1,
        pre_dispatch="n_jobs",
        return_as="generator",
    )
    reports = run(delayed(report)(seed, checkpoints) for seed in seeds)
    return _until_killed(reports, seeds, effective_n_jobs(jobs))


def _until_killed(
    reports: Iterator[dict], seeds: list[int], jobs: int
) -> Iterator[dict]:
    """The reports; or which seeds were at work when a process was killed."""
    done = 0
    try:
        for line in reports:
            yield line
            done += 1
    except BrokenProcessPool as error:
        lost = ", ".join(map(str, seeds[done : done + jobs]))
        raise RuntimeError(
            f"a process ended by force at seed {lost}: {error}"
        ) from error


def report(seed: int, checkpoints: Path | None = None) -> dict:
    """Train one seed; evaluate 1000 greedy and 1000 sampled episodes.

    Returns:
        What `python -m logderiv.reinforce` writes as a line.
    Raises:
        Exception: what `train` and `evaluate` raise, with a note of the seed.
    """
    try:
        return _report(seed, checkpoints)
    except Exception as error:
        error.add_note(f"seed {seed}")
        raise


def _report(seed: int, checkpoints: Path | None) -> dict:
    file = None if checkpoints is None else checkpoints / f"seed-{seed}.pt"
    result = train(seed, checkpoint=file)
    greedy = evaluate(result.policy, EPISODES, seed=seed, greedy=True)
    sampled = evaluate(result.policy, EPISODES, seed=seed)
    return {
        "seed": seed,
        "solved": result.solved,
        "solved_steps": result.solved_steps,
        "solved_cpu_seconds": result.solved_cpu_seconds,
        "env_steps": result.env_steps,
        "cpu_seconds": result.cpu_seconds,
        "greedy_mean": float(greedy.mean()),
        "sampled_mean": float(sampled.mean()),
    }


def summary(lines: list[dict]) -> str:
    """What a person wants to know of a sweep, failures by name.

    Raises:
        ValueError: there are no lines.
    """
    if not lines:
        raise ValueError("a summary needs a line at least, got none")
    return "\n".join([*_on_the_way(lines), *_in_the_end(lines)])


def _on_the_way(lines: list[dict]) -> Iterator[str]:
    solved = [line for line in lines if line["solved"]]
    failed = [str(line["seed"]) for line in lines if not line["solved"]]
    yield f"solved: {len(solved)} of {len(lines)} seeds"
    if failed:
        yield f"  not solved: seeds {', '.join(failed)}"
    for name, form in (("solved_steps", ",.0f"), ("solved_cpu_seconds", ".2f")):
        if solved:
            spread = _spread([line[name] for line in solved], form)
            yield f"  {name} of these: {spread}"


def _in_the_end(lines: list[dict]) -> Iterator[str]:
    below = [line for line in lines if line["greedy_mean"] < PERFECT]
    yield (
        f"last policy, every one of {EPISODES} greedy episodes at "
        f"{PERFECT:.0f}: {len(lines) - len(below)} of {len(lines)} seeds"
    )
    for line in below:
        yield f"  seed {line['seed']}: mean {line['greedy_mean']:.3f}"
    spread = _spread([line["sampled_mean"] for line in lines], ".1f")
    yield f"last policy, sampled: {spread}"


def _spread(values: list[float], form: str) -> str:
    low, first, median, third, high = np.quantile(values, np.arange(5) / 4)
    return (
        f"median {median:{form}}, middle half {first:{form}} to "
        f"{third:{form}}, all {low:{form}} to {high:{form}}"
    )
