"""What a reader takes along: each page's notebook, and the whole site."""

import shutil
from pathlib import Path

from sphinx.application import Sphinx

NOTEBOOKS = "notebooks"
ARCHIVE = "log-derivative-trick"


def offer_notebook(
    app: Sphinx, page: str, template: str, context: dict, doctree: object
) -> None:
    """The theme's button offers the source, which is not published."""
    for group in context.get("header_buttons", []):
        if group.get("label") != "download-buttons":
            continue
        kept = [b for b in group["buttons"] if b["type"] != "link"]
        if app.env.doc2path(page).endswith(".ipynb"):
            kept.insert(
                0, _link(context["pathto"](f"{NOTEBOOKS}/{page}.ipynb", 1))
            )
        group["buttons"] = kept


def _link(url: str) -> dict[str, str]:
    return {
        "type": "link",
        "url": url,
        "text": "notebook",
        "icon": "fas fa-code",
        "tooltip": "Download the notebook of this page",
        "label": "download-notebook-button",
    }


def publish(app: Sphinx, error: Exception | None) -> None:
    """Notebooks with the data that they read, and a zip of all."""
    if error or app.builder.name != "html":
        return
    site = Path(app.outdir)
    for page in app.env.found_docs:
        source = Path(app.env.doc2path(page))
        if source.suffix == ".ipynb":
            place = site.joinpath(NOTEBOOKS, f"{page}.ipynb")
            place.parent.mkdir(parents=True, exist_ok=True)
            for each in (source, *source.parent.glob("*.json")):
                shutil.copy(each, place.parent)
    site.joinpath(f"{ARCHIVE}.zip").unlink(missing_ok=True)
    made = shutil.make_archive(str(site.with_name(ARCHIVE)), "zip", site)
    shutil.move(made, site)
