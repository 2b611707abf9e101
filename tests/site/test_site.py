"""The site builds with warnings as errors, and every page is there."""

import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pydata_sphinx_theme
import pytest
import yaml
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont

from bookext import contents, leaks
from coursework.master import masters
from coursework.release import wheel_name

ROOT = Path(__file__).parents[2]
Build = Callable[[Path, Path], subprocess.CompletedProcess[str]]
DESCRIPTION = re.compile('<meta name="description" content="([^"]+)"')
ODD = "a [b] c*?#%41 ü数"
PAGES = re.compile(r"(\d+) pages of \S+ built")


def check_pages(toc: Path, html: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "tests/site/pages.py"), toc, html],
        capture_output=True,
        text=True,
    )


def test_every_page_of_the_toc_is_built(site: Path) -> None:
    result = check_pages(ROOT / "_toc.yml", site)
    assert result.returncode == 0
    assert int(PAGES.search(result.stdout)[1]) >= 7


BOOK = [
    "_config.yml", "_toc.yml", ".venv/done", "chapters/1/a.md", "code/a/b.py",
    "code/a/__pycache__/b.pyc", "_build/html/index.html",
    "_build/html/chapters/1/a.html", "_build/book.done",
]  # fmt: skip


@pytest.mark.parametrize("changed", [None, *BOOK])
def test_a_site_made_before_its_sources_changed_is_made_anew(
    is_made: Callable[[Path], bool], tmp_path: Path, changed: str | None
) -> None:
    for when, name in enumerate(BOOK):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (when, when))
    for folder in filter(Path.is_dir, tmp_path.rglob("*")):
        os.utime(folder, (0, 0))
    assert is_made(tmp_path)
    if changed:
        os.utime(tmp_path / changed)
    still = changed is None or changed.endswith((".pyc", ".done"))
    assert is_made(tmp_path) == still
    (tmp_path / "_build/book.done").unlink()
    assert not is_made(tmp_path)


def test_a_site_made_before_a_page_was_removed_is_made_anew(
    is_made: Callable[[Path], bool], tmp_path: Path
) -> None:
    for name in BOOK:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        time.sleep(0.01)
    assert is_made(tmp_path)
    (tmp_path / "chapters/1/a.md").unlink()
    assert not is_made(tmp_path)


def test_a_missing_page_is_noticed(site: Path, tmp_path: Path) -> None:
    toc = (ROOT / "_toc.yml").read_text("utf-8")
    changed = tmp_path / "_toc.yml"
    changed.write_text(toc.replace("back/notation", "back/nowhere"), "utf-8")
    result = check_pages(changed, site)
    assert result.returncode == 1
    assert "back/nowhere.html" in result.stdout


def test_chapters_show_figures_equations_and_citations(site: Path) -> None:
    for page in sorted(site.glob("chapters/[0-9]-*/*.html")):
        if page.name == "assignment.html":
            continue
        html = page.read_text(encoding="utf-8")
        assert "If you see this message" not in html
        for wanted in ("<figcaption", "eqno", "Exercise", "references.html#"):
            assert wanted in html, f"{page.name} has no {wanted}"


def test_a_homework_page_offers_what_it_needs(site: Path) -> None:
    pages = sorted(site.glob("chapters/*/assignment.html"))
    assert len(pages) == len(masters()) == 4
    for page, master in zip(pages, masters(), strict=True):
        html = page.read_text("utf-8")
        for text in (master.points, master.minutes, "Rubric of question"):
            assert str(text) in html
        links = re.findall(r'href="([^"]+)" download', html)
        names = [f"{master.name}.ipynb", wheel_name()]
        assert [link.rpartition("/")[2] for link in links] == names
        assert all(page.parent.joinpath(link).is_file() for link in links)


def test_a_notebook_page_offers_its_notebook(site: Path) -> None:
    notebooks = {
        path.relative_to(ROOT)
        for path in ROOT.glob("chapters/*/*.ipynb")
        if path.stem != "homework"
    }
    assert len(notebooks) >= 8
    for path in notebooks:
        page = site / path.with_suffix(".html")
        found = re.findall(
            r'href="((?:\.\./)+notebooks/\S+)"', page.read_text("utf-8")
        )
        (link,) = set(found)
        offered = (page.parent / link).resolve()
        assert offered.read_bytes() == (ROOT / path).read_bytes()
    offered = {
        each.relative_to(site / "notebooks")
        for each in site.glob("notebooks/**/*.ipynb")
    }
    assert offered == notebooks


def test_no_page_offers_a_source_that_is_not_there(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert "_sources" not in page.read_text("utf-8")


def test_the_whole_site_is_in_one_file(site: Path) -> None:
    with zipfile.ZipFile(site / "log-derivative-trick.zip") as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    files = {
        str(path.relative_to(site))
        for path in site.rglob("*")
        if path.is_file()
    }
    assert names == files - {"log-derivative-trick.zip"}


def test_every_figure_can_be_taken_along(site: Path) -> None:
    for page in site.glob("chapters/[0-9]-*/*.html"):
        text = page.read_text("utf-8")
        figures = re.findall(r'<figure class="[^"]*" id="(fig-[^"]+)"', text)
        assert len(figures) >= 4 or page.name == "assignment.html"
        for name in figures:
            assert f'href="../../_images/{name}.svg" download' in text, name
            assert (site / f"_images/{name}.svg").is_file()
    first = (site / "chapters/index.html").read_text("utf-8")
    assert 'href="../_images/steps.svg" download' in first


def test_every_figure_has_a_form_for_a_phone(site: Path) -> None:
    found = 0
    for page in site.glob("chapters/[0-9]-*/*.html"):
        soup = BeautifulSoup(page.read_text("utf-8"), "html.parser")
        for image in soup.select("figure img"):
            source = image.parent.find("source")
            assert image.parent.name == "picture", image
            assert source["media"] == "(max-width: 600px)"
            assert int(source["width"].split(".")[0]) <= 720
            assert (page.parent / source["srcset"]).is_file()
            found += 1
    assert found > 30


def test_formulas_beside_each_other_may_stand_below_each_other(
    site: Path,
) -> None:
    page = (site / "chapters/1-identity/identity.html").read_text("utf-8")
    soup = BeautifulSoup(page, "html.parser")
    found = soup.select("div.math > .side-by-side")
    assert len(found) >= 4
    assert all(len(each.select(".katex-display")) == 2 for each in found)


def test_every_drawing_says_its_licence(site: Path) -> None:
    drawings = list(site.glob("_images/*.svg"))
    assert len(drawings) > 30
    for drawing in drawings:
        assert "creativecommons.org/licenses/by/4.0" in drawing.read_text()


def test_no_line_begins_with_the_comma_after_a_formula(site: Path) -> None:
    found = 0
    for page in site.glob("chapters/*/*.html"):
        soup = BeautifulSoup(page.read_text("utf-8"), "html.parser")
        for formula in soup.select("article p span.math"):
            after = formula.next_sibling
            assert str(after or "")[:1] not in tuple(",.;:?!)]-"), formula
            found += 1
    assert found > 500


def test_nothing_secret_is_published(site: Path) -> None:
    assert leaks.find(site, masters()) == {}


def test_no_page_sources_are_published(site: Path) -> None:
    assert not (site / "_sources").exists()


def test_every_page_says_what_it_is(site: Path) -> None:
    names = contents.pages(ROOT / "_toc.yml")
    texts = [(site / f"{name}.html").read_text("utf-8") for name in names]
    found = [DESCRIPTION.findall(text) for text in texts]
    assert all(len(each) == 1 for each in found)
    said = {each[0] for each in found}
    assert len(said) == len(names)
    assert all(50 <= len(each) <= 170 and each[-1] == "." for each in said)


def test_every_page_has_one_head(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert not [page for page in pages if "_static" in page.parts]
    for page in pages:
        text = page.read_text("utf-8")
        for once in ("<title>", 'name="viewport"', 'rel="icon"'):
            assert text.count(once) == 1, f"{page}: {once}"


SHEET = re.compile(r'<link rel="stylesheet" href="([^"?]+)\?v=\w{8}">')


def test_every_page_loads_one_style_sheet(site: Path) -> None:
    """And no other is published."""
    [sheet] = site.rglob("*.css")
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        found = [(page.parent / each).resolve() for each in SHEET.findall(text)]
        assert found == ([] if 'http-equiv="refresh"' in text else [sheet])
        assert text.count("stylesheet") == len(found), page


def test_the_style_sheet_has_what_pages_show_and_not_much_more(
    site: Path,
) -> None:
    """Of the page, of scripts, of the dark mode that the theme adds last."""
    text = (site / "_static/all.css").read_text("utf-8")
    for name in (".admonition-title", ".toggle-hidden", ".bs-tooltip-auto"):
        assert name in text
    assert re.search(r"\[data-theme=.?dark.?\] \.highlight \.k\b", text)
    assert not re.search(r"\.(accordion|sd-card-cols-7)\b", text)
    files = re.findall(r'url\("?(\.[^")]+)"?\)', text)
    assert len(files) > 20
    for file in files:
        # Browsers take the first form of a font; of icons the other is gone.
        assert file.endswith(".ttf") or (site / "_static" / file).is_file()


def icons_shown(site: Path) -> set[int]:
    """What the theme's own sheet says of the icons that pages name."""
    theme = Path(pydata_sphinx_theme.__file__).parent
    [sheet] = theme.rglob("styles/pydata-sphinx-theme.css")
    rule = r'((?:\.fa-[\w-]+:before,?)+)\{content:"\\([0-9a-f]+)"\}'
    codes = {
        name: int(code, 16)
        for names, code in re.findall(rule, sheet.read_text("utf-8"))
        for name in re.findall(r"fa-[\w-]+", names)
    }
    pages = [page.read_text("utf-8") for page in site.rglob("*.html")]
    named = {name for page in pages for name in re.findall(r"fa-[\w-]+", page)}
    return {codes[name] for name in named & codes.keys()}


def test_fonts_have_every_icon_and_few_more(site: Path) -> None:
    text = (site / "_static/all.css").read_text("utf-8")
    wanted = {int(code, 16) for code in re.findall(r'"\\(f[0-9a-f]{3})"', text)}
    shown = icons_shown(site)
    fonts = (site / "_static/vendor").rglob("*.woff2")
    drawn = {code for font in fonts for code in TTFont(font).getBestCmap()}
    assert len(wanted) > 10
    assert len(shown) > 5
    assert wanted | shown <= drawn
    assert len(drawn) < 50


def test_nothing_points_at_another_project(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert "github.com/executablebooks" not in text
        assert "colab" not in text
        assert "Report a mistake" not in text
    assert not (site / "sitemap.txt").exists()


def with_repository(url: str, book: Path, folder: Path) -> Path:
    shutil.copytree(book, folder)
    config = folder / "_config.yml"
    text = config.read_text("utf-8")
    assert text.count('url: ""') == 1
    config.write_text(text.replace('url: ""', f"url: {url}"), "utf-8")
    return folder


def unknown_to_forms(link: str, forms: Path) -> set[str]:
    """What a link to a form fills in that GitHub would not find there."""
    known = parse_qs(urlsplit(link).query, strict_parsing=True)
    form = forms / known.pop("template")[0]
    if not form.is_file():
        return {form.name}
    body = yaml.safe_load(form.read_text("utf-8"))["body"]
    return set(known) - {"title", *(field["id"] for field in body)}


def test_one_setting_opens_the_repository_and_a_folder_s_name_changes_nothing(
    build: Build, small: Path, tmp_path: Path
) -> None:
    """A small book: as it is; elsewhere, with the setting."""
    url = "https://github.com/someone/a-course"
    book = with_repository(f"{url}.git", small, tmp_path / ODD)
    for source, output in ((small, tmp_path), (book, book)):
        result = build(source, output)
        assert result.returncode == 0, result.stdout + result.stderr
    made = book / "_build/html"
    assert leaks.find(made, masters()) == {}
    plain = files_of(tmp_path / "_build/html")
    assert files_of(made) == plain | {Path("sitemap.txt")}
    page = "chapters/1-identity/identity"
    text = (made / f"{page}.html").read_text("utf-8")
    colab = "https://colab.research.google.com/github/someone/a-course"
    assert f'href="{colab}/blob/main/{page}.ipynb"' in text
    home = f"https://someone.github.io/a-course/{page}.html"
    button = BeautifulSoup(text, "html.parser").find(title="Report a mistake")
    link = button["href"]
    assert link.startswith(f"{url}/issues/new?template=")
    known = parse_qs(urlsplit(link).query)
    assert known["page"] == [home]
    assert known["title"] == ["Mistake: The identity"]
    forms = ROOT / ".github/ISSUE_TEMPLATE"
    assert unknown_to_forms(link, forms) == set()
    for right, wrong in (("mistake.yml", "other.yml"), ("&page=", "&where=")):
        assert unknown_to_forms(link.replace(right, wrong), forms)
    assert f'<link rel="canonical" href="{home}"' in text
    assert home in (made / "sitemap.txt").read_text("utf-8").splitlines()
    assert "clone" in (made / "chapters/index.html").read_text("utf-8")


def files_of(site: Path) -> set[Path]:
    return {path.relative_to(site) for path in site.rglob("*")}


@pytest.mark.slow
@pytest.mark.weekly
def test_the_folder_s_name_changes_nothing_on_any_page(
    sources: Path, site: Path, build: Build, tmp_path: Path
) -> None:
    book = shutil.copytree(sources, tmp_path / ODD)
    result = build(book, book)
    assert result.returncode == 0, result.stdout + result.stderr
    made = book / "_build/html"
    assert leaks.find(made, masters()) == {}
    assert files_of(made) == files_of(site)


def test_an_address_that_is_none_stops_the_build(
    build: Build, small: Path, tmp_path: Path
) -> None:
    book = with_repository("github.com/me", small, tmp_path / "book")
    result = build(book, tmp_path)
    assert result.returncode != 0
    assert "wanted https://github.com/owner/name" in result.stderr


MISTAKES = {
    "nowhere": r"$\nowhere$",
    "nolabel": "{ref}`nolabel`",
    "nobody1900": "{cite:p}`nobody1900`",
    "nopage.md": "[link](nopage.md)",
}


def test_what_is_broken_stops_the_build(
    build: Build, small: Path, tmp_path: Path
) -> None:
    """And each mistake is named. Without them the small book is built above."""
    broken = shutil.copytree(small, tmp_path / "book")
    page = broken / "chapters/back/notation.md"
    text = page.read_text(encoding="utf-8")
    page.write_text("\n\n".join([text, *MISTAKES.values()]), encoding="utf-8")
    result = build(broken, tmp_path)
    assert result.returncode != 0
    said = result.stdout + result.stderr
    assert [name for name in MISTAKES if name in said] == list(MISTAKES), said
