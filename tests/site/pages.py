"""python tests/site/pages.py _toc.yml _build/html: every page is there."""

import sys
from pathlib import Path

from bookext.contents import pages


def missing(toc: Path, html: Path) -> list[str]:
    """Those of them that have no HTML."""
    return [
        page for page in pages(toc) if not (html / f"{page}.html").is_file()
    ]


def main(toc: str, html: str) -> int:
    """Print what is missing; return how many."""
    lost = missing(Path(toc), Path(html))
    for page in lost:
        print(f"missing: {html}/{page}.html")
    print(f"{len(pages(Path(toc))) - len(lost)} pages of {toc} built")
    return len(lost)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
