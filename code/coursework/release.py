"""What students get: notebooks without answers, and the package as a wheel.

The wheel's version says of which code it is, 0.2.0+code1f0c5a9e21: pip keeps
an installed package of the same version, and replaces one of another.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import logderiv
from coursework.master import CHAPTERS, HIDDEN, SOLUTION, STUB, Master, masters

ROOT = CHAPTERS.parent
PACKED = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "code/logderiv",
    "code/coursework",
)
METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}
BUILD = "from setuptools.build_meta import build_wheel; build_wheel('made')"
BUILD_ENV = {
    "SOURCE_DATE_EPOCH": "315532800",
    "PYTHONDONTWRITEBYTECODE": "",  # setuptools would warn
}
INSTALL = """\
# Does the next cell fail, or is your package older than this notebook? Then
# save {wheel} from the page of
# this homework beside this notebook, delete the # before %pip, run, and restart
# the kernel.
# %pip install {wheel}"""


def release(chapters: Path, out: Path) -> list[Path]:
    """Write the wheel and every student copy; say where they are."""
    out.mkdir(parents=True, exist_ok=True)
    for before in (*out.glob("logderiv-*.whl"), *out.glob("homework-*.ipynb")):
        before.unlink()
    made = [wheel(out)]
    for master in masters(chapters):
        path = out / f"{master.name}.ipynb"
        nbformat.write(student_copy(master), path)
        made.append(path)
    return made


def student_copy(master: Master) -> NotebookNode:
    """The master's sources without answers and hidden tests, and no more."""
    first, *rest = [_without_answers(cell) for cell in master.notebook.cells]
    install = new_code_cell(INSTALL.format(wheel=wheel_name()), id="install")
    return new_notebook(cells=[first, install, *rest], metadata=METADATA)


def _without_answers(cell: NotebookNode) -> NotebookNode:
    stub = rf"\g<indent>{STUB[cell.cell_type]}"
    source = SOLUTION.sub(stub, HIDDEN.sub("", cell.source)).rstrip()
    new_cell = {"code": new_code_cell, "markdown": new_markdown_cell}
    return new_cell[cell.cell_type](source, id=cell.id)


def wheel_name() -> str:
    """As `wheel` will call it."""
    return f"logderiv-{version()}-py3-none-any.whl"


def version() -> str:
    """The public version, which a person raises, and a digest of the code."""
    digest = hashlib.sha256()
    for path in sources():
        place = path.relative_to(ROOT).as_posix()
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{place} {content}\n".encode())
    return f"{logderiv.__version__}+code{digest.hexdigest()[:10]}"


def sources() -> list[Path]:
    """The files that the wheel is made of."""
    tops = [ROOT / name for name in PACKED]
    found = [*tops, *(path for top in tops for path in top.rglob("*"))]
    return sorted(
        path
        for path in found
        if path.is_file() and "__pycache__" not in path.parts
    )


def wheel(out: Path) -> Path:
    """Build the package into `out`, the same bytes each time."""
    with tempfile.TemporaryDirectory() as folder:
        for path in sources():
            copy = Path(folder, path.relative_to(ROOT))
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
        said = Path(folder, "code/logderiv/__init__.py")
        public, own = logderiv.__version__.encode(), version().encode()
        said.write_bytes(said.read_bytes().replace(public, own))
        subprocess.run(
            [sys.executable, "-c", BUILD],
            cwd=folder,
            env=os.environ | BUILD_ENV,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (made,) = Path(folder, "made").glob("*.whl")
        return Path(shutil.copy(made, out))
