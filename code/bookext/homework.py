"""The page of a homework, and the files that it offers.

    ```{homework}
    ```

beside a `homework.ipynb` becomes its table of questions, the rubric of what
is read by a person, and the links to the student copy and the wheel.
"""

from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from coursework.master import Master, Question
from coursework.release import release, sources, wheel_name

FOLDER = "homework"
HOW = """\
Open the notebook in JupyterLab, VS Code or Colab. Its first cell says how to
install the package. Below each answer stands a check that says at once whether
the answer is missing, has the wrong shape, or a wrong value on one example. The
grader tries other examples, so a check that says "right" is a good sign and no
promise. No question needs the answer of another.
"""
DOWNLOADS = """\
<ul>
<li>Download <a href="{folder}/{notebook}.ipynb" download>the notebook</a>:
<code class="docutils literal">{notebook}.ipynb</code></li>
<li>Download <a href="{folder}/{wheel}" download>the package</a> that it
imports: <code class="docutils literal">{wheel}</code></li>
</ul>
"""


class Homework(SphinxDirective):
    """Says what the homework beside the page asks and is worth."""

    def run(self) -> list[nodes.Node]:
        """The table, the rubric, the links."""
        page = Path(self.env.doc2path(self.env.docname))
        master = Master(page.with_name("homework.ipynb"))
        for source in (master.path, *sources()):
            self.env.note_dependency(str(source))
        text = "\n\n".join([_table(master), *_rubrics(master), HOW])
        parent = nodes.container()
        lines = StringList(text.splitlines(), str(master.path))
        self.state.nested_parse(lines, self.content_offset, parent)
        up = "../" * self.env.docname.count("/")
        links = DOWNLOADS.format(
            folder=f"{up}{FOLDER}", notebook=master.name, wheel=wheel_name()
        )
        return [*parent.children, nodes.raw("", links, format="html")]


def _table(master: Master) -> str:
    rows = ["| question | points | minutes | graded |", "|---|---|---|---|"]
    for each in master.questions:
        title = f"{each.number}. {each.title}"
        rows.append(
            f"| {title} | {each.points} | {each.minutes} | {_how(each)} |"
        )
    total = f"| **all** | **{master.points}** | **{master.minutes}** | |"
    return "\n".join([*rows, total])


def _how(question: Question) -> str:
    if question.written:
        return "by a reader, rubric below"
    kind = "the drawn data, " if question.plot else ""
    return f"{kind}{len(question.tests)} tests, equal shares"


def _rubrics(master: Master) -> list[str]:
    """What a reader of the written answers looks for."""
    return [
        f"**Rubric of question {each.number}**\n{each.rubric}"
        for each in master.questions
        if each.written
    ]


def publish(app: Sphinx, error: Exception | None) -> None:
    """Write the student copies and the wheel into the finished site."""
    if not error and app.builder.format == "html":
        release(Path(app.srcdir, "chapters"), Path(app.outdir, FOLDER))
