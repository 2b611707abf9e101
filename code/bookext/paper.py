"""python -m bookext.paper _toc.yml _build/html book.pdf: one PDF of the book.

The articles of all pages go into one page, in the order of `_toc.yml`; what
pointed from page to page points inside it. Chromium prints that page.
"""

import sys
from pathlib import Path, PurePosixPath
from urllib.parse import urldefrag, urlsplit

from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Browser, PdfMargins
from pypdf import PdfReader
from pypdf.generic import Destination

from bookext import browser, contents

PARSER = "html.parser"
EMPTY = """<!DOCTYPE html>
<html lang="en" data-theme="light">
<head></head><body class="bd-content"></body>
</html>"""
LINKS = (("a", "href"), ("img", "src"), ("source", "srcset"))
NUMBER = (
    '<div style="font-size: 8px; width: 100%; text-align: center">'
    '<span class="pageNumber"></span></div>'
)
TRIES = 3
MARGIN: PdfMargins = {
    "top": "15mm",
    "bottom": "18mm",
    "left": "16mm",
    "right": "16mm",
}


def anchor(page: str, name: str = "") -> str:
    """What an id of a page is called among those of all pages."""
    return f"{page.replace('/', '-')}--{name}"


def target(link: str, page: str, pages: list[str]) -> str:
    """Where a link of a page points when all are one."""
    if urlsplit(link).scheme:
        return link
    path, name = urldefrag(link)
    if not path:
        return f"#{anchor(page, name)}"
    parts: list[str] = []
    for part in (*PurePosixPath(page).parent.parts, *path.split("/")):
        parts = parts[:-1] if part == ".." else [*parts, part]
    place = "/".join(parts)
    other = place.removesuffix(".html")
    return f"#{anchor(other, name)}" if other in pages else place


def fit(part: Tag, page: str, pages: list[str]) -> None:
    """A part of an article, to stand among those of all pages."""
    if "id" in part.attrs:
        part["id"] = anchor(page, str(part["id"]))
    for tag, name in LINKS:
        if part.name == tag and name in part.attrs:
            part[name] = target(str(part[name]), page, pages)
    if part.name == "img":
        part["loading"] = "eager"
    if part.name == "details":
        part["open"] = ""
    classes = part.get_attribute_list("class")
    alternative = part.name == "source" and part.find_parent("picture")
    if alternative or part.name == "script" or "headerlink" in classes:
        part.decompose()
    elif part.name == "a" and (
        "download" in part.attrs or "image-reference" in classes
    ):
        part.unwrap()


def only(soup: BeautifulSoup, what: str) -> Tag:
    """The one element of a page that a selector stands for.

    Raises:
        SystemExit: there is none, or more than one.
    """
    found = soup.select(what)
    if len(found) != 1:
        raise SystemExit(f"a page has {len(found)} of {what}, wanted 1")
    return found[0]


def article(soup: BeautifulSoup, page: str, pages: list[str]) -> Tag:
    """What a page says, fit to stand beside the others."""
    found = only(soup, "article.bd-article")
    for part in found.find_all(True):
        if not part.decomposed:
            fit(part, page, pages)
    found["id"] = anchor(page)
    found["style"] = "break-before: page"
    return found


def join(toc: Path, site: Path) -> Path:
    """One page of all, in the site's folder."""
    pages = contents.pages(toc)
    whole = BeautifulSoup(EMPTY, PARSER)
    for page in pages:
        text = (site / f"{page}.html").read_text("utf-8")
        soup = BeautifulSoup(text, PARSER)
        if page == pages[0]:
            head = only(whole, "head")
            head.append(only(soup, "head title"))
            for sheet in soup.select('link[rel="stylesheet"]'):
                sheet["href"] = target(str(sheet["href"]), page, pages)
                head.append(sheet)
        only(whole, "body").append(article(soup, page, pages))
    place = site / "paper.html"
    place.write_text(str(whole), "utf-8")
    return place


def print_page(window: Browser, page: Path, pdf: Path) -> None:
    """As Chromium prints it, with an outline and numbers on the pages."""
    tab = window.new_page()
    tab.goto(page.resolve().as_uri(), wait_until="load")
    tab.evaluate("document.fonts.ready.then(() => null)")
    tab.pdf(
        path=pdf, format="A4", margin=MARGIN, print_background=True,
        display_header_footer=True, header_template="<span></span>",
        footer_template=NUMBER, outline=True, tagged=True,
    )  # fmt: skip
    tab.close()


def print_book(window: Browser, toc: Path, site: Path, pdf: Path) -> None:
    """All pages, each in the outline, of which Chromium may lose some.

    Raises:
        SystemExit: it lost some again and again.
    """
    page = join(toc, site)
    try:
        for _ in range(TRIES):
            print_page(window, page, pdf)
            if len(tops(pdf)) == len(contents.pages(toc)):
                return
        raise SystemExit(f"{pdf}: pages are missing in its outline; try again")
    finally:
        page.unlink()


def tops(pdf: Path) -> list[Destination]:
    """The entries of its outline that stand under no other."""
    found = PdfReader(pdf).outline
    return [each for each in found if isinstance(each, Destination)]


def main(toc: str, site: str, pdf: str) -> None:
    """Print the site that was built."""
    with browser.opened() as window:
        print_book(window, Path(toc), Path(site), Path(pdf))
    print(pdf)


if __name__ == "__main__":
    main(*sys.argv[1:])
