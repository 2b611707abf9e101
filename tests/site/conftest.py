"""The site, built once for the tests of a process."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Build = Callable[[Path, Path], subprocess.CompletedProcess[str]]


def run_build(source: Path, output: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).parent / "jupyter-book"
    options = ["--all", "-n", "-W", "--keep-going", "--quiet"]
    return subprocess.run(
        [command, "build", source, "--path-output", output, *options],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="session")
def build() -> Build:
    return run_build


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the book is made from."""
    folder = tmp_path_factory.mktemp("book")
    shutil.copytree(ROOT / "chapters", folder / "chapters")
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="session")
def site(sources: Path) -> Path:
    result = run_build(sources, sources)
    assert result.returncode == 0, result.stdout + result.stderr
    return sources / "_build/html"
