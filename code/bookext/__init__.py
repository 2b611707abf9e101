"""The Sphinx side of the site.

homework    the page of a homework: what it is worth, what to download
"""

from sphinx.application import Sphinx

from bookext import homework


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("homework", homework.Homework)
    app.connect("build-finished", homework.publish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
