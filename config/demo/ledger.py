"""
Lines of JSON in a file: what somebody outside of the database has seen.

A line is with the kernel before `note` returns, so it outlives a killed writer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

ANSWERS = "answers"
POSTS = "posts"
HELD = "held"
LETTERS = "letters"
IMPORTS = "imports"
NOTES = "notes"


class Ledger:
    """A ledger to write to, from any thread or process."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file = _path(folder, name).open("ab", buffering=0)

    def note(self, **entry: Any) -> None:
        """Write an entry down; one call of the kernel, so lines stay whole."""
        self._file.write(orjson.dumps(entry) + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return all entries so far."""
    path = _path(folder, name)
    if not path.exists():
        return []
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.jsonl"
