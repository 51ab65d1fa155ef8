"""What the commands of the outbox read from and show to a person or a program."""

from __future__ import annotations

import argparse
import io
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from django.utils import timezone
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

NOT_A_TERMINAL = 200  # columns: wide enough to be searched line by line
LONGEST_DAYS = 36500
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

Advance = Callable[[int, int], object]


def as_json(value: Any) -> str:
    """Return a value as one line of JSON: dataclasses, times and ids included."""
    return orjson.dumps(value).decode()


def moment(text: str) -> datetime:
    """Read "2026-03-02T10:00Z", UTC where no zone is named, or "2h" for so long ago."""
    try:
        if age := re.fullmatch(r"(\d{1,6})([smhd])", text):
            ago = timedelta(seconds=int(age[1]) * UNITS[age[2]])
            return timezone.now() - ago
        read = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no moment; write 2026-03-02T10:00Z, or 90m, 2h, 7d for so "
            "long ago"
        ) from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def count(text: str) -> int:
    """Read a whole number of 1 or more."""
    if not re.fullmatch(r"[1-9]\d{0,17}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 1 or more")
    return int(text)


def days(text: str) -> int:
    """Read a number of days, 1 to a hundred years."""
    if not re.fullmatch(r"[1-9]\d{0,4}", text) or int(text) > LONGEST_DAYS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of days from 1 to {LONGEST_DAYS}"
        )
    return int(text)


def seconds(text: str) -> float:
    """Read a number of seconds, 0 or more."""
    if not re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return float(text)


def age(value: float | None) -> str:
    """Return a length of time in the largest unit that fits; "" for none."""
    if value is None:
        return ""
    for unit, length in reversed(UNITS.items()):
        if value >= 2 * length:
            return f"{value / length:.0f} {unit}"
    return f"{max(value, 0.0):.1f} s"


def table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table as text, as wide as the terminal."""
    made = Table(*headings, box=box.SIMPLE_HEAD)
    for row in rows:
        made.add_row(*map(cell, row))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    page = io.StringIO()
    Console(
        file=page,
        width=width or NOT_A_TERMINAL,
        markup=False,
        highlight=False,
        emoji=False,
    ).print(made)
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines())


def cell(value: Any) -> str:
    """Return a value as text that can move no cursor: errors quote strangers."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return "".join(letter if letter.isprintable() else " " for letter in text)


@contextmanager
def progress(name: str) -> Iterator[Advance]:
    """Show a bar on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
