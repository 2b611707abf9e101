"""The process in the box. It runs a question's cells and answers calls.

    grader                               this process
    {"given": cells}                ->   runs the given code once
                                    <-   {"ready": true}
    {"cells": cells}                ->   forks; the fork runs an answer's cells
                                    <-   {"ready": true, "failed": lines}
    {"call": name, "arguments": …}  ->   the fork calls the answer
                                    <-   {"value": …} or {"error": text}
    {"call": name, "draw": true}    ->   the fork draws on empty axes
                                    <-   {"value": data, "png": picture}
    {"close": true}                 ->   the fork ends
                                    <-   {"over": status}, whatever ended it

Nothing that an answer does to its fork is there when the next one is forked.
"""

import contextlib
import ctypes
import json
import os
import random
import resource
import socket
import sys
import traceback
from collections.abc import Callable
from io import BufferedRWPair

import numpy as np
from IPython.core.error import UsageError

from coursework import drawing
from coursework.shell import Shell, start
from coursework.values import decode, encode

MEMORY = 3 * 2**30
FILE = 64 * 2**20
LARGEST = 2**20
MOST = 10
PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Serve the grader until it hangs up."""
    line = _line_to_grader()
    _stay_in_reach()
    for kind, size in (("CORE", 0), ("DATA", MEMORY), ("FSIZE", FILE)):
        resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (size, size))
    shell = start()
    for cell in _read(line)["given"]:
        shell.run_cell(cell, silent=True).raise_error()
    given = dict(shell.user_ns)
    _write(line, {"ready": True})
    while question := _read(line):
        fork = os.fork()
        if fork == 0:
            _serve(line, shell, given, question["cells"])
            os._exit(0)
        _write(line, {"over": os.waitpid(fork, 0)[1]})


def _stay_in_reach() -> None:
    """On Linux: keep what a fork leaves behind; run out of memory first."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")


def _line_to_grader() -> BufferedRWPair:
    """Standard input is a socket; what is printed goes nowhere."""
    line = socket.socket(fileno=os.dup(0)).makefile("rwb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    return line


def _read(line: BufferedRWPair) -> dict:
    return json.loads(line.readline() or "{}")


def _write(line: BufferedRWPair, message: dict) -> None:
    text = json.dumps(message).encode()
    if len(text) > LARGEST:
        text = json.dumps({"error": "gave a value that is too large"}).encode()
    line.write(text + b"\n")
    line.flush()


def _serve(
    line: BufferedRWPair, shell: Shell, given: dict, cells: list[str]
) -> None:
    """Run an answer's cells, then answer until the grader is done."""
    for cell in cells:
        _same_numbers()
        shell.run_cell(cell, silent=True)
    failed = _failures(shell)
    why = failed[0] if failed else ""
    _write(line, {"ready": True, "failed": failed[:MOST]})
    while "call" in (request := _read(line)):
        try:
            answer = shell.user_ns.get(request["call"])
            if callable(answer):
                reply = _reply(answer, request, given)
            else:
                reply = {"error": why or "missing"}
        except BaseException as error:
            reply = {"error": _say(error) + (why and f"; earlier: {why}")}
        _write(line, reply)


def _failures(shell: Shell) -> list[str]:
    """What did not work here; a stub and a misspelt magic never do."""
    nowhere = (NotImplementedError, UsageError)
    here = [e for e in shell.failed if not isinstance(e, nowhere)]
    return list(dict.fromkeys(map(_say, here)))


def _reply(answer: Callable, request: dict, given: dict) -> dict:
    _same_numbers()
    if "draw" in request:
        figure, axes = drawing.draw(answer)
        picture = drawing.png(figure)
        return {"value": encode(drawing.describe(axes)), "png": picture}
    arguments = decode(request["arguments"], given)
    return {"value": encode(answer(*arguments))}


def _same_numbers() -> None:
    """Answers that draw from a global generator get the same each time."""
    random.seed(0)
    np.random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


def _say(error: BaseException) -> str:
    """The error, and the line of the answer that raised it."""
    if isinstance(error, NotImplementedError):
        return "not written yet"
    text = type(error).__name__
    with contextlib.suppress(Exception):
        text += f": {error}"[:300]
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f.line or "" for f in frames if "ipython-input" in f.filename]
    return text + (f", in the line `{lines[-1][:100]}`" if lines else "")


if __name__ == "__main__":
    main()
