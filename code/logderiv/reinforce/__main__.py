"""python -m logderiv.reinforce: train and evaluate seeds 0 to N - 1.

Prints a summary; the exit code is 1 if a seed was never solved, else 0.
"""

import argparse
import json
import sys
from pathlib import Path

from tqdm import tqdm

from logderiv import checks
from logderiv.reinforce.checkpoint import replace
from logderiv.reinforce.seeds import summary, sweep


def main(arguments: list[str] | None = None) -> int:
    """Run the sweep that the command line asks for; return the exit code."""
    options = _options(arguments)
    lines = []
    reports = sweep(range(options.seeds), options.jobs, options.checkpoint)
    for report in tqdm(reports, total=options.seeds, unit="seed", disable=None):
        lines.append(report)
        if options.json:
            text = "".join(json.dumps(line) + "\n" for line in lines)
            replace(options.json, text.encode())
    print(summary(lines))
    return int(any(not line["solved"] for line in lines))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m logderiv.reinforce",
        description=__doc__,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--seeds", type=_at_least_one, default=5, metavar="N", help="default 5"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="a JSON line a seed"
    )
    parser.add_argument(
        "--jobs", type=_at_least_one, metavar="J", help="processes, default 1"
    )
    parser.add_argument(
        "--checkpoint",
        type=Path,
        metavar="DIR",
        help="keep the trainings there; started again, they go on",
    )
    options = parser.parse_args(arguments)
    if options.json and not options.json.parent.is_dir():
        parser.error(f"--json: there is no folder {options.json.parent}")
    if options.json and options.json.exists() and not options.json.is_file():
        parser.error(f"--json: {options.json} is there, and no file")
    if options.checkpoint:
        options.checkpoint = options.checkpoint.resolve()
        try:
            options.checkpoint.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            parser.error(f"--checkpoint: {error}")
    return options


def _at_least_one(text: str) -> int:
    try:
        return checks.whole("", int(text), at_least=1)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a whole number, at least 1, got {text!r}"
        ) from None


if __name__ == "__main__":
    sys.exit(main())
