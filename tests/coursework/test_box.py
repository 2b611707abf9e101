"""The box ends, and all that was started in it."""

import sys

import psutil
import pytest

from coursework import box as boxes
from coursework.box import Answer, Box

LEAVE = """\
import os, time
def leave():
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
    return 0
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux keeps orphans in reach"
)
def test_what_is_out_of_sight_for_a_moment_ends_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What ends just as the grader looks at it hides its children."""
    with Box([], boxed=False) as box:
        Answer(box, "leave", [LEAVE])()
        look = boxes._family
        everyone = look(box.process.pid)
        first = iter([everyone[:2]])
        monkeypatch.setattr(
            boxes, "_family", lambda pid: next(first, None) or look(pid)
        )
    assert len(everyone) == 3
    assert not psutil.wait_procs(everyone, timeout=5)[1]
