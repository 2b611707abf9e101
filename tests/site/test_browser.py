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
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Response

from bookext import contents
from bookext.browser import find

TOOLS = Path(sys.prefix, "browser", "node_modules")
ROOT = Path(__file__).parents[2]
LISTED = [f"{page}.html" for page in contents.pages(ROOT / "_toc.yml")]
PAGES = ["index.html", "search.html", "genindex.html", *LISTED]
CHAPTERS = [page for page in LISTED if page.split("/")[1][0].isdigit()]
OTHERS = [page for page in PAGES if page not in (CHAPTERS[0], "search.html")]
SLOW = pytest.mark.slow
WEEKLY = [pytest.mark.slow, pytest.mark.weekly]
WIDE, NARROW = 1300, 390
BUDGET = 420_000
SEEN = """() => [...document.querySelectorAll(".katex")].filter(
    each => each.checkVisibility({visibilityProperty: true})).length"""
LOOK = (ROOT / "tests/site/look.js").read_text("utf-8")

if not find() and not os.environ.get("CI"):
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


class Tab:
    """Goes from page to page: what each asked for and complained about.

    Each time as on a first visit: nothing is kept from the last one.
    """

    def __init__(self, browser: Browser) -> None:
        self.context = browser.new_context()
        self.context.add_init_script("localStorage.clear()")
        self.page = self.context.new_page()
        self.page.on("request", lambda each: self.asked.append(each.url))
        self.page.on("pageerror", lambda each: self.said.append(str(each)))
        self.page.on("console", self.hear)
        self.page.on("response", self.miss)
        self.inside = self.context.new_cdp_session(self.page)
        self.inside.on("Audits.issueAdded", self.mind)
        self.inside.on("Log.entryAdded", self.log)
        for part in ("Network", "Audits", "Log"):
            self.inside.send(f"{part}.enable")
        self.inside.send("Network.setCacheDisabled", {"cacheDisabled": True})
        unasked = {"name": "discouragedAPIUse", "threshold": -1}
        self.inside.send("Log.startViolationsReport", {"config": [unasked]})

    def hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.said.append(message.text)

    def miss(self, answer: Response) -> None:
        if answer.status >= 400:
            self.said.append(f"{answer.status} {answer.url}")

    def mind(self, event: dict) -> None:
        """What Chromium's own tools file as an issue of the page."""
        if event["issue"]["code"] != "LazyLoadImageIssue":
            self.said.append(str(event["issue"]))

    def log(self, event: dict) -> None:
        """What it should not do before somebody asked for it."""
        if event["entry"]["source"] == "violation":
            self.said.append(event["entry"]["text"])

    def visit(self, url: str, width: int = WIDE, scheme: str = "light") -> None:
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=scheme)
        self.asked: list[str] = []
        self.said: list[str] = []
        self.page.goto(url, wait_until="load")
        self.page.wait_for_load_state("networkidle")

    def enliven(self) -> int:
        """Scroll to every figure with sliders; how many there are."""
        charts = self.page.locator(".chart").all()
        for chart in charts:
            chart.scroll_into_view_if_needed()
            chart.locator("svg").wait_for(timeout=20_000)
        return len(charts)


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Tab]:
    found = Tab(browser)
    yield found
    found.context.close()


@pytest.fixture(scope="module")
def axe() -> str:
    return (TOOLS / "axe-core/axe.min.js").read_text("utf-8")


def faults(tab: Tab, url: str, axe: str, width: int, *schemes: str) -> list:
    """What is wrong with a page in one colour scheme, then in another.

    Then nothing is asked again that cannot differ as long as nothing moves.
    """
    tab.visit(url, width, schemes[0])
    tab.page.evaluate(axe + LOOK)
    found = tab.page.evaluate("remarks()")
    tab.enliven()
    for scheme in schemes:
        tab.page.emulate_media(color_scheme=scheme)
        tab.page.wait_for_function(
            f"document.documentElement.dataset.theme === '{scheme}'"
        )
        found += tab.page.evaluate("look()")
    host = urlsplit(url).netloc
    strange = [each for each in tab.asked if urlsplit(each).netloc != host]
    return found + tab.said + strange


@pytest.mark.parametrize(
    ("width", "schemes"),
    [
        (NARROW, ("dark", "light")),
        pytest.param(WIDE, ("light", "dark"), marks=SLOW),
    ],
    ids=["narrow", "wide"],
)
@pytest.mark.parametrize("name", PAGES)
def test_a_page(
    tab: Tab, address: str, axe: str, name: str, width: int, schemes: list[str]
) -> None:
    assert faults(tab, f"{address}/{name}", axe, width, *schemes) == []


PLANTED = {
    "a link that does not say where to": "<a href='b.html'>click here</a>",
    "a link that leads nowhere": "<a href='javascript:alert()'>words</a>",
    "no picture": "<img src='nowhere.png' alt='nothing'>",
    "a field that takes no paste": "<input onpaste='return false'>",
    "not to be found": "<meta name='robots' content='noindex'>",
    "another language": "<link rel='alternate' hreflang='xx'>",
    "no address of the page": "<link rel='canonical' href='/'>",
    "button-name": "<button></button>",
    "color-contrast": "<p style='color:#888;background:#999'>words</p>",
    "image-alt": "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>",
    "wide": "<div style='width:9999px'>words</div>",
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(
    tab: Tab, address: str, axe: str, fault: str
) -> None:
    tab.visit(f"{address}/genindex.html", NARROW)
    tab.page.evaluate(axe + LOOK)
    ask = "async () => [...await remarks(), ...await look()].join()"
    assert fault not in tab.page.evaluate(ask)
    html = PLANTED[fault]
    put = "html => document.body.insertAdjacentHTML('beforeend', html)"
    tab.page.evaluate(put, html)
    tab.page.wait_for_load_state("networkidle")
    assert fault in tab.page.evaluate(ask)


@pytest.mark.parametrize(
    ("fault", "script"),
    [
        ("planted", "console.error('planted')"),
        ("planted", "setTimeout(() => { throw Error('planted') })"),
        ("404", "fetch('nowhere.html')"),
        ("elsewhere", "fetch('http://127.0.0.1:9/elsewhere').catch(() => 0)"),
    ],
)
def test_a_planted_noise_is_heard(
    tab: Tab, address: str, fault: str, script: str
) -> None:
    tab.visit(f"{address}/genindex.html")
    assert not any(fault in each for each in tab.said)
    tab.page.evaluate(f"() => {{ {script} }}")
    tab.page.wait_for_timeout(300)
    assert any(fault in each for each in [*tab.said, *tab.asked])


@pytest.fixture(scope="module")
def offline(browser: Browser) -> Iterator[Tab]:
    found = Tab(browser)
    found.context.set_offline(True)
    yield found
    found.context.close()


@pytest.mark.parametrize("name", CHAPTERS)
def test_it_works_from_a_folder_without_a_network(
    offline: Tab, site: Path, name: str
) -> None:
    offline.visit((site / name).as_uri())
    offline.enliven()
    assert not offline.said
    assert all(each.startswith("file:") for each in offline.asked)


def test_a_slider_is_moved_by_keyboard(tab: Tab, address: str) -> None:
    tab.visit(f"{address}/chapters/1-identity/identity.html")
    tab.enliven()
    slider = tab.page.get_by_role("slider", name="knob θ")
    assert slider.input_value() == "-1"
    slider.focus()
    for _ in range(30):
        tab.page.keyboard.press("ArrowRight")
    assert slider.input_value() == "2"
    score = 1 - 1 / (1 + 2.718281828**-2.0)
    bars = tab.page.locator(".chart").first.get_by_text(f"+{score:.2f}")
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


@pytest.fixture(scope="module", params=CHAPTERS)
def chapter(tab: Tab, address: str, request: pytest.FixtureRequest) -> Tab:
    """As it is before the figures are live."""
    tab.visit(f"{address}/{request.param}")
    return tab


def spoken_formulas(tab: Tab) -> int:
    """How many formulas are in what Chromium tells a screen reader."""
    root = tab.inside.send("DOM.getDocument", {"depth": 0})["root"]
    asked = {"nodeId": root["nodeId"], "role": "MathMLMath"}
    nodes = tab.inside.send("Accessibility.queryAXTree", asked)["nodes"]
    return sum(not each["ignored"] for each in nodes)


def test_screen_readers_are_told_every_formula_that_is_seen(
    chapter: Tab,
) -> None:
    assert spoken_formulas(chapter) == chapter.page.evaluate(SEEN)


def test_formulas_laid_out_as_they_come_near_would_be_mute(
    tab: Tab, address: str
) -> None:
    """Though they would make pages faster."""
    tab.visit(f"{address}/{CHAPTERS[0]}")
    tab.page.add_style_tag(content=".katex-mathml {content-visibility: auto}")
    assert tab.page.evaluate(SEEN) > 0
    assert spoken_formulas(tab) == 0


def test_what_scripts_add_has_its_style(tab: Tab, address: str) -> None:
    """The arrow of a hint is above it; a script puts its class together."""
    tab.visit(f"{address}/{CHAPTERS[0]}")
    tab.page.get_by_label("Color mode").hover()
    placed = tab.page.locator(".tooltip.show[data-popper-placement]")
    placed.wait_for(timeout=5000)
    box = placed.locator(".tooltip-arrow").bounding_box()
    hint = placed.locator(".tooltip-inner").bounding_box()
    assert box["y"] + box["height"] <= hint["y"] + 1


@pytest.mark.parametrize("served", [True, False])
def test_search_finds(
    browser: Browser, address: str, site: Path, served: bool
) -> None:
    home = address if served else site.as_uri()
    tab = Tab(browser)
    tab.visit(f"{home}/search.html?q=leave-one-out")
    found = tab.page.locator("#search-results li a")
    found.first.wait_for(timeout=10_000)
    tab.page.wait_for_load_state("networkidle")
    links = [each.get_attribute("href") for each in found.all()]
    assert any("sampling.html" in each for each in links)
    assert not tab.said
    tab.context.close()


@functools.cache
def weight(file: Path) -> int:
    """As it is sent: compressed, if it is not yet."""
    content = file.read_bytes()
    return len(content if file.suffix == ".woff2" else gzip.compress(content))


def test_a_page_is_light(chapter: Tab, site: Path, address: str) -> None:
    """All that comes before the figures are live, compressed, no pictures."""
    files = {urlsplit(url).path.lstrip("/") for url in chapter.asked}
    kept = [each for each in files if not each.endswith((".png", "vega.js"))]
    sizes = {each: weight(site / each) for each in kept}
    assert sum(sizes.values()) <= BUDGET, sorted(
        sizes.items(), key=lambda i: -i[1]
    )


@pytest.mark.parametrize(
    "name",
    [
        CHAPTERS[0],
        pytest.param("search.html", marks=SLOW),
        *(pytest.param(each, marks=WEEKLY) for each in OTHERS),
    ],
)
def test_lighthouse_has_nothing_to_say(site: Path, name: str) -> None:
    """Of a chapter and of the page that scripts write.

    What Lighthouse knows beside axe, `remarks` asks of all.
    """
    program = ROOT / "tests/site/lighthouse.py"
    result = subprocess.run(
        [sys.executable, program, site, "1", name],
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(result.stdout)
    assert found["accessibility"] == found["best-practices"] == 1
    assert found["seo"] == 1
    assert found["layout shift"] <= 0.05


def lost_links(site: Path) -> list[str]:
    """Those of all pages that linkinator cannot follow, of many that it can."""
    program = TOOLS / "linkinator/build/src/cli.js"
    node = Path(sys.executable).with_name("node")
    elsewhere = r"^https?://(?!127\.0\.0\.1)"
    options = ["--recurse", "--format", "json", "--skip", elsewhere]
    result = subprocess.run(
        [node, program, ".", *options],
        cwd=site,
        capture_output=True,
        text=True,
    )
    links = json.loads(result.stdout)["links"]
    assert sum(each["state"] == "OK" for each in links) > 100
    return [each["url"] for each in links if each["state"] == "BROKEN"]


def test_all_links_resolve(site: Path) -> None:
    assert lost_links(site) == []
