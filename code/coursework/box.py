"""A box: a process that runs a student's cells, seen from outside.

With bubblewrap it has no network, no file but Python's own and the course's
packages, and its own /tmp. Without, it is an ordinary process.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import psutil

from coursework.inside import LARGEST
from coursework.values import decode, encode

LIMIT = 20
PATIENCE = 3
START = 120
MEMORY = 4 * 2**30
PNG = "iVBORw0KGgo"
CROWD = 12
NOTES, LONG = 10, 400
ROOM = 256 * 2**20
INSIDE = [sys.executable, "-m", "coursework.inside"]
CODE = Path(__file__).parents[1]


class AnswerError(Exception):
    """An answer gave no value; the message says why."""


class BoxError(Exception):
    """The box does not work, whoever's code would run in it."""


class Box:
    """The process; it starts at `with`, and again when an answer broke it.

    Args:
        given: the given code, run before any answer's.
        boxed: with bubblewrap.
        limit: CPU seconds for a call, and for an answer's cells; three times
            as many by the clock.
    """

    def __init__(self, given: list[str], boxed: bool, limit: float = LIMIT):
        self.given, self.boxed, self.limit = given, boxed, limit
        self.process: subprocess.Popen | None = None
        self.answer: Answer | None = None
        self.stuck: list[str] | None = None
        self.failed: dict[str, None] = {}
        self.before: float | None = None

    def __enter__(self) -> "Box":
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def start(self) -> None:
        """A fresh process that has run the given code.

        Raises:
            BoxError: it does not start, or the given code fails.
        """
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.socket, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [*wrapped(self.boxed), *INSIDE],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=self.folder.name,
                env=environment("/tmp" if self.boxed else self.folder.name),
                start_new_session=True,
            )
        self.buffer = bytearray()
        try:
            self.exchange({"given": self.given}, START)
        except AnswerError as why:
            self.kill()
            raise BoxError(f"before any answer was run, it {why}") from None
        self.at_rest = self.processes()

    def kill(self) -> None:
        """End the process, and all that it started."""
        if self.process:
            _end_children(self.process.pid)
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.socket.close()
            self.folder.cleanup()
        self.process = self.answer = None

    def turn_to(self, answer: "Answer") -> None:
        """Close the answer that is open, and open another."""
        if self.answer and self.answer.cells is answer.cells:
            return
        if answer.cells is self.stuck:
            raise AnswerError("stands among cells that end or take too long")
        self.close()
        if not self.process:
            self.start()
        self.answer = answer
        try:
            reply = self.exchange({"cells": answer.cells}, self.limit)
        except AnswerError:
            self.stuck = answer.cells
            raise
        self.note(reply.get("failed"))

    def note(self, failed: object) -> None:
        """Keep which lines of the cells failed; a student may have said it."""
        for each in failed if isinstance(failed, list) else []:
            text = (c if c.isprintable() else " " for c in str(each)[:LONG])
            if len(self.failed) < NOTES:
                self.failed["".join(text)] = None

    def close(self) -> None:
        """End the open answer's fork; if it leaves anything, end the box."""
        if not self.answer:
            return
        try:
            over = self.exchange({"close": True}, self.limit)
            clean = over == {"over": 0} and self.processes() == self.at_rest
        except AnswerError:
            clean = False
        self.answer = None
        if not clean or self.buffer:
            self.kill()

    def exchange(self, message: dict, limit: float) -> dict:
        """Send a message, return the reply.

        Raises:
            AnswerError: no reply in time, or none that can be read.
        """
        clock = time.monotonic() + PATIENCE * limit
        self.before = None
        try:
            self.socket.settimeout(limit)
            self.socket.sendall(json.dumps(message).encode() + b"\n")
            while (end := self.buffer.find(b"\n", -(2**16))) < 0:
                self.receive(clock, limit)
            line, self.buffer = self.buffer[:end], self.buffer[end + 1 :]
            reply = json.loads(line)
        except TimeoutError:
            raise AnswerError(f"was stopped after {limit:g} seconds") from None
        except (OSError, ValueError, RecursionError):
            raise AnswerError("cut the line to the grader") from None
        if not isinstance(reply, dict):
            raise AnswerError("cut the line to the grader")
        return reply

    def receive(self, clock: float, limit: float) -> None:
        """Wait a moment for more of the reply, and look at what is used."""
        if time.monotonic() > clock:
            raise TimeoutError
        if len(self.buffer) > 2 * LARGEST:
            raise AnswerError("gave a value that is too large")
        self.socket.settimeout(0.2)
        try:
            chunk = self.socket.recv(2**16)
        except TimeoutError:
            self.look(limit)
            return
        if not chunk:
            raise AnswerError("ended the process")
        self.buffer += chunk

    def look(self, limit: float) -> None:
        """Stop what uses too much; CPU seconds count from the first look on.

        Raises:
            TimeoutError, AnswerError: it does.
        """
        if self.processes() > CROWD:
            raise AnswerError("started too many processes")
        if self.used(lambda each: each.memory_info().rss) > MEMORY:
            raise AnswerError("took too much memory")
        spent = self.cpu_seconds()
        self.before = spent if self.before is None else self.before
        if spent > self.before + limit:
            raise TimeoutError

    def cpu_seconds(self) -> float:
        """Of all processes in the box, those that have ended included."""
        return self.used(lambda each: sum(each.cpu_times()[:4]))

    def used(self, amount: Callable[[psutil.Process], float]) -> float:
        """A sum over the processes in the box."""
        total = 0.0
        for each in self.family():
            with suppress(psutil.NoSuchProcess):
                total += amount(each)
        return total

    def processes(self) -> int:
        """How many processes there are in the box."""
        return len(self.family())

    def family(self) -> list[psutil.Process]:
        """The processes in the box."""
        return _family(self.process.pid) if self.process else []


class Answer:
    """A student's answer, called like the function that it is.

    Args:
        box: where it runs.
        name: of the function.
        cells: the code that it needs.
    """

    def __init__(self, box: Box, name: str, cells: list[str]):
        self.box, self.name, self.cells = box, name, cells
        self.lost = ""
        self.png = ""
        self.picture: dict | None = None

    def __call__(self, *arguments: object) -> object:
        """The value for these arguments; lists and tensors come as arrays.

        Raises:
            AnswerError: it gave none.
        """
        reply = self.ask({"arguments": encode(list(arguments))})
        value = _without_torch(reply["value"])
        if isinstance(value, list):
            with suppress(ValueError):
                array = np.asarray(value)
                return array if array.dtype.kind in "biuf" else value
        return value

    def drawn(self) -> dict:
        """What a plot answer drew, once; the picture is kept in `png`."""
        if self.picture is None:
            reply = self.ask({"draw": True})
            if str(reply.get("png")).startswith(PNG):
                self.png = reply["png"]
            self.picture = reply["value"]
        return self.picture

    def ask(self, request: dict) -> dict:
        """One call. An answer that broke its box once is not asked again."""
        if self.lost:
            raise AnswerError(self.lost)
        try:
            self.box.turn_to(self)
            request = {"call": self.name, **request}
            reply = self.box.exchange(request, self.box.limit)
            if "over" in reply:
                raise AnswerError("ended the process")
        except AnswerError as why:
            self.lost = str(why)
            self.box.kill()
            raise
        if "error" in reply:
            raise AnswerError(str(reply["error"])[:600])
        try:
            return reply | {"value": decode(reply["value"], {})}
        except Exception:
            raise AnswerError("gave a value that cannot be read") from None


def _without_torch(value: object) -> object:
    if isinstance(value, list):
        return [_without_torch(each) for each in value]
    return value.detach().numpy() if hasattr(value, "detach") else value


@cache
def can_box() -> bool:
    """Is bubblewrap here, and allowed to work?"""
    try:
        return subprocess.run([*wrapped(True), "true"]).returncode == 0
    except OSError:
        return False


def wrapped(boxed: bool) -> list[str]:
    """The command before the command: bubblewrap, or nothing."""
    if not boxed:
        return []
    system = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache"]
    course = [str(CODE / name) for name in ("logderiv", "coursework")]
    room = ["--size", str(ROOM), "--tmpfs"]
    return [
        "bwrap", "--unshare-all", "--die-with-parent", "--new-session",
        "--proc", "/proc", "--dev", "/dev",
        *room, "/dev/shm", *room, "/tmp",
        *_readable(*system, sys.base_prefix), "--tmpfs", str(CODE.parent),
        *_readable(sys.prefix, matplotlib.get_cachedir(), *course),
        "--chdir", "/tmp",
    ]  # fmt: skip


def _readable(*paths: str) -> list[str]:
    return [word for path in paths for word in ("--ro-bind-try", path, path)]


def environment(home: str) -> dict[str, str]:
    """Little, and the same for every student."""
    return {
        "HOME": home,
        "IPYTHONDIR": home,
        "LANG": "C.UTF-8",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": matplotlib.get_cachedir(),
        "OMP_NUM_THREADS": "1",
        "PATH": os.defpath,
        "PIP_NO_INDEX": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(CODE),
    }


def _family(pid: int) -> list[psutil.Process]:
    """A process and all that came from it."""
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _end_children(pid: int) -> None:
    """Twice: what ends just as we look hides its children for a moment."""
    for _ in range(2):
        for each in _family(pid)[1:]:
            with suppress(psutil.NoSuchProcess):
                each.kill()
