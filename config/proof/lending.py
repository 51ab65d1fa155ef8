"""The claims about the library itself: its catalogue, its members, its loans."""

from __future__ import annotations

import os
import re
from pathlib import Path

import orjson

import library.catalog
from config.proof.claims import Claim, Finding
from config.proof.running import Ran, run_tests

SAMPLE = Path(library.catalog.__path__[0]) / "sample.csv"
LONGEST = 600.0  # seconds

IMPORTED = (
    "tests/library/test_importing.py::"
    "test_the_books_of_a_file_come_in_once_however_often"
)

_IMPORTED = re.compile(r"^\.*imported (\{.+\})$", re.MULTILINE)


def books_come_in_once() -> Finding:
    """Import the file that BOOKS names, or the sample, twice."""
    path = Path(os.environ.get("BOOKS") or SAMPLE).absolute()
    return imported(run_tests(IMPORTED, seconds=LONGEST, BOOKS=str(path)))


def imported(ran: Ran) -> Finding:
    """Return what came of importing a file twice."""
    found = _IMPORTED.search(ran.text)
    if found is None:
        return Finding(ran.last_line, False)
    figures = orjson.loads(found[1])
    figure = (
        f"{figures['records']:,} records: {figures['added']:,} books, "
        f"{figures['warnings']:,} without a wrong ISBN, "
        f"{figures['rejected']:,} rejected; again: {figures['again']:,} more"
    )
    whole = figures["added"] + figures["rejected"] == figures["records"]
    once = figures["books"] == figures["events"] == figures["added"] > 0
    return Finding(figure, ran.well and whole and once and figures["again"] == 0)


CLAIMS = (Claim("books imported twice are there once", books_come_in_once),)
