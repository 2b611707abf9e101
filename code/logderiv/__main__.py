"""python -m logderiv: which versions are here, and what is missing."""

import re
import sys
from importlib.metadata import PackageNotFoundError, requires, version

import logderiv


def needed() -> list[str]:
    """The packages that ours asks for, extras left out."""
    asked = requires("logderiv") or []
    names = [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in asked]
    return [
        name
        for name, line in zip(names, asked, strict=True)
        if "extra ==" not in line
    ]


def main() -> int:
    """Print one line a package; return how many are missing."""
    print(f"logderiv {logderiv.__version__}, Python {sys.version.split()[0]}")
    try:
        names = needed()
    except PackageNotFoundError:
        print("logderiv itself is not installed: pip install -e .")
        return 1
    missing = 0
    for name in names:
        try:
            print(f"{name:12} {version(name)}")
        except PackageNotFoundError:
            missing += 1
            print(f"{name:12} missing: pip install {name}")
    print("all there" if not missing else f"{missing} missing")
    return missing


if __name__ == "__main__":
    sys.exit(main())
