"""python tests/site/lighthouse.py _build/html runs page…: what Lighthouse says.

The site is served compressed, as hosts of pages do. A line of JSON a page:
accessibility, best practices and SEO of the worst run, the median of the
performance on a slow phone, the largest layout shift, and how fast Lighthouse
found this computer: a phone is simulated as four times slower than it, which
is meant for a computer of 1500 to 2000 (docs/throttling.md of Lighthouse).
"""

import functools
import gzip
import http.server
import json
import os
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bookext.browser import FLAGS, find

NODE = Path(sys.executable).with_name("node")
PROGRAM = "browser/node_modules/lighthouse/cli/index.js"
WORST = ("accessibility", "best-practices", "seo")
TEXT = (".html", ".css", ".js", ".svg")


class Compressed(http.server.SimpleHTTPRequestHandler):
    """Serves a folder as hosts of pages do."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        place = Path(self.translate_path(self.path))
        if place.suffix not in TEXT or not place.is_file():
            return super().do_GET()
        body = gzip.compress(place.read_bytes())
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(place)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(site: Path) -> Iterator[str]:
    """The address of the site."""
    handler = functools.partial(Compressed, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def audit(url: str) -> dict:
    """One run of Lighthouse, on the phone that it simulates."""
    options = ["--quiet", "--output=json", "--only-categories=performance"]
    options += [f"--only-categories={name}" for name in WORST]
    flags = f"--chrome-flags=--headless {' '.join(FLAGS)}"
    result = subprocess.run(
        [NODE, Path(sys.prefix, PROGRAM), url, *options, flags],
        env=os.environ | {"CHROME_PATH": find() or ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(result.stdout)


def summary(runs: list[dict]) -> dict[str, float]:
    """Of several runs of one page."""
    scores = [
        {name: part["score"] for name, part in run["categories"].items()}
        for run in runs
    ]
    speeds = [run["environment"]["benchmarkIndex"] for run in runs]
    shifts = [run["audits"]["cumulative-layout-shift"] for run in runs]
    return {name: min(each[name] for each in scores) for name in WORST} | {
        "performance": statistics.median(s["performance"] for s in scores),
        "layout shift": max(each["numericValue"] for each in shifts),
        "computer": round(statistics.median(speeds)),
    }


def main(site: str, runs: str, *pages: str) -> None:
    """Print a line a page."""
    with served(Path(site)) as address:
        for page in pages:
            found = [audit(f"{address}/{page}") for _ in range(int(runs))]
            print(json.dumps({"page": page} | summary(found)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
