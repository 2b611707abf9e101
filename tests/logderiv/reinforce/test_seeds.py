"""Many seeds: whatever runs them, and however many at once, same numbers.

CPU seconds are measurements, they differ; everything else has to agree to
the last bit.
"""

import importlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from distributed import Client, LocalCluster
from torch import nn

from logderiv.reinforce import (
    TrainResult,
    advantages,
    evaluate,
    make_policy,
    report,
    summary,
    sweep,
    train,
    training,
)
from logderiv.reinforce.__main__ import main

module = importlib.import_module("logderiv.reinforce.seeds")

SEEDS = [2, 0]
MEASURED = {"solved_cpu_seconds", "cpu_seconds"}
KEYS = [
    "seed",
    "solved",
    "solved_steps",
    "solved_cpu_seconds",
    "env_steps",
    "cpu_seconds",
    "greedy_mean",
    "sampled_mean",
]
short = partial(train, updates=2, episodes=4)
Capture = pytest.CaptureFixture[str]


def found(lines: Iterable[dict]) -> list[dict]:
    """Reports without what is measured, that is CPU seconds."""
    return [
        {name: line[name] for name in KEYS if name not in MEASURED}
        for line in lines
    ]


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings of two small updates, in this process."""
    monkeypatch.setattr(module, "train", short)


def bits(policy: nn.Module) -> list[bytes]:
    return [leaf.numpy().tobytes() for leaf in policy.state_dict().values()]


@pytest.mark.usefixtures("cheap")
def test_a_report_is_of_a_fresh_training_and_fresh_episodes() -> None:
    result = short(5)
    line = report(5)
    assert list(line) == KEYS
    assert line["seed"] == 5
    assert line["env_steps"] == result.env_steps
    assert line["cpu_seconds"] > 0
    for name, greedy in (("greedy_mean", True), ("sampled_mean", False)):
        fresh = partial(evaluate, result.policy, 1000, greedy=greedy)
        assert line[name] == fresh(seed=5).mean()
        assert line[name] != fresh(seed=6).mean()
    assert line["greedy_mean"] != line["sampled_mean"]


def test_a_report_says_when_it_was_solved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    result = TrainResult(nn.Linear(4, 2), [], True, 12, 0.5, 20, 0.75)
    monkeypatch.setattr(module, "train", lambda seed, checkpoint: result)
    line = report(7)
    del line["greedy_mean"], line["sampled_mean"]
    assert line == {
        "seed": 7,
        "solved": True,
        "solved_steps": 12,
        "solved_cpu_seconds": 0.5,
        "env_steps": 20,
        "cpu_seconds": 0.75,
    }


@pytest.mark.usefixtures("cheap")
def test_a_sweep_is_its_reports_in_the_order_of_the_seeds() -> None:
    seeds = [4, 0, 3, 0]
    lines = found(sweep(seeds))
    assert [line["seed"] for line in lines] == seeds
    assert lines == found(map(report, seeds))
    assert lines[1] == lines[3] != lines[0]
    assert found(sweep(iter(seeds), jobs=1)) == lines


def test_reports_come_as_they_get_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def once(seed: int, checkpoint: Path | None) -> TrainResult:
        if seed == 2:
            raise ValueError("seed 2 is broken")
        return short(seed, checkpoint=checkpoint)

    monkeypatch.setattr(module, "train", once)
    lines = sweep([0, 1, 2, 3])
    assert [next(lines)["seed"], next(lines)["seed"]] == [0, 1]
    with pytest.raises(ValueError, match="seed 2 is broken"):
        next(lines)


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ([], "seeds must be at least one, got none"),
        (iter(()), "got none"),
        ([0, -1], "seed must be at least 0, got -1"),
        ([0, 1.5], "seed must be a whole number, got 1.5"),
        ("01", "seed must be a whole number, got '0'"),
    ],
)
def test_seeds_that_are_none_are_refused_at_the_door(
    seeds: Iterable[object], said: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        sweep(seeds)


def test_nothing_cannot_be_summed_up() -> None:
    with pytest.raises(ValueError, match="at least, got none"):
        summary([])


def test_a_killed_process_is_no_seed_that_was_not_solved(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    """Exit 2, the seed named, the lines of before kept."""
    lines = [made_up(seed, 10) for seed in range(4)]

    def killed(seed: int, _: object) -> dict:
        """The third process gets what it gets when memory is out."""
        if seed == 2:
            os.kill(os.getpid(), 9)
        return lines[seed]

    monkeypatch.setattr(module, "report", killed)
    file = tmp_path / "out.jsonl"
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert main(["--seeds", "4", "--json", str(file)]) == 2
    said = capsys.readouterr().err
    assert re.search(r"error: a process ended by force at seed [12, ]*2", said)
    assert "SIGKILL" in said
    kept = [json.loads(line) for line in file.read_text().splitlines()]
    assert kept == lines[: len(kept)]
    assert len(kept) in (1, 2)


class OddError(Exception):
    """Of no class that anybody expects."""


@pytest.mark.parametrize(
    "kind", [OddError, MemoryError, KeyError, RuntimeError]
)
def test_whatever_goes_wrong_names_its_seed(
    kind: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    def fail(seed: int, checkpoint: object) -> TrainResult:
        raise kind("no more")

    monkeypatch.setattr(module, "train", fail)
    assert main(["--seeds", "1"]) == 2
    assert re.search("error: seed 0: .?no more", capsys.readouterr().err)


@pytest.mark.slow
@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("jobs", [None, 3])
def test_threads_find_what_one_thread_finds(jobs: int | None) -> None:
    """joblib's configuration counts, its jobs where none are asked for."""
    alone = found(sweep(range(6), jobs=1))
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert found(sweep(range(6), jobs=jobs)) == alone


def test_policies_made_side_by_side_are_those_made_alone() -> None:
    def made(seed: int) -> list[bytes]:
        return bits(make_policy("mlp", torch.ones(1, 4), 2, seed))

    alone = [made(seed) for seed in range(400)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(made, range(400)))
    differ = [seed for seed in range(400) if together[seed] != alone[seed]]
    assert differ == []


@pytest.mark.usefixtures("cheap")
def test_a_sweep_keeps_a_checkpoint_a_seed(tmp_path: Path) -> None:
    """Read again, the reports agree in their CPU seconds, too."""
    first = list(sweep([1, 0], checkpoints=tmp_path))
    kept = sorted(path.name for path in tmp_path.glob("*.pt"))
    assert kept == ["seed-0.pt", "seed-1.pt"]
    assert list(sweep([1, 0], checkpoints=tmp_path)) == first
    assert found(sweep([1, 0])) == found(first)
    assert list(sweep([1, 0])) != first


def policies_in(folder: Path) -> list[list[bytes]]:
    """The bits of the policies that the trainings in a folder ended with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("logderiv.reinforce.training.rollouts", None)
        return [
            bits(train(seed, checkpoint=folder / f"seed-{seed}.pt").policy)
            for seed in SEEDS
        ]


def on_dask(folder: Path) -> list[dict]:
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        return list(sweep(SEEDS, checkpoints=folder))


@pytest.mark.slow
def test_one_process_two_and_a_cluster_find_the_same(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two", "dask")]
    for folder in folders:
        folder.mkdir()
    one = list(sweep(SEEDS, 1, folders[0]))
    two = list(sweep(SEEDS, 2, folders[1]))
    dask = on_dask(folders[2])
    assert [line["seed"] for line in one] == SEEDS
    assert found(one) == found(two) == found(dask)
    assert one != two
    policies = policies_in(folders[0])
    assert policies[0] != policies[1]
    assert policies == policies_in(folders[1]) == policies_in(folders[2])
    steps = [summary(lines).splitlines()[:2] for lines in (one, two, dask)]
    assert steps[0] == steps[1] == steps[2]
    for line in one:
        kept = folders[0] / f"seed-{line['seed']}.pt"
        policy = train(line["seed"], checkpoint=kept).policy
        for name, greedy in (("greedy_mean", True), ("sampled_mean", False)):
            returns = evaluate(policy, 1000, line["seed"], greedy)
            assert line[name] == returns.mean()


THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
PRINT_BITS = """
import torch
from logderiv.reinforce import evaluate, train

policy = train(0, updates=8).policy
for leaf in policy.state_dict().values():
    print(leaf.numpy().tobytes().hex())
for greedy in (False, True):
    print(evaluate(policy, 1000, 0, greedy).tolist())
print(torch.get_num_threads())
"""


def printed(threads: int) -> list[str]:
    """What a process that may use so many threads finds, line by line."""
    done = subprocess.run(
        [sys.executable, "-c", PRINT_BITS],
        env=os.environ | dict.fromkeys(THREADS, str(threads)),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.slow
def test_processes_with_more_threads_find_the_same() -> None:
    with ThreadPoolExecutor(2) as pool:
        (*one, first), (*two, second) = pool.map(printed, (1, 2))
    assert (first, second) == ("1", "2")
    assert one == two
    assert len(one) > 4 + 2


@pytest.mark.parametrize("threads", [1, 2])
def test_training_uses_one_thread_and_gives_the_others_back(
    threads: int,
) -> None:
    used, before = [], torch.get_num_threads()

    def spy(rewards: np.ndarray, mask: np.ndarray) -> np.ndarray:
        used.append(torch.get_num_threads())
        return advantages(rewards, mask)

    torch.set_num_threads(threads)
    try:
        result = train(0, updates=2, episodes=4, weights=spy)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert used == [1, 1]
    assert bits(result.policy) == bits(short(0).policy)


def test_the_last_training_of_several_gives_the_threads_back() -> None:
    """One goes in, another; the first comes out, then the other."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        one, other = training.one_thread(), training.one_thread()
        with one:
            other.__enter__()
        assert torch.get_num_threads() == 1
        other.__exit__(None, None, None)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_cpu_seconds_are_the_training_s_own_and_no_other_thread_s() -> None:
    """The wrong twin, the clock of the process, counts the busy thread, too."""
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            sum(range(1000))

    busy = threading.Thread(target=spin)
    process, own = time.process_time(), time.thread_time()
    busy.start()
    result = train(0, updates=4, episodes=16)
    stop.set()
    busy.join()
    own, process = time.thread_time() - own, time.process_time() - process
    assert 0 < result.cpu_seconds <= own
    assert process > own * 1.2


def made_up(
    seed: int, steps: int | None, greedy: float = 500.0, sampled: float = 480.0
) -> dict:
    """A line of a sweep; a thousand steps are a CPU second."""
    return {
        "seed": seed,
        "solved": steps is not None,
        "solved_steps": steps,
        "solved_cpu_seconds": None if steps is None else steps / 1000,
        "env_steps": 400_000,
        "cpu_seconds": 400.0,
        "greedy_mean": greedy,
        "sampled_mean": sampled,
    }


def test_summary_of_solved_seeds_by_hand() -> None:
    steps = [5000, 1000, 12_000, 2000, 3500]
    sampled = [499.0, 480.0, 470.5, 500.0, 490.0]
    lines = [
        made_up(seed, steps[seed], sampled=sampled[seed]) for seed in range(5)
    ]
    assert summary(lines).splitlines() == [
        "solved: 5 of 5 seeds",
        "  solved_steps of these: median 3,500, middle half 2,000 "
        "to 5,000, all 1,000 to 12,000",
        "  solved_cpu_seconds of these: median 3.50, middle half 2.00 "
        "to 5.00, all 1.00 to 12.00",
        "last policy, every one of 1000 greedy episodes at 500: 5 of 5 seeds",
        "last policy, sampled: median 490.0, middle half 480.0 to "
        "499.0, all 470.5 to 500.0",
    ]


def test_summary_names_failures_and_imperfect_policies() -> None:
    lines = [
        made_up(3, 1000, greedy=499.999),
        made_up(8, None, greedy=21.25, sampled=20.0),
        made_up(1, 3000),
        made_up(6, None, sampled=30.0),
    ]
    assert summary(lines).splitlines() == [
        "solved: 2 of 4 seeds",
        "  not solved: seeds 8, 6",
        "  solved_steps of these: median 2,000, middle half 1,500 "
        "to 2,500, all 1,000 to 3,000",
        "  solved_cpu_seconds of these: median 2.00, middle half 1.50 "
        "to 2.50, all 1.00 to 3.00",
        "last policy, every one of 1000 greedy episodes at 500: 2 of 4 seeds",
        "  seed 3: mean 499.999",
        "  seed 8: mean 21.250",
        "last policy, sampled: median 255.0, middle half 27.5 to "
        "480.0, all 20.0 to 480.0",
    ]


def test_summary_when_nobody_solved_it() -> None:
    lines = [made_up(seed, None, 9.5, 9.0) for seed in range(2)]
    assert summary(lines).splitlines() == [
        "solved: 0 of 2 seeds",
        "  not solved: seeds 0, 1",
        "last policy, every one of 1000 greedy episodes at 500: 0 of 2 seeds",
        "  seed 0: mean 9.500",
        "  seed 1: mean 9.500",
        "last policy, sampled: median 9.0, middle half 9.0 to 9.0, "
        "all 9.0 to 9.0",
    ]


def test_summary_of_one_seed() -> None:
    text = summary([made_up(4, 1500)])
    assert "solved: 1 of 1 seeds" in text
    assert "not solved" not in text
    assert "median 1,500, middle half 1,500 to 1,500" in text


@pytest.mark.usefixtures("cheap")
def test_command_writes_a_line_a_seed(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "out.jsonl"
    file.write_text("an old and much longer text\n" * 1000)
    assert main(["--seeds", "2", "--json", str(file)]) == 1
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [list(line) for line in lines] == [KEYS, KEYS]
    assert found(lines) == found(map(report, range(2)))
    assert not any(line["solved"] for line in lines)
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]
    output = capsys.readouterr()
    assert output.out == summary(lines) + "\n"
    assert output.err == ""


@pytest.mark.usefixtures("cheap")
def test_command_without_options_is_five_seeds_and_a_summary(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([]) == 1
    assert "solved: 0 of 5 seeds" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("solved", "code"),
    [([True, True], 0), ([True, False], 1), ([False, False], 1)],
)
def test_exit_code_says_whether_all_were_solved(
    monkeypatch: pytest.MonkeyPatch, solved: list[bool], code: int
) -> None:
    lines = [made_up(i, 10 if won else None) for i, won in enumerate(solved)]
    monkeypatch.setattr(module, "report", lambda seed, _: lines[seed])
    assert main(["--seeds", "2"]) == code


def test_command_keeps_the_lines_it_has_when_a_seed_fails(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    def fail_late(seed: int, _: object) -> dict:
        if seed == 2:
            raise ValueError("seed 2 is broken")
        return made_up(seed, 10)

    monkeypatch.setattr(module, "report", fail_late)
    file = tmp_path / "out.jsonl"
    assert main(["--seeds", "4", "--json", str(file)]) == 2
    assert capsys.readouterr().err.endswith("error: seed 2 is broken\n")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert lines == [made_up(0, 10), made_up(1, 10)]


@pytest.mark.usefixtures("cheap")
def test_command_started_again_reads_its_checkpoints(tmp_path: Path) -> None:
    """The very same file, CPU seconds included: nothing was trained again."""
    texts = []
    for name in ("first", "again"):
        file = tmp_path / name
        folder = tmp_path / "new" / "folder"
        options = ["--checkpoint", str(folder), "--json", str(file)]
        assert main(["--seeds", "2", *options]) == 1
        texts.append(file.read_text())
    assert texts[0] == texts[1]
    assert len(list(folder.glob("*.pt"))) == 2


BAD_OPTIONS: list[tuple[list[str], str]] = [
    (["--seeds", "0"], "--seeds: .*'0'"),
    (["--seeds", "-3"], "--seeds: .*'-3'"),
    (["--seeds", "x"], "--seeds: .*'x'"),
    (["--seeds", "1.5"], "--seeds: .*'1.5'"),
    (["--seeds", ""], "--seeds: .*''"),
    (["--seeds"], "--seeds: expected one argument"),
    (["--jobs", "0"], "--jobs: .*'0'"),
    (["--jobs", "-1"], "--jobs: .*'-1'"),
    (["--jobs", "two"], "--jobs: .*'two'"),
    (["--json", "missing/out.jsonl"], "--json: .*no folder missing"),
    (["--json", "file/out.jsonl"], "--json: .*no folder file"),
    (["--json", "folder"], "--json: folder is there, and no file"),
    (["--json", ""], "--json: .* is there, and no file"),
    (["--checkpoint", "file"], "--checkpoint: .*file"),
    (["--checkpoint", "file/folder"], "--checkpoint: .*file"),
    (["--rate", "1"], "--rate"),
    (["seeds"], "seeds"),
]


@pytest.mark.parametrize(("options", "said"), BAD_OPTIONS)
def test_bad_options_are_refused_before_any_training(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    options: list[str],
    said: str,
) -> None:
    monkeypatch.setattr(module, "train", None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SystemExit) as info:
        main(options)
    assert info.value.code == 2
    error = capsys.readouterr().err
    assert re.search(f"error: .*{said}", error)
    assert "Traceback" not in error
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "mine"


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "logderiv.reinforce", *options]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.slow
def test_help_names_every_option() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("usage: python -m logderiv.reinforce ")
    for option in ("--seeds N", "--json FILE", "--jobs J", "--checkpoint DIR"):
        assert re.search(rf"^  {option}  ", done.stdout, re.MULTILINE)
    assert "--unknown" not in done.stdout


@pytest.mark.usefixtures("cheap")
def test_options_in_the_help_are_all_there_are(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as info:
        main(["--help"])
    assert info.value.code == 0
    named = set(re.findall(r"--\w+", capsys.readouterr().out))
    assert named == {"--help", "--seeds", "--json", "--jobs", "--checkpoint"}
