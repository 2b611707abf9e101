"""A student's notebook: what is in it, and which cells an answer needs."""

import ast
import builtins
import json
import re
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, count
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from coursework.master import Master

LARGEST = 200 * 2**20
LONGEST = 300_000
MOST = 1000
READ = 10_000
PICTURE = re.compile(r"[\w+/=%-]{1000,}", re.ASCII)
NUMBER = re.compile(r"^## (\d+)\. ", re.MULTILINE)
BINDING = re.compile(r"^(?:async def|def|class) (\w+)|^(\w+) *=", re.MULTILINE)


@dataclass
class Submission:
    """A student's notebook; `trouble` says what could not be read."""

    code: list[str] = field(default_factory=list)
    markdown: list[str] = field(default_factory=list)
    cells: list[tuple[str, str]] = field(default_factory=list)
    trouble: str = ""


def read(path: Path) -> Submission:
    """Whatever can be read of a file that a student handed in."""
    try:
        if not readable(path):
            return Submission(trouble="is no file of less than 200 MB")
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        sources = [
            (cell["cell_type"], _clean("".join(cell["source"])))
            for cell in _cells(text)
        ]
    except Exception as error:
        said = f"cannot be read as a notebook ({type(error).__name__}: {error})"
        return Submission(trouble=said[:300])
    code, trouble = _runnable([t for kind, t in sources if kind == "code"])
    markdown = [text for kind, text in sources if kind == "markdown"]
    return Submission(code, markdown, sources, trouble)


def _runnable(code: list[str]) -> tuple[list[str], str]:
    """Code of a size that can be read and run, and what was left out."""
    short = [text for text in code if len(text) <= LONGEST]
    if len(short) > MOST or sum(map(len, short)) > LONGEST:
        return [], f"has over {LONGEST:,} characters or {MOST:,} cells of code"
    if short != code:
        return short, f"has a cell of over {LONGEST:,} characters, left out"
    return code, ""


def readable(path: Path) -> bool:
    """A file, no link or folder or device, of less than 200 MB?"""
    return (
        path.is_file()
        and not path.is_symlink()
        and path.stat().st_size < LARGEST
    )


def _clean(text: str) -> str:
    """Without what is no character and could not be written to a file."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _cells(text: str) -> list[dict]:
    """Cells of a notebook of any format, whatever else an editor has lost."""
    notebook = json.loads(text)
    if "worksheets" in notebook:
        notebook = nbformat.reads(text, as_version=4)
    return notebook["cells"]


def cells_for(name: str, cells: Iterable[str], given: list[str]) -> list[str]:
    """The cells that an answer needs, in their order.

    They are those that bind its name, and those that bind names which these
    use, and so on. Names of the given code are always those of the given code.
    When no cell is seen to bind the answer's name, all cells are needed.
    """
    known = {_tidy(cell) for cell in given}
    cells = [cell for cell in cells if _tidy(cell) not in known]
    names = [names_of(cell) for cell in cells]
    ours = set().union(*(names_of(cell).binds for cell in given))
    wanted = {name}
    needed: set[int] = set()
    while new := {i for i, n in enumerate(names) if n.serves(wanted)} - needed:
        needed |= new
        wanted |= set().union(*(names[i].uses for i in new)) - ours
    bound = set().union(*(each.binds for each in names))
    if name not in bound:
        return cells
    if wanted - bound - set(dir(builtins)):
        needed |= {i for i, each in enumerate(names) if each.star}
    return [cells[i] for i in sorted(needed)]


@dataclass
class Names:
    """The global names that a cell binds, changes, and uses from outside."""

    binds: set[str]
    changes: set[str]
    uses: set[str]
    star: bool = False

    def serves(self, wanted: set[str]) -> bool:
        """Is the cell needed by who wants these names?"""
        return bool(wanted & (self.binds | self.changes))


@lru_cache(maxsize=10_000)
def names_of(cell: str) -> Names:
    """Read from the code; what is no Python binds what it seems to."""
    try:
        return _names(_python(cell))
    except Exception:
        seen = {a or b for a, b in BINDING.findall(cell)}
        return Names(seen, set(), set())


def _python(cell: str) -> str:
    """What IPython makes of a cell, and of the cell below a cell magic."""
    source = TransformerManager().transform_cell(cell)
    match ast.parse(source).body:
        case [ast.Expr(ast.Call(ast.Attribute(attr="run_cell_magic"), args))]:
            return _python(ast.literal_eval(args[-1]))
    return source


def _names(source: str) -> Names:
    tree = ast.parse(source)
    symbols = list(_symbols(symtable.symtable(source, "cell", "exec")))
    binds = {
        s.get_name() for s in symbols if s.is_assigned() or s.is_imported()
    }
    uses = {s.get_name() for s in symbols if s.is_referenced()} - binds
    stars = (n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom))
    star = any(n.names[0].name == "*" for n in stars)
    return Names(binds, set(_changed(tree)), uses, star)


def _symbols(table: symtable.SymbolTable) -> Iterator[symtable.Symbol]:
    """Symbols that are global names, of a cell and the functions in it."""
    top = table.get_type() == "module"
    yield from (s for s in table.get_symbols() if top or s.is_global())
    for child in table.get_children():
        yield from _symbols(child)


def _changed(tree: ast.Module) -> Iterator[str]:
    """Names whose parts a cell sets, `a.b = 1` or `a[0] = 1` or `a.b(1)`."""
    for node in _top_level(tree):
        for place in _places(node):
            while isinstance(place, ast.Attribute | ast.Subscript):
                place = place.value
                if isinstance(place, ast.Name):
                    yield place.id


def _places(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Assign(targets):
            return targets
        case ast.AugAssign(target) | ast.AnnAssign(target):
            return [target]
        case ast.Expr(ast.Call(function)):
            return [function]
    return []


def _top_level(node: ast.AST) -> Iterator[ast.AST]:
    """Statements outside functions and classes."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            continue
        yield child
        yield from _top_level(child)


def _tidy(cell: str) -> str:
    """The cell without what an editor may change."""
    return "\n".join(line.rstrip() for line in cell.strip().splitlines())


def find(folder: Path) -> dict[str, Path]:
    """Every submission in a folder, by student.

    A student is a notebook, or a folder with a notebook in it. Whatever else
    lies there is a submission too; `read` says what is wrong with it.
    """
    found: dict[str, Path] = {}
    for each in sorted(folder.iterdir()):
        if each.name.startswith(".") or each.name == "__MACOSX":
            continue
        inside = _notebooks(each)
        for path in inside:
            whole = _clean(str(path.relative_to(folder)))
            short = whole.removesuffix(".ipynb")
            if each.is_dir() and len(inside) == 1:
                short = _clean(each.name)
            found[_unused(short, whole, found)] = path
    return found


def _unused(short: str, whole: str, found: Iterable[str]) -> str:
    """The short name of a student, or a longer one if it is taken."""
    taken = {name.casefold() for name in found}
    more = (f"{whole} ({n})" for n in count(2))
    names = chain([short, whole], more)
    return next(name for name in names if name.casefold() not in taken)


def _notebooks(path: Path) -> list[Path]:
    """In a folder; what is no folder, or has none, stands for itself."""
    if path.is_symlink() or not path.is_dir():
        return [path]
    seen = [
        each
        for each in sorted(path.rglob("*"))
        if each.suffix.lower() == ".ipynb"
        and not any(
            part.startswith(".") or part == "__MACOSX"
            for part in each.relative_to(path).parts
        )
    ]
    return seen or [path]


def written(submission: Submission, master: Master) -> dict[str, str]:
    """Texts of a student, by the number of the written question above them.

    A text under no written question is shown with those left empty.
    """
    given = {_tidy(text) for text in master.student_texts()}
    found: dict[str, list[str]] = {}
    number = ""
    asked = [str(each.number) for each in master.questions if each.written]
    for kind, text in submission.cells:
        heading = NUMBER.search(text) if kind == "markdown" else None
        number = heading[1] if heading else number
        own = kind == "markdown" or number in asked
        if own and _tidy(text) not in given:
            found.setdefault(number, []).append(text)
    rest = [t for n, texts in found.items() if n not in asked for t in texts]
    return {n: _short("\n\n".join(found.get(n, rest))) for n in asked}


def _short(text: str) -> str:
    """What can be read on a sheet: no picture as text, no more than a book."""
    text = PICTURE.sub(lambda m: f"[{len(m[0]):,} characters left out]", text)
    over = len(text) - 2 * READ
    if over <= 0:
        return text
    return f"{text[:READ]}\n[{over:,} characters left out]\n{text[-READ:]}"
