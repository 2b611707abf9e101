"""The book on paper: one PDF of all, and each page as it is printed."""

import io
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import nullcontext
from html.parser import HTMLParser
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from pypdf import PageObject, PdfReader, PdfWriter

from bookext import contents, paper
from bookext.browser import find

ROOT = Path(__file__).parents[2]
TOC = ROOT / "_toc.yml"
PAGES = contents.pages(TOC)


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        ("#eq", "#a-b--eq"),
        ("c.html", "#a-c--"),
        ("../d/e.html#x", "#d-e--x"),
        ("../d/f.html", "d/f.html"),
        ("../_images/g.svg", "_images/g.svg"),
        ("https://example.org/#h", "https://example.org/#h"),
        ("mailto:me", "mailto:me"),
    ],
)
def test_links_between_pages_become_links_within(
    link: str, wanted: str
) -> None:
    assert paper.target(link, "a/b", ["a/b", "a/c", "d/e"]) == wanted


@pytest.fixture(scope="module")
def whole(site: Path) -> Iterator[Path]:
    page = paper.join(TOC, site)
    yield page
    page.unlink()


class Attributes(HTMLParser):
    """What a page says of its tags: the values of each `tag name`."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = defaultdict(list)
        self.feed(page.read_text("utf-8"))

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        for name, value in attrs:
            self.found[name if name == "id" else f"{tag} {name}"].append(value)


def test_every_link_of_the_whole_leads_somewhere(whole: Path) -> None:
    found = Attributes(whole).found
    names = Counter(found["id"])
    assert not [name for name, times in names.items() if times > 1]
    links = set(found["a href"])
    inside = {link[1:] for link in links if link.startswith("#")}
    tops = {paper.anchor(page) for page in PAGES}
    assert len(inside) > 100
    assert inside <= set(names)
    assert tops <= set(names)
    assert all(each[0] == "#" or "://" in each for each in links)
    images = set(found["img src"])
    assert len(images) > 30
    assert all((whole.parent / each).is_file() for each in images)


needs_chromium = pytest.mark.skipif(not find(), reason="no Chromium")


def drawn(page: PageObject) -> int:
    """How many letters a page of Chromium's has: four digits each."""
    texts = re.findall(rb"<([0-9A-Fa-f]+)>", page.get_contents().get_data())
    return sum(map(len, texts)) // 4


@needs_chromium
@pytest.mark.slow
def test_one_file_holds_the_book(
    browser: Browser,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy = shutil.copy(whole, whole.with_name("copy.html"))
    monkeypatch.setattr(paper, "join", lambda *_: copy)
    pdf = tmp_path / "book.pdf"
    paper.print_book(browser, TOC, whole.parent, pdf)
    book, tops = PdfReader(pdf), paper.tops(pdf)
    assert len(tops) == len(PAGES)
    assert [each.title for each in tops[:2]] == [
        "The log-derivative trick",
        "1. The identity",
    ]
    assert min(map(drawn, book.pages)) > 40
    for each in tops:
        start = book.pages[book.get_destination_page_number(each)]
        assert each.title.split()[-1] in start.extract_text()


@pytest.mark.parametrize("lost", [1, 3])
def test_an_outline_with_gaps_is_printed_again(
    lost: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first `lost` times a page is missing in it; at most three tries."""
    whole = tmp_path / "paper.html"
    whole.touch()
    tried = []

    def print_page(window: None, page: Path, pdf: Path) -> None:
        tried.append(page)
        book = PdfWriter()
        book.add_blank_page(100, 100)
        for name in PAGES[len(tried) <= lost :]:
            book.add_outline_item(title=name, page_number=0)
        book.write(pdf)

    monkeypatch.setattr(paper, "join", lambda *_: whole)
    monkeypatch.setattr(paper, "print_page", print_page)
    with pytest.raises(SystemExit) if lost == 3 else nullcontext():
        paper.print_book(None, TOC, tmp_path, tmp_path / "book.pdf")
    assert tried == [whole] * min(lost + 1, 3)
    assert not whole.exists()


@pytest.fixture(scope="module")
def dark(browser: Browser) -> Iterator[Page]:
    with browser.new_context(color_scheme="dark") as context:
        yield context.new_page()


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_printed_light_and_unfolded(
    dark: Page, site: Path, name: str
) -> None:
    """The first sheet is enough: the book's one file has them all."""
    dark.goto((site / f"{name}.html").as_uri(), wait_until="load")
    dark.wait_for_load_state("networkidle")
    dark.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    dark.evaluate(
        "addEventListener('beforeprint', () => { window.printed = ["
        "  document.documentElement.dataset.theme,"
        "  document.querySelectorAll('article details:not([open])').length,"
        "] })"
    )
    pdf = PdfReader(io.BytesIO(dark.pdf(format="A4", page_ranges="1")))
    assert dark.evaluate("window.printed") == ["light", 0]
    assert dark.evaluate("document.documentElement.dataset.theme") == "dark"
    text = " ".join(pdf.pages[0].extract_text().split())
    heading = dark.locator("article h1").inner_text().rstrip("#")
    assert re.sub(r"^\d+\. ", "", heading) in text
