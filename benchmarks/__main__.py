"""
`python -m benchmarks [WHAT …] [--quick]`: figures anyone can reproduce.

Exits 1 if a row is outside of what it must be, 2 for an unknown WHAT, and 130 if it
was interrupted; what was measured by then is written down all the same.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from benchmarks import stage
from benchmarks.figures import failed
from benchmarks.report import Report

ALL = (
    "latency",
    "neighbours",
    "backlog",
    "webhooks",
    "signals",
    "letters",
    "fanout",
    "borrow",
    "api",
    "append",
    "importing",
    "rebuild",
    "search",
    "growth",
)


def main() -> int:
    """Measure, tell, and write it down."""
    given = _given()
    # As by a key: processes and folders go with whoever started them.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    report = Report(quick=given.quick, json=given.json, table=given.table)
    try:
        with stage.database():
            report.begin()
            _measure(given.what or ALL, report)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    finally:
        report.show()
    return 0 if all(row.holds for row in report.rows) else 1


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("what", nargs="*", help=f"of: {', '.join(ALL)}")
    parser.add_argument("--quick", action="store_true", help="tenth sizes")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--table", type=Path, help="write the table here, too")
    given = parser.parse_args()
    if unknown := set(given.what) - set(ALL):
        parser.error(f"no benchmark is named {', '.join(sorted(unknown))}")
    return given


def _measure(names: Sequence[str], report: Report) -> None:
    """Measure one after the other, each in a database in which nothing has happened."""
    # Only where Django is set up can they be imported.
    from benchmarks import databases  # noqa: PLC0415

    for name in names:
        started = time.monotonic()
        try:
            with databases.fresh(f"for_{name}", of=databases.PRISTINE):
                module = importlib.import_module(f"benchmarks.{name}")
                for row in module.rows(quick=report.quick):
                    report.add(row)
        except Exception as error:  # noqa: BLE001 - the others' rows are worth having
            traceback.print_exc()
            report.add(failed(name, error))
        report.took(name, time.monotonic() - started)


if __name__ == "__main__":
    sys.exit(main())
