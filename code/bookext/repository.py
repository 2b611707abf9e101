"""What the site knows once `_config.yml` says where the repository is.

`repository: url:` is the one setting. With it, pages offer to open their
notebook in Colab and to report a mistake, and they know their own address.
Without it nothing points anywhere.
"""

import re
from pathlib import Path
from urllib.parse import quote, urlencode

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

GITHUB = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(\.git)?/?")
FORM = "mistake.yml"
COLAB = "https://colab.research.google.com"
FIRST = """
In Colab (the rocket at the top right), run this cell first:

```ipython3
!git clone --depth 1 {url} course
%pip install ./course
%cd course/chapters/1-identity  # or the folder of your page
```
"""


def prepare(app: Sphinx, config: Config) -> None:
    """Before anything is read.

    Raises:
        ExtensionError: the address is not one of GitHub.
    """
    theme = config.html_theme_options
    address = theme.get("repository_url") or ""
    config.myst_substitutions["colab"] = ""
    if not address:
        return
    found = GITHUB.fullmatch(address)
    if not found:
        raise ExtensionError(
            f"repository: url: in _config.yml is {address!r}; "
            "wanted https://github.com/owner/name"
        )
    owner, name, _ = found.groups()
    url = f"https://github.com/{owner}/{name}"
    theme["repository_url"] = url
    theme["use_repository_button"] = theme["use_issues_button"] = True
    theme["launch_buttons"] = {"colab_url": COLAB}
    config.myst_substitutions["colab"] = FIRST.format(url=url)
    config.html_baseurl = (
        config.html_baseurl or f"https://{owner}.github.io/{name}/"
    )


def rename(
    app: Sphinx, page: str, template: str, context: dict, doctree: object
) -> None:
    """An issue is a mistake to those who read, and has a form."""
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if button.get("label") == "source-issues-button":
                button["text"] = button["tooltip"] = "Report a mistake"
                button["url"] = _form(app, page)


def _form(app: Sphinx, page: str) -> str:
    """Where a mistake on the page is reported, with what is known of it."""
    titles = app.env.titles
    # The index, which Sphinx makes, has none.
    title = titles[page].astext() if page in titles else page
    known = {
        "template": FORM,
        "title": f"Mistake: {title}",
        "page": _address(app, page),
    }
    url = app.config.html_theme_options["repository_url"]
    return f"{url}/issues/new?{urlencode(known, quote_via=quote)}"


def _address(app: Sphinx, page: str) -> str:
    base = app.config.html_baseurl.rstrip("/")
    return f"{base}/{app.builder.get_target_uri(page)}"


def list_pages(app: Sphinx, error: Exception | None) -> None:
    """For search engines, when the site knows where it is."""
    if error or app.builder.name != "html" or not app.config.html_baseurl:
        return
    lines = (f"{_address(app, page)}\n" for page in sorted(app.env.found_docs))
    Path(app.outdir, "sitemap.txt").write_text("".join(lines), "utf-8")
