"""The book on paper: one PDF of all, and each page as it is printed."""

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, sync_playwright
from pypdf import PdfReader, PdfWriter

from bookext import browser, contents, paper

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


@pytest.fixture
def whole(site: Path) -> Iterator[Path]:
    page = paper.join(TOC, site)
    yield page
    page.unlink()


def test_every_link_of_the_whole_leads_somewhere(whole: Path) -> None:
    soup = BeautifulSoup(whole.read_text("utf-8"), "html.parser")
    names = Counter(each["id"] for each in soup.select("[id]"))
    assert not [name for name, times in names.items() if times > 1]
    links = {each["href"] for each in soup.select("a[href]")}
    inside = {link[1:] for link in links if link.startswith("#")}
    tops = {paper.anchor(page) for page in PAGES}
    assert len(inside) > 100
    assert inside <= set(names)
    assert tops <= set(names)
    assert all(each[0] == "#" or "://" in each for each in links)
    images = {each["src"] for each in soup.select("img")}
    assert len(images) > 30
    assert all((whole.parent / each).is_file() for each in images)


needs_chromium = pytest.mark.skipif(not browser.find(), reason="no Chromium")


@needs_chromium
@pytest.mark.slow
def test_one_file_holds_the_book(site: Path, tmp_path: Path) -> None:
    pdf = tmp_path / "book.pdf"
    paper.print_book(TOC, site, pdf)
    book, tops = PdfReader(pdf), paper.tops(pdf)
    assert len(tops) == len(PAGES)
    assert [each.title for each in tops[:2]] == [
        "The log-derivative trick",
        "1. The identity",
    ]
    text = [page.extract_text() for page in book.pages]
    assert min(map(len, text)) > 40
    for each in tops:
        start = text[book.get_destination_page_number(each)]
        assert each.title.split()[-1] in start


@pytest.mark.parametrize("lost", [1, 3])
def test_an_outline_with_gaps_is_printed_again(
    lost: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first `lost` times a page is missing in it; at most three tries."""
    whole = tmp_path / "paper.html"
    whole.touch()
    tried = []

    def print_page(page: Path, pdf: Path) -> None:
        tried.append(page)
        book = PdfWriter()
        book.add_blank_page(100, 100)
        for name in PAGES[len(tried) <= lost :]:
            book.add_outline_item(title=name, page_number=0)
        book.write(pdf)

    monkeypatch.setattr(paper, "join", lambda *_: whole)
    monkeypatch.setattr(paper, "print_page", print_page)
    with pytest.raises(SystemExit) if lost == 3 else nullcontext():
        paper.print_book(TOC, tmp_path, tmp_path / "book.pdf")
    assert tried == [whole] * min(lost + 1, 3)
    assert not whole.exists()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=browser.find(), args=browser.FLAGS
        )


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_printed_light_and_unfolded(
    chromium: Browser, site: Path, name: str
) -> None:
    context = chromium.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto((site / f"{name}.html").as_uri(), wait_until="load")
    page.wait_for_load_state("networkidle")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
    page.evaluate(
        "addEventListener('beforeprint', () => { window.printed = ["
        "  document.documentElement.dataset.theme,"
        "  document.querySelectorAll('article details:not([open])').length,"
        "] })"
    )
    pdf = PdfReader(io.BytesIO(page.pdf(format="A4")))
    assert page.evaluate("window.printed") == ["light", 0]
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    text = "".join(each.extract_text() for each in pdf.pages)
    heading = page.locator("article h1").inner_text().rstrip("#").split()
    assert all(word in text for word in heading)
    context.close()
