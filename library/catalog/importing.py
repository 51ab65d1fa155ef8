"""
Books from a CSV file, through the operations.

Each batch is one transaction. A row is known by its source key, so importing
a file twice, or going on after a kill, adds nothing twice. A row that cannot
be taken is reported with its reason; the others go on.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import transaction

from library.catalog import books, rules
from library.catalog.books import NewBook
from library.catalog.events import BookCreated
from library.catalog.models import Book
from library.catalog.refusals import InvalidIsbn
from library.catalog.rules import Description
from library.locks import lock_value
from library.refusals import Refusal

BATCH = 500

Row = Mapping[str, str]
Progress = Callable[[int], None]


@dataclass(slots=True)
class Report:
    """What became of a file's rows."""

    added: list[BookCreated] = field(default_factory=list)
    known: int = 0
    warnings: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)


def import_csv(
    path: Path,
    *,
    now: datetime,
    source: str | None = None,
    progress: Progress = lambda rows: None,
) -> Report:
    """
    Import a UTF-8 CSV file with the columns title and authors.

    Also read where there are such: isbn, language (or language_code), year (or
    original_publication_year), subjects and book_id (or id), the row's key within
    `source` (default: the file's name). Authors are separated by ", " or ";", and
    subjects, which may have commas of their own, by ";".

    Raises Refusal where the file lacks a column it needs.
    """
    report = Report()
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        _check_columns(reader.fieldnames or ())
        rows = enumerate(reader, start=2)
        while batch := list(islice(rows, BATCH)):
            _import_batch(batch, source or path.stem, now, report)
            progress(len(batch))
    return report


def _check_columns(names: object) -> None:
    missing = {"title", "authors"} - set(names)  # type: ignore[call-overload]
    if missing:
        raise Refusal(
            f"The file has no column {', '.join(sorted(missing))}. "
            "Name the columns in its first line."
        )


@transaction.atomic
def _import_batch(
    batch: Sequence[tuple[int, Row]], source: str, now: datetime, report: Report
) -> None:
    """Add a batch's rows in one transaction, and note what became of each."""
    lock_value("import", source)  # two imports of one file take turns
    fresh = _without_known(
        {_source_key(row, source, line): (line, row) for line, row in batch}
    )
    report.known += len(batch) - len(fresh)
    new: list[tuple[int, NewBook]] = []
    for key, (line, row) in fresh.items():
        try:
            described = _described(line, row, report)
        except Refusal as refusal:
            _reject(line, refusal, report)
        else:
            new.append((line, NewBook(described=described, source_key=key)))
    answers = books.add_books(new=[book for _, book in new], now=now)
    for (line, _), answer in zip(new, answers, strict=True):
        if isinstance(answer, Refusal):
            _reject(line, answer, report)
        else:
            report.added.append(answer)


def _without_known(rows: dict[str, tuple[int, Row]]) -> dict[str, tuple[int, Row]]:
    found = Book.objects.filter(source_key__in=rows.keys())
    known = set(found.values_list("source_key", flat=True))
    return {key: value for key, value in rows.items() if key not in known}


def _described(line: int, row: Row, report: Report) -> Description:
    """Return a row's description; one with a wrong ISBN comes in without it."""
    given = row.get("isbn") or ""
    said: dict[str, Any] = {
        "title": row["title"] or "",
        "authors": list(_names(re.split(r"; ?|, ", row["authors"] or ""))),
        "language": row.get("language") or row.get("language_code") or "",
        "year": _year(row),
        "subjects": list(_names((row.get("subjects") or "").split(";"))),
    }
    try:
        return rules.describe(isbn=given, **said)
    except InvalidIsbn as refusal:
        report.warnings.append(f"line {line}: {refusal.code}: {refusal}")
        kept = given.strip()[: rules.LONGEST_ISBN]
        return replace(rules.describe(**said), isbn_given=kept)


def _reject(line: int, refusal: Refusal, report: Report) -> None:
    report.rejected.append(f"line {line}: {refusal.code}: {refusal}")


def _names(parts: Iterable[str]) -> Iterator[str]:
    return (part for part in parts if part.strip())


def _year(row: Row) -> int | None:
    text = row.get("year") or row.get("original_publication_year") or ""
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        return None


def _source_key(row: Row, source: str, line: int) -> str:
    return f"{source}:{row.get('book_id') or row.get('id') or line}"[:200]
