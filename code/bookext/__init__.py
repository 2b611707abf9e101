"""The Sphinx side of the site.

api         the docstrings of the modules
assets      style, scripts and fonts, all from the site itself
styles      one style sheet, of the rules that pages use
icons       of the font of icons, those that are shown
images      say their size, and come after the text
formulas    equations, drawn by KaTeX
charts      figures with sliders, and figures as SVG
mend        what the theme gets wrong for those who cannot see the page
downloads   a page's notebook, and the whole site
homework    the page of a homework: what it is worth, what to download
contents    which pages there are, and that there are no others
leaks       no answer and no hidden test in what was built
paper       all of them as one PDF
browser     what prints it
repository  launch buttons, a link for mistakes, the site's own address
"""

import gc

from sphinx.application import Sphinx

from bookext import (
    api,
    assets,
    charts,
    contents,
    downloads,
    formulas,
    homework,
    icons,
    images,
    leaks,
    mend,
    repository,
    styles,
)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    # What a build makes it keeps to its end: no use to look for garbage.
    gc.disable()
    api.setup(app)
    charts.setup(app)
    formulas.setup(app)
    app.add_directive("homework", homework.Homework)
    app.add_css_file("course.css")
    for script in ("charts.js", "offline.js", "print.js"):
        app.add_js_file(script, defer="defer")
    _connect(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _connect(app: Sphinx) -> None:
    """What is done when; of one event, the lower priority first."""
    app.connect("config-inited", assets.prepare)
    app.connect("config-inited", repository.prepare)
    # After sphinx_external_toc has read the table.
    app.connect("config-inited", contents.read_no_other, priority=950)
    app.connect("html-page-context", downloads.offer_notebook, priority=900)
    app.connect("html-page-context", repository.rename, priority=900)
    app.connect("html-page-context", assets.defer, priority=900)
    app.connect("build-finished", homework.publish)
    app.connect("build-finished", repository.list_pages)
    app.connect("build-finished", mend.mend)
    app.connect("build-finished", images.postpone)
    # Before these the theme writes the last of its sheets.
    app.connect("build-finished", styles.unite, priority=900)
    app.connect("build-finished", icons.keep_used, priority=900)
    app.connect("build-finished", assets.tidy, priority=900)
    app.connect("build-finished", downloads.publish, priority=900)
    app.connect("build-finished", leaks.refuse, priority=950)
