"""What the site knows once `_config.yml` says where the repository is.

`repository: url:` is the one setting. With it, pages offer to open their
notebook in Colab and to report a mistake, and they know their own address.
Without it nothing points anywhere.
"""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

GITHUB = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(\.git)?/?")
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
    """An issue is a mistake to those who read."""
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if button.get("label") == "source-issues-button":
                button["text"] = button["tooltip"] = "Report a mistake"


def list_pages(app: Sphinx, error: Exception | None) -> None:
    """For search engines, when the site knows where it is."""
    if error or app.builder.name != "html" or not app.config.html_baseurl:
        return
    base = app.config.html_baseurl.rstrip("/")
    pages = sorted(app.env.found_docs)
    lines = (f"{base}/{app.builder.get_target_uri(page)}\n" for page in pages)
    Path(app.outdir, "sitemap.txt").write_text("".join(lines), "utf-8")
