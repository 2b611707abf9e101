"""The pages of the book, in the order of `_toc.yml`."""

from pathlib import Path

import yaml
from sphinx.application import Sphinx
from sphinx.config import Config


def pages(toc: Path) -> list[str]:
    """The documents that a table of contents names, without suffix."""
    table = yaml.safe_load(toc.read_text("utf-8"))
    chapters = [each for part in table["parts"] for each in part["chapters"]]
    return [table["root"]] + [
        page["file"]
        for chapter in chapters
        for page in (chapter, *chapter.get("sections", []))
    ]


def read_no_other(app: Sphinx, config: Config) -> None:
    """What the table does not name is no page, wherever the book lies."""
    names = config.external_site_map
    config.include_patterns = [*names, *(f"{name}.*" for name in names)]
