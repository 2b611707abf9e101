"""python -m logderiv: which versions are here, and what is missing."""

import sys
from importlib.metadata import PackageNotFoundError, version

import logderiv

NEEDED = {
    "numpy": "every chapter",
    "scipy": "chapters 1 to 3",
    "matplotlib": "the figures",
    "ipython": "the notebooks",
    "torch": "chapters 3 and 4",
    "gymnasium": "chapter 4",
    "joblib": "chapter 4",
    "filelock": "chapter 4",
    "tqdm": "chapter 4",
}


def main() -> int:
    """Print one line a package; return how many are missing."""
    print(f"logderiv {logderiv.__version__}, Python {sys.version.split()[0]}")
    missing = 0
    for name, purpose in NEEDED.items():
        try:
            print(f"{name:12} {version(name)}")
        except PackageNotFoundError:
            missing += 1
            print(f"{name:12} missing, for {purpose}: pip install {name}")
    print("all there" if not missing else f"{missing} missing")
    return missing


if __name__ == "__main__":
    sys.exit(main())
