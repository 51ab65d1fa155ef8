"""
What was measured, for people and for programs.

Both files are written anew after each benchmark: whatever ends the run, the rows
before it are there.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import IO, Any

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Row

WIDTH = 160


class Report:
    """The rows so far, with what they were measured on and how long it took."""

    def __init__(
        self, *, quick: bool, json: Path | None = None, table: Path | None = None
    ) -> None:
        self.quick = quick
        self.rows: list[Row] = []
        self._about: dict[str, Any] = {}
        self._seconds: dict[str, float] = {}
        self._json, self._table = json, table

    def begin(self) -> None:
        """Note machine, versions and settings, before there is any load of ours."""
        # Only where Django is set up can the server be asked.
        from benchmarks.surroundings import described  # noqa: PLC0415

        self._about = described() | {"quick": self.quick}

    def add(self, row: Row) -> None:
        """Add a row; say it at once."""
        self.rows.append(row)
        found = row.reason or f"{row.figure}  {row.ratio or ''}"
        sys.stderr.write(f"{row.what}: {found}\n")

    def took(self, name: str, seconds: float) -> None:
        """Note how long a benchmark took, and write down all there is."""
        self._seconds[name] = round(seconds, 1)
        sys.stderr.write(f"-- {name} took {seconds:.0f} s\n")
        if self._json:
            self._json.write_bytes(self._as_json())
        if self._table:
            with self._table.open("w") as file:
                self._print(file)

    def show(self) -> None:
        """Show the table, if there is anything in it."""
        if self.rows:
            self._print(sys.stdout)

    def _as_json(self) -> bytes:
        told = self._about | {
            "seconds": self._seconds,
            "rows": [
                dataclasses.asdict(row) | {"verdict": row.verdict} for row in self.rows
            ],
        }
        return orjson.dumps(told, option=orjson.OPT_INDENT_2)

    def _print(self, file: IO[str]) -> None:
        # What an error says may look like markup.
        console = Console(
            file=file, width=WIDTH, markup=False, highlight=False, emoji=False
        )
        console.print(self._as_table())
        for name, value in (self._about | {"seconds": self._seconds}).items():
            console.print(f"{name}: {_in_words(value)}")

    def _as_table(self) -> Table:
        table = Table(
            "what", "min / median / max", "beside", "ratio", "must", "reach", "verdict"
        )
        for row in self.rows:
            table.add_row(
                row.what,
                str(row.figure or ""),
                row.reason or row.beside,
                str(row.ratio or ""),
                row.must,
                row.reach,
                row.verdict,
            )
        return table


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    if isinstance(value, tuple):
        return " ".join(f"{each:.2f}" for each in value)
    return str(value)
