"""The site, built once for all tests, and a browser to look at it."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser

from bookext.browser import opened

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
def site(
    sources: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Path:
    """A copy for each process of what the first that wants it builds."""
    own = tmp_path_factory.getbasetemp()
    built = (own if worker_id == "master" else own.parent) / "built"
    with FileLock(f"{built}.lock"):
        if not built.exists():
            result = run_build(sources, sources)
            assert result.returncode == 0, result.stdout + result.stderr
            (sources / "_build/html").rename(built)
    return shutil.copytree(built, own / "html")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened() as window:
        yield window
