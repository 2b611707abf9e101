"""Commands where the modules of Unix are missing: simulated, in a process."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Python runs a module of this name when it starts, in every process below.
WITHOUT = """
import os, sys
for name in (
    "resource", "fcntl", "grp", "pty", "pwd", "readline", "syslog", "termios",
):
    sys.modules[name] = None
for name in ("fork", "forkpty", "geteuid", "getuid", "killpg"):
    delattr(os, name)
"""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "sitecustomize.py").write_text(WITHOUT)
    places = os.pathsep.join([str(folder), str(ROOT / "code")])
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": places},
        capture_output=True,
        text=True,
    )


def test_versions_are_printed(tmp_path: Path) -> None:
    done = run(tmp_path, "logderiv")
    assert done.stdout.endswith("all there\n"), done.stderr


def test_homework_is_released(tmp_path: Path) -> None:
    done = run(tmp_path, "coursework", "release", "out")
    assert done.returncode == 0, done.stderr
    made = [path.suffix for path in (tmp_path / "out").iterdir()]
    assert sorted(made) == [".ipynb"] * 4 + [".whl"]


def test_grading_says_that_it_needs_unix(tmp_path: Path) -> None:
    done = run(tmp_path, "coursework", "grade", "in", "out")
    assert done.returncode == 1
    assert "grade on Linux, on macOS, or in WSL" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_module_that_is_missing_is_named(tmp_path: Path) -> None:
    gone = "raise ModuleNotFoundError(name='psutil')"
    (tmp_path / "psutil.py").write_text(gone)
    done = run(tmp_path, "coursework", "grade", "in", "out")
    assert done.stderr == "grading needs psutil: pip install '.[grade]'\n"


def test_what_needs_unix_fails_there(tmp_path: Path) -> None:
    """So the modules are really missing."""
    done = run(tmp_path, "coursework.inside")
    assert "import of resource halted" in done.stderr
