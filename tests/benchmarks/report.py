"""From what pytest-benchmark measured to the table of the book.

python report.py measured.json table.json
"""

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch


def table(measured: dict) -> dict:
    """Date, machine, versions, and a row for each benchmark."""
    cpu = measured["machine_info"]["cpu"]
    return {
        "date": measured["datetime"][:10],
        "machine": f"{cpu['brand_raw']}, {cpu['count']} cores, one thread used",
        "versions": {
            "Python": platform.python_version(),
            "NumPy": np.__version__,
            "PyTorch": torch.__version__.partition("+")[0],
            "Gymnasium": version("gymnasium"),
            "stable-baselines3": version("stable-baselines3"),
        },
        "rows": [row(each["extra_info"]) for each in measured["benchmarks"]],
    }


def row(found: dict) -> dict:
    """Where it stands, the median ratio, its quartiles, the target."""
    rounded = {key: round(found[key], 3) for key in ("ratio", "low", "high")}
    return {**found, **rounded}


def text(table: dict) -> str:
    """The table as it is printed."""
    lines = [
        f"{table['date']}, {table['machine']}",
        ", ".join(f"{k} {v}" for k, v in table["versions"].items()),
        f"{'ratio':>9} {'quartiles':>19} {'target':>7}",
    ]
    for each in table["rows"]:
        quartiles = f"{each['low']:.2f} to {each['high']:.2f}"
        target = each["target"] or ""
        what = f"{each['group']}: {each['row']}, {each['column']}"
        lines.append(
            f"{each['ratio']:9.2f} {quartiles:>19} {target:>7}  {what}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    result = table(json.loads(source.read_text("utf-8")))
    target.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(text(result))
