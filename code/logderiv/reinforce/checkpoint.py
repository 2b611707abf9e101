"""A training on disk: written whole or not at all, refused if it is another's.

Every update draws from random numbers of its own, so parameters, optimiser
and history are all that there is to keep. Two processes never write one file:
the second waits until the first has finished or died, and goes on from there.
"""

import io
import logging
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import Self

import torch
from filelock import FileLock, Timeout

from logderiv.reinforce.whole_files import write_whole

FORMAT = "logderiv.reinforce checkpoint, version 1"
DIGEST_SIZE = sha256().digest_size


class Checkpoint:
    """One training's file, known by the settings of the training.

    To be used in a ``with`` block, which holds the file's lock.

    Args:
        path: the file; None keeps nothing.
        settings: what makes this training this one, by name.
    Raises:
        FileNotFoundError: the folder of the file does not exist.
        ValueError: weights that have no name to be known again by.
    """

    def __init__(
        self, path: str | PathLike | None, settings: dict[str, object]
    ) -> None:
        self.path = None if path is None else Path(path).resolve()
        self.settings = settings
        if self.path and not self.path.parent.is_dir():
            raise FileNotFoundError(
                f"checkpoint {self.path}: there is no folder {self.path.parent}"
            )
        if self.path and "<" in str(settings["weights"]):
            raise ValueError(
                "with a checkpoint, weights must be a function of a module, "
                f"known again by its name, got {settings['weights']}"
            )
        self.lock = FileLock(f"{self.path}.lock") if self.path else None

    def __enter__(self) -> Self:
        if self.lock:
            try:
                self.lock.acquire(timeout=0)
            except Timeout:
                logging.warning(
                    "%s is in use, waiting until its writer is done", self.path
                )
                self.lock.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        if self.lock:
            self.lock.release()

    def load(self) -> dict | None:
        """The state last saved, None if there is no file yet.

        Raises:
            ValueError: a file that is damaged, or of another training. It
                stays as it is.
        """
        if self.path is None or not self.path.exists():
            return None
        kept = _read(self.path)
        if kept["settings"] != self.settings:
            raise ValueError(
                f"checkpoint {self.path} is of another training, it has "
                f"{_differences(kept['settings'], self.settings)}; "
                "move it away, or name another file"
            )
        return kept["state"]

    def save(self, state: dict) -> None:
        """Replace the file by one with this state and a check sum."""
        if self.path is None:
            return
        whole = {"format": FORMAT, "settings": self.settings, "state": state}
        buffer = io.BytesIO()
        torch.save(whole, buffer)
        data = buffer.getvalue()
        write_whole(self.path, data + sha256(data).digest())


def _read(path: Path) -> dict:
    """Whatever the file is, nothing in it is run."""
    whole = path.read_bytes()
    data, digest = whole[:-DIGEST_SIZE], whole[-DIGEST_SIZE:]
    if sha256(data).digest() != digest:
        raise ValueError(_refusal(path))
    try:
        kept = torch.load(io.BytesIO(data), weights_only=True)
    except Exception as error:
        raise ValueError(_refusal(path)) from error
    if not isinstance(kept, dict) or kept.get("format") != FORMAT:
        raise ValueError(_refusal(path))
    return kept


def _refusal(path: Path) -> str:
    return (
        f"checkpoint {path} is damaged, or not of this course "
        f"({path.stat().st_size} bytes); move it away, or name another file"
    )


def _differences(there: dict, here: dict) -> str:
    return ", ".join(
        f"{name} {there.get(name)!r} instead of {here.get(name)!r}"
        for name in here | there
        if there.get(name) != here.get(name)
    )
