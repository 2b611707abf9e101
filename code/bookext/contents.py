"""The pages of the book, in the order of `_toc.yml`."""

from pathlib import Path

import yaml


def pages(toc: Path) -> list[str]:
    """The documents that a table of contents names, without suffix."""
    table = yaml.safe_load(toc.read_text("utf-8"))
    chapters = [each for part in table["parts"] for each in part["chapters"]]
    return [table["root"]] + [
        page["file"]
        for chapter in chapters
        for page in (chapter, *chapter.get("sections", []))
    ]
