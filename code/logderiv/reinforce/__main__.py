"""python -m logderiv.reinforce: train and evaluate seeds 0 to N - 1.

Prints a summary. The exit code is 0 if every seed was solved, 1 if one was
not, 2 if something went wrong.
"""

import argparse
import json
import sys
from pathlib import Path

from tqdm import tqdm

from logderiv import checks
from logderiv.reinforce.seeds import summary, sweep
from logderiv.reinforce.whole_files import write_whole


def main(arguments: list[str] | None = None) -> int:
    """Run the sweep that the command line asks for; return the exit code."""
    options = _options(arguments)
    try:
        lines = _run(options)
    except Exception as error:
        said = [*getattr(error, "__notes__", ()), str(error) or repr(error)]
        print(f"error: {': '.join(said)}", file=sys.stderr)
        return 2
    print(summary(lines))
    return int(any(not line["solved"] for line in lines))


def _run(options: argparse.Namespace) -> list[dict]:
    """The sweep's lines; the file grows by one as soon as a seed is ready."""
    lines: list[dict] = []
    _store(lines, options.json)
    reports = sweep(range(options.seeds), options.jobs, options.checkpoint)
    for report in tqdm(reports, total=options.seeds, unit="seed", disable=None):
        lines.append(report)
        _store(lines, options.json)
    return lines


def _store(lines: list[dict], file: Path | None) -> None:
    if file:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        write_whole(file, text.encode())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m logderiv.reinforce",
        description=__doc__,
        allow_abbrev=False,
    )
    add, keep = parser.add_argument, "keep the trainings there; they go on"
    add("--seeds", type=_at_least_one, default=5, metavar="N", help="default 5")
    add("--json", type=Path, metavar="FILE", help="a JSON line a seed")
    add("--jobs", type=_at_least_one, metavar="J", help="processes, default 1")
    add("--checkpoint", type=Path, metavar="DIR", help=keep)
    return parser


def _options(arguments: list[str] | None) -> argparse.Namespace:
    """Refuse what could not be written, before anything is trained."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.json and not options.json.parent.is_dir():
        parser.error(f"--json: there is no folder {options.json.parent}")
    if options.json and options.json.exists() and not options.json.is_file():
        parser.error(f"--json: {options.json} is there, and no file")
    if options.checkpoint:
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
