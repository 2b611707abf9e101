"""One fixture: how much longer than its floor a piece of code takes."""

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch

ROUNDS = 9
SECONDS_A_ROUND = 0.05

torch.set_num_threads(1)

Ratio = Callable[[str, Callable[[], object], Callable[[], object]], None]


def cpu_seconds(run: Callable[[], object], times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        run()
    return time.process_time() - start


@pytest.fixture
def ratio(benchmark) -> Ratio:
    """ratio(of, run, floor, target): CPU time of run over that of floor.

    Both run in turns, floor first, so that a slow second of the machine
    meets both; the median of the quotients is what counts.
    """

    def measure(
        of: str,
        run: Callable[[], object],
        floor: Callable[[], object],
        target: float | None = None,
    ) -> None:
        run()
        once = max(cpu_seconds(floor, 1), 1e-6)
        times = max(1, round(SECONDS_A_ROUND / once))
        floors: list[float] = []

        def rounds() -> None:
            for _ in range(times):
                run()

        benchmark.pedantic(
            rounds,
            setup=lambda: floors.append(cpu_seconds(floor, times)),
            rounds=ROUNDS,
        )
        quotients = np.array(benchmark.stats.stats.data) / floors
        low, middle, high = np.quantile(quotients, [0.25, 0.5, 0.75])
        benchmark.extra_info.update(
            of=of, ratio=middle, low=low, high=high, target=target
        )

    return measure
