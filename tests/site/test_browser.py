"""The site in a real browser: every page, light and dark, wide and narrow."""

import functools
import gzip
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from bookext import contents
from bookext.browser import FLAGS, find

CHROMIUM = find()
TOOLS = Path(sys.prefix, "browser", "node_modules")
ROOT = Path(__file__).parents[2]
LISTED = [f"{page}.html" for page in contents.pages(ROOT / "_toc.yml")]
PAGES = ["index.html", "search.html", "genindex.html", *LISTED]
CHAPTERS = [page for page in LISTED if page.split("/")[1][0].isdigit()]
SLOW = pytest.mark.slow
WIDE, NARROW = 1300, 390
BUDGET = 420_000
SEEN = """() => [...document.querySelectorAll(".katex")].filter(
    each => each.checkVisibility({visibilityProperty: true})).length"""
AXE = """() => axe.run(document, {resultTypes: ["violations", "incomplete"]})"""

if not CHROMIUM and not os.environ.get("CI"):
    pytest.skip(
        "no Chromium here: apt install chromium", allow_module_level=True
    )


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


class Visit:
    """A page, and what it asked for and complained about."""

    def __init__(self, browser: Browser, url: str, width: int, scheme: str):
        size = {"width": width, "height": 900}
        self.context = browser.new_context(viewport=size, color_scheme=scheme)
        self.page: Page = self.context.new_page()
        self.asked: list[str] = []
        self.said: list[str] = []
        self.page.on("request", lambda each: self.asked.append(each.url))
        self.page.on("pageerror", lambda each: self.said.append(str(each)))
        self.page.on("console", self.hear)
        self.page.on("response", self.miss)
        self.page.goto(url, wait_until="load")
        self.page.wait_for_load_state("networkidle")

    def hear(self, message: object) -> None:
        if message.type == "error":
            self.said.append(message.text)

    def miss(self, answer: object) -> None:
        if answer.status >= 400:
            self.said.append(f"{answer.status} {answer.url}")

    def enliven(self) -> int:
        """Scroll to every figure with sliders; how many there are."""
        charts = self.page.locator(".chart").all()
        for chart in charts:
            chart.scroll_into_view_if_needed()
            chart.locator("svg").wait_for(timeout=20_000)
        return len(charts)

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


@pytest.fixture(scope="module")
def axe() -> str:
    return (TOOLS / "axe-core/axe.min.js").read_text("utf-8")


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (NARROW, "dark"),
        pytest.param(WIDE, "light", marks=SLOW),
        pytest.param(WIDE, "dark", marks=SLOW),
        pytest.param(NARROW, "light", marks=SLOW),
    ],
)
@pytest.mark.parametrize("name", PAGES)
def test_a_page(
    browser: Browser, address: str, axe: str, name: str, width: int, scheme: str
) -> None:
    with Visit(browser, f"{address}/{name}", width, scheme) as visit:
        visit.enliven()
        assert not visit.said
        assert all(url.startswith(address) for url in visit.asked)
        scrolled = "document.documentElement.scrollWidth"
        assert visit.page.evaluate(scrolled) <= width
        visit.page.evaluate(axe)
        result = visit.page.evaluate(AXE)
        assert not [
            (each["id"], node["html"][:200])
            for each in result["violations"]
            for node in each["nodes"]
        ]
        assert not [
            node["html"][:200]
            for each in result["incomplete"]
            for node in each["nodes"]
            for check in node["any"]
            if (check["data"] or {}) != {}
            and isinstance(check["data"], dict)
            and check["data"].get("messageKey") == "equalRatio"
        ]


@pytest.mark.parametrize("name", CHAPTERS)
def test_it_works_from_a_folder_without_a_network(
    browser: Browser, site: Path, name: str
) -> None:
    url = (site / name).as_uri()
    with Visit(browser, url, WIDE, "light") as visit:
        visit.context.set_offline(True)
        visit.enliven()
        assert not visit.said
        assert all(each.startswith("file:") for each in visit.asked)


def test_a_slider_is_moved_by_keyboard(browser: Browser, address: str) -> None:
    url = f"{address}/chapters/1-identity/identity.html"
    with Visit(browser, url, WIDE, "light") as visit:
        visit.enliven()
        slider = visit.page.get_by_role("slider", name="knob θ")
        assert slider.input_value() == "-1"
        slider.focus()
        for _ in range(30):
            visit.page.keyboard.press("ArrowRight")
        assert slider.input_value() == "2"
        score = 1 - 1 / (1 + 2.718281828**-2.0)
        bars = visit.page.locator(".chart").first.get_by_text(f"+{score:.2f}")
        bars.first.wait_for(timeout=5000)


@pytest.mark.parametrize(
    ("scheme", "other"), [("light", "dark"), ("dark", "light")]
)
def test_a_page_has_its_colours_before_scripts_come(
    browser: Browser, address: str, scheme: str, other: str
) -> None:
    with browser.new_context(color_scheme=scheme) as context:
        page = context.new_page()
        page.route("**/scripts/*", lambda each: each.abort())
        page.goto(f"{address}/{CHAPTERS[0]}")
        now = "document.documentElement.dataset.theme"
        assert page.evaluate(now) == scheme
        page.evaluate(f"localStorage.setItem('mode', '{other}')")
        page.reload()
        assert page.evaluate(now) == other


def spoken_formulas(visit: Visit) -> int:
    """How many formulas are in what Chromium tells a screen reader."""
    session = visit.context.new_cdp_session(visit.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    told = [each["role"]["value"] for each in nodes if not each["ignored"]]
    return told.count("MathMLMath")


@pytest.mark.parametrize("name", CHAPTERS)
def test_screen_readers_are_told_every_formula_that_is_seen(
    browser: Browser, address: str, name: str
) -> None:
    """Laid out as they come near, they make pages faster, and mute."""
    with Visit(browser, f"{address}/{name}", WIDE, "light") as visit:
        assert spoken_formulas(visit) == visit.page.evaluate(SEEN)
        hide = ".katex-mathml {content-visibility: auto}"
        visit.page.add_style_tag(content=hide)
        assert spoken_formulas(visit) == 0


def test_what_scripts_add_has_its_style(browser: Browser, address: str) -> None:
    """The arrow of a hint is above it; a script puts its class together."""
    with Visit(browser, f"{address}/{CHAPTERS[0]}", WIDE, "light") as visit:
        visit.page.get_by_label("Color mode").hover()
        placed = visit.page.locator(".tooltip.show[data-popper-placement]")
        placed.wait_for(timeout=5000)
        box = placed.locator(".tooltip-arrow").bounding_box()
        hint = placed.locator(".tooltip-inner").bounding_box()
        assert box["y"] + box["height"] <= hint["y"] + 1


@pytest.mark.parametrize("served", [True, False])
def test_search_finds(
    browser: Browser, address: str, site: Path, served: bool
) -> None:
    home = address if served else site.as_uri()
    url = f"{home}/search.html?q=leave-one-out"
    with Visit(browser, url, WIDE, "light") as visit:
        found = visit.page.locator("#search-results li a")
        found.first.wait_for(timeout=10_000)
        visit.page.wait_for_load_state("networkidle")
        links = [each.get_attribute("href") for each in found.all()]
        assert any("sampling.html" in each for each in links)
        assert not visit.said


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_page_is_light(
    browser: Browser, site: Path, address: str, name: str
) -> None:
    """All that comes before the figures are live, compressed, no pictures."""
    with Visit(browser, f"{address}/{name}", WIDE, "light") as visit:
        files = {
            url.removeprefix(address).partition("?")[0] for url in visit.asked
        }
    kept = [each for each in files if not each.endswith((".png", "vega.js"))]
    sizes = {
        each: len(
            gzip.compress((site / each.lstrip("/")).read_bytes())
            if not each.endswith("woff2")
            else (site / each.lstrip("/")).read_bytes()
        )
        for each in kept
    }
    assert sum(sizes.values()) <= BUDGET, sorted(
        sizes.items(), key=lambda i: -i[1]
    )


@functools.cache
def lighthouse(site: Path, name: str) -> dict[str, float]:
    program = ROOT / "tests/site/lighthouse.py"
    result = subprocess.run(
        [sys.executable, program, site, "1", name],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    "name",
    [
        each if each == CHAPTERS[0] else pytest.param(each, marks=SLOW)
        for each in PAGES
    ],
)
def test_lighthouse_has_nothing_to_say(site: Path, name: str) -> None:
    found = lighthouse(site, name)
    assert found["accessibility"] == found["best-practices"] == 1
    assert found["seo"] == 1
    assert found["layout shift"] <= 0.05


def test_all_links_resolve(site: Path) -> None:
    program = TOOLS / "linkinator/build/src/cli.js"
    node = Path(sys.executable).with_name("node")
    elsewhere = "^https?://(?!localhost)"
    found = subprocess.run(
        [node, program, ".", "--recurse", "--skip", elsewhere],
        cwd=site,
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stdout[-3000:]
