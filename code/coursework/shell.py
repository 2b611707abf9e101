"""What runs a student's cells: as a notebook does, but it goes on.

A statement that fails is kept in `failed`, and the next one is run, which may
not need it: a line for Colab or for a GPU does not cost the imports below it.
"""

import ast
import sys
from collections.abc import Iterator
from typing import TypeGuard

from IPython.core.error import UsageError
from IPython.core.interactiveshell import ExecutionResult, InteractiveShell
from traitlets.config import Config


class Shell(InteractiveShell):
    """IPython's, magics included. It shows nothing."""

    failed: list[BaseException]

    def showtraceback(
        self, exc_tuple: tuple | None = None, *rest: object, **more: object
    ) -> None:
        """Nobody would see it; it is kept."""
        self.failed.append((exc_tuple or sys.exc_info())[1])

    def showsyntaxerror(self, *rest: object, **more: object) -> None:
        """As every other error."""
        self.showtraceback()

    async def run_code(
        self,
        code_obj: object,
        result: ExecutionResult | None = None,
        *,
        async_: bool = False,
    ) -> bool:
        """Run a statement; say whether those below it shall not be run."""
        failed = await super().run_code(code_obj, result, async_=async_)
        error = result and result.error_in_exec
        return failed and not isinstance(error, Exception)

    def transform_ast(self, node: ast.Module) -> ast.Module:
        """A cell's statements, as they shall be run."""
        node.body = [part for each in node.body for part in self._parts(each)]
        return super().transform_ast(node)

    def _parts(self, node: ast.stmt) -> Iterator[ast.stmt]:
        """Imports one by one; a stub, but not in the place of an answer."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in node.names:
                one = type(node)(**vars(node) | {"names": [name]})
                yield ast.copy_location(one, node)
        elif not (is_stub(node) and node.name in self.user_ns):
            yield node

    def run_line_magic(
        self, magic_name: str, line: str, _stack_depth: int = 1
    ) -> object:
        """One that is not here, or loads what is not here, does nothing."""
        try:
            return super().run_line_magic(magic_name, line, _stack_depth + 1)
        except (UsageError, ImportError):
            self.showtraceback()
            return None

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> object:
        """Below one that only measures, or is not here, stands a cell."""
        if magic_name != "time":
            try:
                return super().run_cell_magic(magic_name, line, cell)
            except UsageError:
                self.showtraceback()
        return self.run_cell(cell, silent=True).result

    def enable_matplotlib(self, gui: str | None = None) -> tuple:
        """Plots are drawn without a window; the grader has said so."""
        return gui, None

    def enable_gui(self, gui: str | None = None) -> None:
        """There is no window to open."""


def is_stub(node: ast.stmt) -> TypeGuard[ast.FunctionDef]:
    """A function that only says, as released, that it is not written yet."""
    if not isinstance(node, ast.FunctionDef) or node.decorator_list:
        return False
    body = node.body[ast.get_docstring(node) is not None :]
    return [ast.unparse(each) for each in body] == ["raise NotImplementedError"]


def start() -> Shell:
    """The one shell of this process."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    shell = Shell.instance(config=config)
    shell.failed = []
    return shell
