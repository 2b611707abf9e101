"""What every page loads: style, scripts, fonts, all from the site itself."""

import sys
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

HERE = Path(__file__).parent
ASSETS = Path(sys.prefix, "site")
VEGA_LITE = "5.20"
ABOUT = (
    "A course on one line of mathematics, the log-derivative trick, and on "
    "what it makes possible: from the identity to REINFORCE on CartPole."
)
# Icons are drawn by the theme's fonts; the rest is for whoever makes the theme.
UNUSED = ("fontawesome.js", ".map", "webpack-macros.html")


def prepare(app: Sphinx, config: Config) -> None:
    """Before anything is read.

    Raises:
        ExtensionError: `python -m bookext` was not run.
    """
    if not (ASSETS / "vega.js").is_file():
        raise ExtensionError(f"{ASSETS} is empty: run python -m bookext")
    config.templates_path.append(str(HERE / "templates"))
    config.html_static_path += [str(ASSETS), str(HERE / "static")]
    config.html_favicon = str(HERE / "static/favicon.svg")
    config.html_theme_options["pygments_dark_style"] = "github-dark"
    config.html_context |= {"default_mode": "auto", "about": ABOUT}
    config.html_additional_pages["index"] = "start.html"


def defer(
    app: Sphinx, page: str, template: str, context: dict, doctree: object
) -> None:
    """Scripts wait for the text, but for those that others begin with."""
    first = ("documentation_options", "doctools")
    for script in context["script_files"]:
        if script.filename and not any(
            each in script.filename for each in first
        ):
            script.attributes["defer"] = "defer"


def tidy(app: Sphinx, error: Exception | None) -> None:
    """Take away what the theme brings and no page uses."""
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    for path in static.rglob("*"):
        if any(name in path.name for name in UNUSED):
            path.unlink()
