"""Formulas: KaTeX draws them in this process, when the site is built."""

import functools
import re
from pathlib import Path

from docutils import nodes
from py_mini_racer import MiniRacer
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinxcontrib import katex

SETTINGS = {"throwOnError": True, "strict": "error"}
MID = re.compile(r"\\mid(?![a-z])")
CLOSING = re.compile(r"[,.;:?!)\]-]+")
RENDER = """function render(latex, settings) {
  try { return {html: katex.renderToString(latex, settings)}; }
  catch (error) { return {error: error.message}; }
}"""


class FormulaError(SphinxError):
    """LaTeX that KaTeX does not understand; it stops the build."""

    category = "Formula"


@functools.cache
def _engine() -> MiniRacer:
    engine = MiniRacer()
    script = katex.SRC_DIR / "katex.min.js"
    engine.eval(script.read_text("utf-8"))
    engine.eval(RENDER)
    return engine


def render(latex: str, options: dict[str, bool] | None = None) -> str:
    """The HTML of a formula.

    On a phone a line may break where \\qquad stands, and not after \\mid.

    Args:
        latex: the formula, without dollars.
        options: of KaTeX, beside our own; `displayMode` for a line of its own.

    Raises:
        FormulaError: KaTeX does not understand it.
    """
    settings = SETTINGS | (options or {})
    latex = MID.sub(r"{\\;\\vert\\;}", latex)
    parts = latex.split("\\qquad")
    if settings.get("displayMode") and "\\begin" not in latex and parts[1:]:
        drawn = "".join(_drawn(part, settings) for part in parts)
        return f'<span class="side-by-side">{drawn}</span>'
    return _drawn(latex, settings)


def _drawn(latex: str, settings: dict[str, object]) -> str:
    answer = _engine().call("render", latex, settings)
    if "error" in answer:
        raise FormulaError(f"{answer['error']} in {latex!r}")
    return answer["html"]


def bind(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """A comma after a formula belongs to it, or a line could begin with it."""
    for formula in list(doctree.findall(nodes.math)):
        after = formula.next_node(descend=False, siblings=True)
        found = isinstance(after, nodes.Text) and CLOSING.match(after)
        if found:
            bound = f"{formula.astext()}\\textsf{{{found[0]}}}"
            formula[:] = [nodes.Text(bound)]
            after.parent.replace(after, nodes.Text(after[found.end() :]))


def keep_folder(app: Sphinx, error: Exception | None) -> None:
    """What sphinxcontrib-katex removes, twice when a build fails at its end.

    Its own error would stand in the place of ours.
    """
    Path(vars(app)["_katex_static_path"]).mkdir(exist_ok=True)


def setup(app: Sphinx) -> None:
    """sphinxcontrib-katex would ask a Node process of its own."""
    katex.render_latex = render
    app.connect("build-finished", keep_folder, priority=100)
    app.connect("doctree-resolved", bind)
