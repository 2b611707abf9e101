"""The house: where things are, what may import what, which versions."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import logderiv

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COMMANDS = (
    "book",
    "test",
    "quick",
    "notebooks",
    "homework",
    "grade",
    "lab",
    "clean",
)
TOP_LEVEL = {
    "README.md", "_config.yml", "_toc.yml", "pyproject.toml",
    "constraints.txt", "Makefile", "LICENSE", "LICENSE-TEXT", "CITATION.cff",
    "CHANGELOG.md", "CONTRIBUTING.md", "chapters", "code", "tests", ".ci",
    ".github", ".gitignore", ".pre-commit-config.yaml",
}  # fmt: skip


@pytest.mark.parametrize("module", ["code", "pdb"])
def test_the_standard_library_is_not_shadowed(module: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", f"import {module}; print({module}.__file__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert Path(found).parent == Path(sysconfig.get_path("stdlib"))


@pytest.mark.parametrize("folder", ["code", "tests"])
def test_source_roots_are_no_packages(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


def test_an_init_in_code_would_shadow_the_standard_library(
    tmp_path: Path,
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/__init__.py").write_text("")
    found = subprocess.run(
        [sys.executable, "-c", "import code; print(code.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert Path(found).parent == tmp_path / "code"


def imports_of(package: str) -> dict[str, set[str]]:
    """Which of a package's parts imports which others, checks aside."""
    arrows: dict[str, set[str]] = {}
    folder = ROOT / "code" / package
    for file in folder.rglob("*.py"):
        part = file.relative_to(folder).with_suffix("").parts[0]
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom):
                continue
            path = (node.module or "").split(".")
            names = path[1:2] or [alias.name for alias in node.names]
            if path[0] == package:
                arrows.setdefault(part, set()).update(names)
    return {
        part: names - {part, "checks", "__version__"}
        for part, names in arrows.items()
    }


def test_the_arrows_that_are_drawn_are_those_of_the_code() -> None:
    drawn = {
        part: set(names.split(", "))
        for part, names in re.findall(
            r"^ +(\w+) +-> (.*)$", logderiv.__doc__ or "", re.MULTILINE
        )
    }
    found = imports_of("logderiv")
    assert drawn == {part: names for part, names in found.items() if names}


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs git's list")
def test_the_top_level_stays_as_it_is() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert {path.split("/")[0] for path in tracked} == TOP_LEVEL


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [str(command), "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "code")},
        capture_output=True,
        text=True,
    )


def test_an_arrow_that_points_up_is_rejected(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "code/logderiv", tmp_path / "code/logderiv")
    assert lint_imports(tmp_path).returncode == 0
    with (tmp_path / "code/logderiv/identity.py").open("a") as module:
        module.write("\nfrom logderiv import sampling\n")
    assert lint_imports(tmp_path).returncode == 1


def mypy(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mypy", "-p", "logderiv"],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_a_wrong_type_and_a_missing_one_are_rejected(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    module = tmp_path / "code/logderiv/__init__.py"
    module.parent.mkdir(parents=True)
    right = "def half(n: int) -> float:\n    return n / 2\n"
    module.write_text(right)
    assert mypy(tmp_path).returncode == 0
    for wrong, said in (
        (right + "half('4')\n", "[arg-type]"),
        ("def half(n):\n    return n / 2\n", "[no-untyped-def]"),
        (right.replace("n / 2", "str(n)"), "[return-value]"),
    ):
        module.write_text(wrong)
        found = mypy(tmp_path)
        assert found.returncode == 1
        assert said in found.stdout


def stated(changelog: str, citation: str) -> list[tuple[str, str]]:
    """Version and date of the last release, as each of the two says."""
    last = re.search(r"^## \[(.+)\] - (.+)$", changelog, re.MULTILINE)
    version = re.search(r"^version: (.+)$", citation, re.MULTILINE)
    date = re.search(r'^date-released: "(.+)"$', citation, re.MULTILINE)
    return [(last[1], last[2]), (version[1], date[1])]


def test_one_version_is_stated() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    one, other = stated(changelog, citation)
    assert one == other
    assert one[0] == logderiv.__version__
    later = changelog.replace("## [", "## [9.9.9] - 2030-01-01\n\n## [", 1)
    one, other = stated(later, citation)
    assert one != other


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {normal(name): version for name, version in pairs}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements() -> list[Requirement]:
    project = PROJECT["project"]
    extras = project["optional-dependencies"].values()
    lines = [*project["dependencies"], *(line for e in extras for line in e)]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_every_requirement_is_pinned_within_its_range(
    requirement: Requirement,
) -> None:
    assert requirement.specifier.contains(pins()[normal(requirement.name)])


def test_every_pin_runs_on_the_oldest_python() -> None:
    for dist in importlib.metadata.distributions():
        name = dist.metadata["Name"]
        if pins().get(normal(name)) == dist.version:
            wanted = SpecifierSet(dist.metadata.get("Requires-Python") or "")
            assert wanted.contains("3.11.0"), name


def test_torch_is_pinned_without_a_build_suffix() -> None:
    assert pins()["torch"] == "2.13.0"


def test_before_a_commit_runs_what_make_quick_runs() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    (group,) = yaml.safe_load(text)["repos"]
    assert [hook["entry"] for hook in group["hooks"]] == ["make quick"]


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_make_help_names_every_command() -> None:
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for command in COMMANDS:
        assert re.search(rf"^{command}\s+\w", shown, re.MULTILINE)
