"""A training that is interrupted ends as if it had not been.

Interrupted means raised out of, or killed by the kernel at chosen points of a
save, or from outside at any time. Equal means bit for bit, but for CPU
seconds: they are measurements.
"""

import io
import json
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from logderiv.reinforce import (
    TrainResult,
    advantages,
    full_return,
    loop,
    rewards_to_go,
    rollouts,
    train,
    training,
)
from logderiv.reinforce.checkpoint import Checkpoint
from logderiv.reinforce.whole_files import write_whole

UPDATES = 8
SOON = """
import os, resource, signal, time
import gymnasium as gym
from logderiv.reinforce import checkpoint, train

physics = "gymnasium.envs.classic_control.cartpole"
gym.register(
    "Soon-v0",
    f"{physics}:CartPoleEnv",
    reward_threshold=30,
    max_episode_steps=500,
    vector_entry_point=f"{physics}:CartPoleVectorEnv",
)
"""
ARGUMENTS = {"seed": 3, "env_id": "Soon-v0", "updates": UPDATES}
short = partial(train, **ARGUMENTS)
exec(SOON, {})


def plain(value: object) -> object:
    """A state as values that == compares, tensors by their bits."""
    if isinstance(value, Tensor):
        return value.dtype, value.shape, value.numpy().tobytes()
    if isinstance(value, dict):
        return {
            name: plain(part)
            for name, part in value.items()
            if not str(name).endswith("cpu_seconds")
        }
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return value


def outcome(result: TrainResult) -> object:
    """What a training found, CPU seconds aside."""
    named = vars(result) | {"policy": dict(result.policy.state_dict())}
    return plain(named)


class Whole(NamedTuple):
    """The training that nobody disturbed, and its state after each update."""

    outcome: object
    settings: dict[str, object]
    states: list[object]

    def updates_in(self, file: Path) -> int:
        """How many updates a file holds; it holds just them, or raises."""
        if not file.exists():
            return 0
        found = plain(Checkpoint(file, self.settings).load())
        if found not in self.states:
            raise AssertionError(f"no state of the training is in {file}")
        return self.states.index(found) + 1


@pytest.fixture(scope="module")
def whole() -> Whole:
    states, settings = [], {}

    def spy(self: Checkpoint, state: dict) -> None:
        states.append(plain(state))
        settings.update(self.settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "save", spy)
        result = short()
    return Whole(outcome(result), settings, states)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder / "a [b] *.pt"


def interrupted(file: Path, saves: int, saved: bool = True) -> None:
    """The training, stopped by Ctrl-C at a save, before it or after it."""
    save, count = Checkpoint.save, iter(range(1, UPDATES + 1))

    def stop(self: Checkpoint, state: dict) -> None:
        last = next(count) == saves
        if not last or saved:
            save(self, state)
        if last:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            short(checkpoint=file)


def folder_of(file: Path) -> dict[str, bytes]:
    """All files beside a file, itself included, but for its empty lock."""
    lock = f"{file.name}.lock"
    found = {path.name: path.read_bytes() for path in file.parent.iterdir()}
    assert found.pop(lock, b"") == b""
    return found


def test_the_example_is_solved_on_its_way(whole: Whole) -> None:
    """So the number of steps to it has to survive interruptions, too."""
    solved = [state["numbers"]["solved"] for state in whole.states]
    assert len(solved) == UPDATES
    assert not solved[0]
    assert solved[-2]


def test_a_checkpoint_alters_nothing(file: Path, whole: Whole) -> None:
    assert outcome(short(checkpoint=file)) == whole.outcome
    assert list(folder_of(file)) == [file.name]
    assert whole.updates_in(file) == UPDATES


@pytest.mark.slow
@pytest.mark.parametrize("saves", range(1, UPDATES + 1))
@pytest.mark.parametrize("saved", [False, True])
def test_interrupted_and_started_again_is_as_uninterrupted(
    file: Path, whole: Whole, saves: int, saved: bool
) -> None:
    interrupted(file, saves, saved)
    assert whole.updates_in(file) == saves - (not saved)
    assert outcome(short(checkpoint=str(file))) == whole.outcome


def test_interrupted_after_each_update_is_as_uninterrupted(
    file: Path, whole: Whole
) -> None:
    for update in range(UPDATES):
        interrupted(file, saves=1)
        assert whole.updates_in(file) == update + 1
    assert outcome(short(checkpoint=file)) == whole.outcome


def test_a_forgotten_optimiser_would_show(
    file: Path, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(file, saves=4)
    monkeypatch.setattr(torch.optim.Adam, "load_state_dict", lambda *_: None)
    assert outcome(short(checkpoint=file)) != whole.outcome


def test_a_failed_update_leaves_the_one_before(
    file: Path, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(file, saves=3)
    before = folder_of(file)

    def broken(*args: object, **kwargs: object) -> object:
        batch = rollouts(*args, **kwargs)
        batch.rewards[0, 0] = np.nan
        return batch

    with monkeypatch.context() as patch:
        patch.setattr(loop, "rollouts", broken)
        with pytest.raises(ValueError, match=r"update 4: .*nan"):
            short(checkpoint=file)
    assert folder_of(file) == before
    assert outcome(short(checkpoint=file)) == whole.outcome


def test_a_full_disk_leaves_the_update_before(
    file: Path, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(file, saves=3)
    before = folder_of(file)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            short(checkpoint=file)
    assert folder_of(file) == before
    assert whole.updates_in(file) == 3


def test_a_finished_training_is_read_not_repeated(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = short(checkpoint=file)
    before = folder_of(file)
    monkeypatch.setattr(loop, "rollouts", None)
    again = short(checkpoint=file)
    assert outcome(again) == outcome(first)
    assert again.cpu_seconds == first.cpu_seconds
    assert again.solved_cpu_seconds == first.solved_cpu_seconds
    assert folder_of(file) == before


def test_cpu_seconds_add_up_over_interruptions(
    file: Path, whole: Whole
) -> None:
    interrupted(file, saves=UPDATES - 1)
    state = Checkpoint(file, whole.settings).load()
    before = state["numbers"]
    after = short(checkpoint=file)
    assert before["solved_cpu_seconds"] == after.solved_cpu_seconds
    assert 0 < before["cpu_seconds"] < after.cpu_seconds


def test_the_same_training_in_other_words_goes_on(
    file: Path, whole: Whole
) -> None:
    interrupted(file, saves=4)
    again = train(
        np.int64(3),
        "Soon-v0",
        "mlp",
        UPDATES,
        16,
        advantages,
        training.LEARNING_RATE["mlp"],
        str(file),
    )
    assert outcome(again) == whole.outcome


def test_a_relative_file_is_in_the_working_directory(
    file: Path, whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    interrupted(Path(file.name), saves=4)
    assert whole.updates_in(file) == 4
    assert outcome(short(checkpoint=file.name)) == whole.outcome


# Killed. A process runs a program of its own: SOON, what is to kill it, and
# the training. It is forked from one that has everything imported.

TRAIN = f"train(checkpoint=FILE, **{ARGUMENTS})\n"
SUICIDE = """
count, real = iter(range(1, 100)), os.{name}
def fatal(*args):
    if next(count) < {call}:
        return real(*args)
    if {after}:
        real(*args)
    os.kill(os.getpid(), signal.SIGKILL)
os.{name} = fatal
"""
FULL = """
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
"""
CARELESS = (
    "checkpoint.write_whole = lambda path, data: path.write_bytes(data)\n"
)
SLOW = """
real = os.fsync
os.fsync = lambda handle: time.sleep(0.05) or real(handle)
"""

IMPORTED = [
    "logderiv.reinforce",
    "gymnasium.envs.classic_control.cartpole",
    "torch._dynamo",
]

Context = multiprocessing.context.ForkServerContext
Start = Callable[[str, Path], ForkServerProcess]


@pytest.fixture(scope="module")
def context() -> Context:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return context


@pytest.fixture
def start(context: Context) -> Iterator[Start]:
    """Start a program beside this one; none outlives its test."""
    processes = []

    def run(program: str, file: Path) -> ForkServerProcess:
        names = {"FILE": str(file)}
        process = context.Process(target=exec, args=(SOON + program, names))
        process.start()
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.join()
        process.close()


def fate(process: ForkServerProcess) -> int:
    """Its exit code, minus the signal if one has killed it."""
    process.join(120)
    return process.exitcode


@pytest.mark.slow
def test_an_undisturbed_process_finds_the_same(
    file: Path, whole: Whole, start: Start
) -> None:
    assert fate(start(TRAIN, file)) == 0
    assert whole.updates_in(file) == UPDATES
    assert outcome(short(checkpoint=file)) == whole.outcome


@pytest.mark.slow
@pytest.mark.parametrize("call", [1, 4])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_killed_in_a_save_the_file_is_the_old_or_the_new(
    file: Path, whole: Whole, start: Start, name: str, after: bool, call: int
) -> None:
    program = SUICIDE.format(name=name, call=call, after=after) + TRAIN
    assert fate(start(program, file)) == -signal.SIGKILL
    renamed = name == "replace" and after
    assert whole.updates_in(file) == call - (not renamed)
    left = folder_of(file).keys() - {file.name}
    assert len(left) == (not renamed)
    assert outcome(short(checkpoint=file)) == whole.outcome
    assert list(folder_of(file)) == [file.name]


@pytest.mark.parametrize("size", [0, 1000, 8192])
@pytest.mark.parametrize("saves", [0, 3])
def test_killed_within_a_write_the_file_is_the_old_one(
    file: Path, whole: Whole, start: Start, saves: int, size: int
) -> None:
    """By the kernel, when a file grows beyond ``size`` bytes."""
    if saves:
        interrupted(file, saves)
    before = folder_of(file)
    program = FULL.format(size=size) + TRAIN
    assert fate(start(program, file)) == -signal.SIGXFSZ
    after = folder_of(file)
    (left,) = after.keys() - before.keys()
    assert len(after.pop(left)) == size
    assert after == before
    assert whole.updates_in(file) == saves
    assert outcome(short(checkpoint=file)) == whole.outcome
    assert list(folder_of(file)) == [file.name]


@pytest.mark.parametrize("size", [0, 8192])
def test_a_writer_in_place_would_be_caught(
    file: Path, whole: Whole, start: Start, size: int
) -> None:
    interrupted(file, saves=3)
    program = FULL.format(size=size) + CARELESS + TRAIN
    assert fate(start(program, file)) == -signal.SIGXFSZ
    with pytest.raises(ValueError, match="damaged"):
        whole.updates_in(file)


def changed(file: Path) -> int:
    """When the file was last written, 0 without one."""
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


@pytest.mark.slow
def test_killed_from_outside_again_and_again(
    file: Path, whole: Whole, start: Start
) -> None:
    """At random times after each write, until none is left to kill."""
    rng, kills, held = np.random.default_rng(0), 0, 0
    while held < UPDATES:
        before, process = changed(file), start(SLOW + TRAIN, file)
        while changed(file) == before and process.is_alive():
            time.sleep(0.001)
        time.sleep(rng.choice([0.0, rng.uniform(0, 0.1)]))
        process.kill()
        kills += fate(process) == -signal.SIGKILL
        now = whole.updates_in(file)
        assert held < now <= UPDATES
        held = now
    assert kills > 1
    assert outcome(short(checkpoint=file)) == whole.outcome
    assert len(folder_of(file)) <= 2


def test_two_at_once_on_one_file_do_not_disturb_each_other(
    file: Path, whole: Whole, start: Start
) -> None:
    """As when a sweep was killed and its workers are still at it."""
    both = [start(SLOW + TRAIN, file) for _ in range(2)]
    assert [fate(process) for process in both] == [0, 0]
    assert whole.updates_in(file) == UPDATES
    assert list(folder_of(file)) == [file.name]


def test_what_others_left_in_the_folder_is_theirs(file: Path) -> None:
    for name in (".other.pt.abc.tmp", "a [b] *.pt.tmp", ".a b *.pt.x.tmp"):
        (file.parent / name).write_text(name)
    before = folder_of(file)
    write_whole(file, b"new")
    assert folder_of(file) == before | {file.name: b"new"}
    assert len(before) == 3


COMMAND = [sys.executable, "-m", "logderiv.reinforce", "--seeds", "2"]


def rows(file: Path) -> list[object]:
    return [plain(json.loads(row)) for row in file.read_text().splitlines()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """What the command finds when nobody kills it."""
    file = tmp_path_factory.mktemp("undisturbed") / "out.jsonl"
    subprocess.run([*COMMAND, "--json", file], capture_output=True, check=True)
    return rows(file)


@pytest.mark.slow
@pytest.mark.parametrize(
    "wait", [0.0, pytest.param(2.0, marks=pytest.mark.weekly)]
)
def test_a_killed_command_goes_on_where_it_was(
    tmp_path: Path, undisturbed: list[object], wait: float
) -> None:
    """Only its first process dies at once; its workers may live on."""
    folder = tmp_path / "trainings"
    json_file = tmp_path / "killed.jsonl"
    options = ["--jobs", "2", "--checkpoint", folder, "--json", json_file]
    started = subprocess.Popen([*COMMAND, *options], start_new_session=True)
    try:
        while not list(folder.glob("*.pt")) and started.poll() is None:
            time.sleep(0.01)
        time.sleep(wait)
        started.kill()
        assert started.wait() == -signal.SIGKILL
        again = subprocess.run(
            [*COMMAND, *options], capture_output=True, text=True
        )
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
    assert again.returncode == 0, again.stderr
    assert "solved: 2 of 2 seeds" in again.stdout
    assert len(undisturbed) == 2
    assert rows(json_file) == undisturbed
    kept = [path.name for path in folder.iterdir() if path.suffix != ".lock"]
    assert sorted(kept) == ["seed-0.pt", "seed-1.pt"]


# Refused: a file that is not the training's own stays as it is.


@pytest.fixture(scope="module")
def good(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a checkpoint after 3 updates."""
    file = tmp_path_factory.mktemp("good") / "a.pt"
    interrupted(file, saves=3)
    assert whole.updates_in(file) == 3
    return file.read_bytes()


def refused(file: Path, data: bytes, **changes: object) -> str:
    """Why the training will not have the file; nothing may have changed."""
    file.write_bytes(data)
    (file.parent / "mine.txt").write_text("mine")
    before = folder_of(file)
    with pytest.raises(ValueError, match=re.escape(str(file))) as info:
        short(checkpoint=file, **changes)
    assert folder_of(file) == before
    return str(info.value)


def saved_by_torch(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


OTHER_FILES: dict[str, bytes] = {
    "nothing": b"",
    "a byte": b"P",
    "zeros": bytes(10_000),
    "random": np.random.default_rng(0).bytes(10_000),
    "text": b"seed,solved\n0,True\n",
    "a pickle": pickle.dumps({"state": 1}),
    "an empty zip": b"PK\5\6" + bytes(18),
    "a number": saved_by_torch(1.5),
    "a list": saved_by_torch([1, 2]),
    "a policy": saved_by_torch(torch.nn.Linear(4, 2).state_dict()),
    "a module": saved_by_torch(torch.nn.Linear(4, 2)),
    "an old one": saved_by_torch({"format": "version 0", "state": {}}),
}


@pytest.mark.parametrize("name", list(OTHER_FILES))
def test_a_file_that_is_no_checkpoint_is_refused(file: Path, name: str) -> None:
    data = OTHER_FILES[name]
    said = refused(file, data)
    assert "damaged, or not of this course" in said
    assert f"({len(data)} bytes)" in said


def test_a_truncated_checkpoint_is_refused(file: Path, good: bytes) -> None:
    size = len(good)
    near = [*range(1, 5), *range(size - 100, size, 7), size - 1]
    cuts = [*near, *range(10, size, size // 25)]
    assert len(set(cuts)) > 35
    for cut in cuts:
        assert "damaged" in refused(file, good[:cut])


def held(file: Path, whole: Whole) -> int | None:
    """Updates in a file that may be damaged; None if it is refused."""
    try:
        return whole.updates_in(file)
    except ValueError:
        return None


def flipped(data: bytes, place: int, bits: int) -> bytes:
    return data[:place] + bytes([data[place] ^ bits]) + data[place + 1 :]


def sample(size: int) -> list[tuple[int, int]]:
    """Places all over a file and bits to flip there, one of 256."""
    rng = np.random.default_rng(0)
    places = rng.choice(size, 400, replace=False)
    return [
        (int(place), int(bits))
        for place, bits in zip(places, rng.integers(1, 256, 400), strict=True)
    ]


def test_a_wrong_byte_is_refused_or_without_effect(
    file: Path, whole: Whole, good: bytes
) -> None:
    found = set()
    for place, bits in sample(len(good)):
        data = flipped(good, place, bits)
        file.write_bytes(data)
        found.add(held(file, whole))
        assert file.read_bytes() == data
    assert None in found
    assert found <= {None, 3}


def test_a_wrong_byte_would_be_noticed(
    file: Path, whole: Whole, good: bytes
) -> None:
    """Twin: a valid file with the last bit of one number changed."""
    file.write_bytes(good)
    state = Checkpoint(file, whole.settings).load()
    leaf = next(iter(state["policy"].values())).view(-1)
    leaf[0] = leaf[0].nextafter(torch.tensor(9.0))
    Checkpoint(file, whole.settings).save(state)
    with pytest.raises(AssertionError, match="no state of the training"):
        held(file, whole)


def entries(good: bytes) -> list[int]:
    """Where a zip file's table of contents says what is a folder."""
    heads = [match.start() for match in re.finditer(b"PK\1\2", good)]
    assert len(heads) > 10
    return [head + 38 for head in heads]


def test_an_entry_that_claims_to_be_a_folder_is_not_read_as_zeros(
    file: Path, whole: Whole, good: bytes
) -> None:
    """Readers of zip files skip the contents of what is marked a folder."""
    found = set()
    for place in entries(good):
        file.write_bytes(flipped(good, place, 0x10))
        found.add(held(file, whole))
    assert found <= {None, 3}


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return Path.touch, (self.mark,)


def test_nothing_in_a_pickle_is_run(file: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    data = pickle.dumps(Evil(mark))
    assert "damaged" in refused(file, data)
    assert not mark.exists()
    pickle.loads(data)
    assert mark.exists()


def test_nothing_in_a_checkpoint_is_run(
    file: Path, tmp_path: Path, whole: Whole
) -> None:
    mark = tmp_path / "mark"
    Checkpoint(file, whole.settings).save({"policy": Evil(mark)})
    assert "damaged" in refused(file, file.read_bytes())
    assert not mark.exists()
    torch.load(file, weights_only=False)
    assert mark.exists()


CHANGES: dict[str, tuple[object, object, object]] = {
    "seed": (4, 3, 4),
    "env_id": ("CartPole-v1", "Soon-v0", "CartPole-v1"),
    "policy": ("linear", "mlp", "linear"),
    "updates": (UPDATES + 1, UPDATES, UPDATES + 1),
    "episodes": (17, 16, 17),
    "learning_rate": (0.01, 0.03, 0.01),
    "weights": (
        rewards_to_go,
        "logderiv.reinforce.returns.advantages",
        "logderiv.reinforce.returns.rewards_to_go",
    ),
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_a_checkpoint_of_another_training_is_refused(
    file: Path, good: bytes, name: str
) -> None:
    value, there, here = CHANGES[name]
    said = refused(file, good, **{name: value})
    assert f"has {name} {there!r} instead of {here!r}" in said
    others = CHANGES.keys() - {name}
    if name != "policy":
        assert not any(f"{other} " in said for other in others)


def test_all_that_differs_is_named(file: Path, good: bytes) -> None:
    said = refused(file, good, seed=9, weights=full_return, episodes=2)
    assert "seed 3 instead of 9" in said
    assert "episodes 16 instead of 2" in said
    assert "full_return" in said
    assert "updates" not in said
    assert "move it away, or name another file" in said


def test_a_folder_is_refused(file: Path) -> None:
    file.mkdir()
    (file / "mine.txt").write_text("mine")
    with pytest.raises(IsADirectoryError, match=re.escape(str(file))):
        short(checkpoint=file)
    assert (file / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("missing", ["missing", "missing/too", "mine.txt"])
def test_a_folder_that_is_not_there_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr(loop, "rollouts", None)
    (tmp_path / "mine.txt").write_text("mine")
    file = tmp_path / missing / "a.pt"
    with pytest.raises(FileNotFoundError, match=re.escape(str(file))):
        short(checkpoint=file)
    assert folder_of(tmp_path / "mine.txt") == {"mine.txt": b"mine"}
