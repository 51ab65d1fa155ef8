"""
`python -m benchmarks [WHAT …] [--quick] [--json FILE]`: figures anyone can reproduce.

Exits 1 if a row is outside of what it must be, 2 for an unknown WHAT.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import sys
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks import stage
from benchmarks.figures import Row

ALL = (
    "latency",
    "neighbours",
    "backlog",
    "webhooks",
    "signals",
    "letters",
    "fanout",
    "borrow",
    "append",
    "importing",
    "rebuild",
)


def main() -> int:
    """Measure, tell, and write it down."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("what", nargs="*", help=f"of: {', '.join(ALL)}")
    parser.add_argument("--quick", action="store_true", help="tenth sizes")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args()
    if unknown := set(given.what) - set(ALL):
        parser.error(f"no benchmark is named {', '.join(sorted(unknown))}")
    found: list[Row] = []
    with stage.database():
        for name in given.what or ALL:
            # Django has to be set up before what is measured can be imported.
            module = importlib.import_module(f"benchmarks.{name}")
            for row in module.rows(quick=given.quick):
                sys.stderr.write(f"{row.what}: {row.figure}  {row.ratio or ''}\n")
                found.append(row)
        if given.json:
            given.json.write_bytes(_as_json(found))
    Console(file=sys.stdout, width=160).print(_table(found))
    return 0 if all(row.holds for row in found) else 1


def _table(found: list[Row]) -> Table:
    table = Table(
        "what", "min / median / max", "beside", "ratio", "must", "reach", "verdict"
    )
    for row in found:
        table.add_row(
            row.what,
            str(row.figure),
            row.beside,
            str(row.ratio or ""),
            row.must,
            row.reach,
            row.verdict,
        )
    return table


def _as_json(found: list[Row]) -> bytes:
    # Only where Django is set up can the server be asked.
    from benchmarks.surroundings import described  # noqa: PLC0415

    about = described() | {
        "rows": [dataclasses.asdict(row) | {"verdict": row.verdict} for row in found]
    }
    return orjson.dumps(about, option=orjson.OPT_INDENT_2)


if __name__ == "__main__":
    sys.exit(main())
