"""One fixture: how much longer than its floor a piece of code takes."""

import gc
import os
import time
from collections.abc import Callable

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[threads] = "1"

import numpy as np
import pytest
import torch

ROUNDS = 9
SECONDS_A_ROUND = 0.05

torch.set_num_threads(1)

Ratio = Callable[..., None]


def cpu_seconds(run: Callable[[], object], times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        run()
    return time.process_time() - start


def repeats(run: Callable[[], object]) -> int:
    """How often to run it in a round; the first run is not timed."""
    run()
    return max(1, round(SECONDS_A_ROUND / max(cpu_seconds(run, 1), 1e-6)))


@pytest.fixture
def ratio(benchmark) -> Ratio:
    """ratio(group, row, column, run, floor, target): CPU time of run over
    that of floor, to stand in that row and column of the group's table.

    Both run in turns, floor first, so that a slow second of the machine
    meets both; the median of the quotients is what counts.
    """

    def measure(
        group: str,
        row: str,
        column: str,
        run: Callable[[], object],
        floor: Callable[[], object],
        target: float | None = None,
    ) -> None:
        times, floor_times = repeats(run), repeats(floor)
        floors: list[float] = []
        gc.disable()

        def rounds() -> None:
            for _ in range(times):
                run()

        benchmark.pedantic(
            rounds,
            setup=lambda: floors.append(cpu_seconds(floor, floor_times)),
            rounds=ROUNDS,
        )
        gc.enable()
        seconds = np.array(benchmark.stats.stats.data) / times
        quotients = seconds / (np.array(floors) / floor_times)
        low, middle, high = np.quantile(quotients, [0.25, 0.5, 0.75])
        benchmark.extra_info.update(
            group=group,
            row=row,
            column=column,
            ratio=middle,
            low=low,
            high=high,
            target=target,
        )

    return measure
