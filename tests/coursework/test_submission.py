"""Reading submissions: who is there, which cells, which words."""

import base64
import json
import os
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
    new_raw_cell,
)

from coursework.master import Master, masters
from coursework.submission import (
    Submission,
    cells_for,
    find,
    read,
    written,
)

GIVEN = ["import numpy as np", "def given(x):\n    return x"]
F = "def f(x):\n    return x"
PHOTO = "data:image/png;base64," + base64.b64encode(bytes(300_000)).decode()


@pytest.mark.parametrize(
    ("cells", "needed"),
    [
        ([F, "def g():\n    return 1"], [0]),
        (["def h(x):\n    return x", "def f(x):\n    return h(x)"], [0, 1]),
        (["def f(x):\n    return h(x)", "def h(x):\n    return x"], [0, 1]),
        (["import math", "def f(x):\n    return math.exp(x)"], [0, 1]),
        (["k = 3", "j = k", "def f(x):\n    return j", "z = 1"], [0, 1, 2]),
        (["np.log = None", "def f(x):\n    return np.log(x)"], [1]),
        (["import numpy as np\nboom()", "def f(x):\n    return np.e"], [1]),
        (["def given(x):\n    boom()", "def f(x):\n    return given(x)"], [1]),
        (["t = {}", "t[0] = 1", "def f(x):\n    return t[x]"], [0, 1, 2]),
        (["t = []", "for i in [1]:\n    t.append(i)", "f = t.pop"], [0, 1, 2]),
        (["x = 5", F + "\nprint(f(x))"], [0, 1]),
        (["x = 5", F + "\nx = 2\nprint(f(x))", "x = 7"], [1]),
        ([F, F], [0, 1]),
        (["from math import *", "def f(x):\n    return exp(x)"], [0, 1]),
        (["from math import *", F], [1]),
        (["%%time\nimport math\n" + F, "%matplotlib inline"], [0]),
        (["!ls", "%timeit 3", F], [2]),
        (["\n%%time\n%%capture out\nh = 1", "def f():\n    return h"], [0, 1]),
        (["%%time\nif 1:\n    %matplotlib inline\nh = 1", "f = h"], [0, 1]),
        (["%%capture\n" + F, "%%bash\nf"], [0]),
        (["%%html\n<p>", "if 1:\n    !ls\nh = 1", "f = h"], [1, 2]),
        (["def f(x:\n  return", "z = 1"], [0]),
        (["f = lambda x: x", "raise SystemExit"], [0]),
        (["class C:\n    pass", "f = C()", "f.a = 1"], [0, 1, 2]),
        (["def s():\n    global n\n    n = 1", "s()\nf = lambda x: n"], [0, 1]),
        (["if True:\n    def f(x):\n        return y", "y = 1", "w = 2"],
         [0, 1]),
        (["exec('def f(x): return x')", "z = 1"], [0, 1]),
        ([GIVEN[0] + "  ", F], [1]),
    ],
)  # fmt: skip
def test_an_answer_gets_the_cells_that_it_needs(
    cells: list[str], needed: list[int]
) -> None:
    assert cells_for("f", cells, GIVEN) == [cells[i] for i in needed]


def save(path: Path, *cells: dict) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


def test_every_file_and_folder_is_a_submission(tmp_path: Path) -> None:
    save(tmp_path / "ann.ipynb")
    save(tmp_path / "ben/work.ipynb")
    save(tmp_path / "ben/.ipynb_checkpoints/work.ipynb")
    save(tmp_path / "cy/a.ipynb")
    save(tmp_path / "cy/deep/b.ipynb")
    (tmp_path / "ann.pdf").write_text("x")
    (tmp_path / "dee").mkdir()
    save(tmp_path / "ann/again.ipynb")
    (tmp_path / ".DS_Store").write_text("x")
    found = {
        name: str(p.relative_to(tmp_path)) for name, p in find(tmp_path).items()
    }
    assert found == {
        "ann": "ann/again.ipynb",
        "ann.ipynb": "ann.ipynb",
        "ann.pdf": "ann.pdf",
        "ben": "ben/work.ipynb",
        "cy/a": "cy/a.ipynb",
        "cy/deep/b": "cy/deep/b.ipynb",
        "dee": "dee",
    }


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "text.ipynb").write_text("no notebook")
    (tmp_path / "list.ipynb").write_text("[1, 2]")
    (tmp_path / "half.ipynb").write_text('{"cells": [{"cell_type": "co')
    (tmp_path / "bytes.ipynb").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "link.ipynb").symlink_to("/etc/passwd")
    (tmp_path / "folder.ipynb").mkdir()
    os.mkfifo(tmp_path / "pipe.ipynb")
    with (tmp_path / "huge.ipynb").open("wb") as file:
        file.truncate(10**8)
    for path in tmp_path.iterdir():
        assert read(path).trouble, path.name
        assert not read(path).code


def test_a_notebook_without_metadata_or_of_format_3_is_read(
    tmp_path: Path,
) -> None:
    bare = {"cells": [{"cell_type": "code", "source": ["a = 1\n", "b"]}]}
    old = {
        "nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""},
        "worksheets": [{"cells": [
            {"cell_type": "code", "input": "a = 1\nb", "outputs": [],
             "language": "python", "metadata": {}, "collapsed": False},
        ]}],
    }  # fmt: skip
    for content in (bare | {"nbformat": 4, "metadata": {}}, old):
        path = tmp_path / "a.ipynb"
        path.write_text(json.dumps(content))
        assert read(path).code == ["a = 1\nb"]
        assert not read(path).trouble


def with_output(megabytes: int) -> dict:
    output = new_output("stream", text="x" * megabytes * 2**20)
    return new_code_cell("k = 1", outputs=[output])


@pytest.mark.parametrize(
    "cells",
    [
        [new_markdown_cell(f"![photo]({PHOTO})")],
        [new_markdown_cell("![photo](a)", attachments={"a": {"b": PHOTO}})],
        [new_markdown_cell("Words.", metadata={"photo": PHOTO})],
        [new_raw_cell(PHOTO)],
        [new_markdown_cell("Words.") for _ in range(2000)],
        [new_markdown_cell("Words. " * 10**6)],
        [with_output(megabytes=60)],
    ],
    ids=["photo", "attachment", "metadata", "raw", "many", "long", "output"],
)
def test_what_is_no_code_may_be_long(tmp_path: Path, cells: list[dict]) -> None:
    path = save(tmp_path / "a.ipynb", *cells, new_code_cell(F))
    submission = read(path)
    assert not submission.trouble
    assert submission.code[-1] == F


@pytest.mark.parametrize(
    ("cells", "code", "said"),
    [
        ([f"%%html\n<img src='{PHOTO}'>"], [F], "has a cell of over 300,000"),
        ([f"photo = '{PHOTO}'"], [F], "has a cell of over 300,000"),
        (["x = 1\n" * 40_000] * 2, [], "has over 300,000 characters"),
        (["x = 1"] * 1000, [], "or 1,000 cells of code"),
    ],
    ids=["page", "text", "long", "many"],
)
def test_monstrous_code_is_left_out_and_words_are_not(
    tmp_path: Path, cells: list[str], code: list[str], said: str
) -> None:
    code_cells = [new_code_cell(text) for text in [F, *cells]]
    path = save(tmp_path / "a.ipynb", *code_cells, new_markdown_cell("Mine."))
    submission = read(path)
    assert submission.code == code
    assert said in submission.trouble
    assert submission.markdown == ["Mine."]


@pytest.fixture(params=masters(), ids=lambda each: each.name)
def words(request: pytest.FixtureRequest) -> tuple[Master, str]:
    (question,) = (q for q in request.param.questions if q.written)
    return request.param, str(question.number)


def said(texts: list[str]) -> Submission:
    return Submission(cells=[("markdown", text) for text in texts])


def test_a_written_answer_is_found(words: tuple[Master, str]) -> None:
    master, number = words
    texts = master.student_texts()
    place = texts.index("*Write your answer here.*")
    assert written(said(texts), master) == {number: ""}
    answered = [*texts[:place], "Mine.", "More.", *texts[place + 1 :]]
    found = written(said(answered), master)
    assert found == {number: "Mine.\n\nMore."}
    cells = [("markdown", text) for text in texts]
    cells[place] = ("code", "# Mine.")
    found = written(Submission(cells=cells), master)
    assert found == {number: "# Mine."}
    loose = [t for t in answered if not t.startswith("## ")]
    assert "Mine." in written(said(loose), master)[number]
    inside = [f"{t} Mine." if f"## {number}" in t else t for t in texts]
    assert "Mine." in written(said(inside), master)[number]


def test_a_written_answer_survives_a_file(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.ipynb",
        new_markdown_cell("## 7. x\nyes"),
        new_code_cell("1"),
    )
    assert read(path).markdown == ["## 7. x\nyes"]


@pytest.mark.parametrize(
    "photo",
    [
        f"![]({PHOTO})",
        f'<img src="{PHOTO}">',
        f"![a][b]\n\n[b]: {PHOTO}",
        "\n".join(PHOTO[i : i + 76] for i in range(0, len(PHOTO), 76)),
        "Words. " * 10**6,
    ],
    ids=["markdown", "html", "reference", "lines", "words"],
)
def test_words_beside_a_photo_reach_the_reader(
    words: tuple[Master, str], photo: str
) -> None:
    master, number = words
    text = f"Before.{photo}\nAfter."
    answered = [t for t in master.student_texts() if t[0] != "*"] + [text]
    found = written(said(answered), master)[number]
    assert found.startswith("Before.")
    assert found.endswith("After.")
    assert "characters left out]" in found
    assert len(found) < 21_000


def test_a_long_answer_is_not_cut(words: tuple[Master, str]) -> None:
    master, number = words
    text = "Worte, 言葉 und https://example.org/" + "a/" * 300
    answered = [*master.student_texts(), text * 20]
    assert written(said(answered), master) == {number: text * 20}
