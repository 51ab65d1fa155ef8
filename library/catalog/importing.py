"""
Books from a file, through the operations.

Each batch is one transaction. A record is known by its source key, so importing a
file twice, or going on after a kill, adds nothing twice. A record that cannot be
taken is handed back with its reason; the others go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from django.db import transaction

from library.catalog import books, csv_records, rules
from library.catalog.books import NewBook
from library.catalog.events import BookCreated
from library.catalog.models import Book
from library.catalog.records import BookFile, Note, Record, Rejected
from library.catalog.refusals import InvalidIsbn
from library.catalog.rules import Description
from library.locks import lock_value
from library.refusals import Refusal

BATCH = 500


@dataclass(slots=True)
class Report:
    """What became of a batch's records, or of a whole file's."""

    records: int = 0
    added: list[BookCreated] = field(default_factory=list)
    known: int = 0
    warnings: list[Note] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def import_csv(path: Path, *, now: datetime, source: str | None = None) -> Report:
    """
    Import a CSV file of a moderate size: the report holds every book.

    Raises OSError, and FileUnreadable where the file lacks a column it needs.
    """
    whole = Report()
    with csv_records.opened(path, source=source or path.stem) as file:
        for batch in batches(file, now=now):
            whole.records += batch.records
            whole.known += batch.known
            whole.added += batch.added
            whole.warnings += batch.warnings
            whole.rejected += batch.rejected
    return whole


def batches(
    file: BookFile, *, now: datetime, dry_run: bool = False
) -> Iterator[Report]:
    """
    Import a file's records, and yield what became of each batch when it is committed.

    Nothing is written in a dry run, and the same is said.
    """
    read = iter(file)
    seen = _Seen(file.place)
    while batch := list(islice(read, BATCH)):
        report = Report(records=len(batch))
        report.rejected += [each for each in batch if isinstance(each, Rejected)]
        records = [each for each in batch if isinstance(each, Record)]
        (_weigh if dry_run else _import)(records, seen, now, report)
        report.rejected.sort(key=lambda each: each.note.number)
        yield report


@transaction.atomic
def _import(
    records: Sequence[Record], seen: _Seen, now: datetime, report: Report
) -> None:
    """Add a batch's books in one transaction, and note what became of each record."""
    lock_value("import", "books")  # two imports take turns: they may have the same
    new = _new(records, seen, report)
    answers = books.add_books(new=[book for _, book in new], now=now)
    _note(new, answers, seen, report)


def _weigh(
    records: Sequence[Record], seen: _Seen, now: datetime, report: Report
) -> None:
    new = _new(records, seen, report)
    answers = books.weigh_books(
        new=[book for _, book in new], now=now, taken=seen.numbers
    )
    _note(new, answers, seen, report)


class _Seen:
    """Which keys and numbers came earlier in a file, and where."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._keys: dict[str, int] = {}
        self.numbers: dict[str, int] = {}

    def objection(self, record: Record) -> Note | None:
        """Return what there is against a record's key, or take note of it."""
        earlier = self._keys.setdefault(record.source_key, record.number)
        if earlier == record.number:
            return None
        reason = (
            f"{self._place.capitalize()} {earlier} has the key {record.source_key!r}, "
            "too. Give this one another, or leave it out."
        )
        return Note(self._place, record.number, "source_key_taken", reason)

    def same_number(self, number: int, isbn13: str | None) -> Note | None:
        """Return the objection that a book with this ISBN came in from this file."""
        earlier = self.numbers.get(isbn13 or "")
        if earlier is None:
            return None
        reason = (
            f"{self._place.capitalize()} {earlier} has the ISBN {isbn13}, too. "
            "Add a copy to that book instead."
        )
        return Note(self._place, number, "isbn_taken", reason)

    def added(self, number: int, isbn13: str | None) -> None:
        """Remember that a book came in."""
        if isbn13:
            self.numbers[isbn13] = number


New = list[tuple[Record, NewBook]]


def _new(records: Sequence[Record], seen: _Seen, report: Report) -> New:
    """Return the books that are not known yet, and note why others cannot be."""
    found = Book.objects.filter(source_key__in=[each.source_key for each in records])
    known = set(found.values_list("source_key", flat=True))
    new: New = []
    for record in records:
        if objection := seen.objection(record):
            _reject(record, objection, report)
        elif record.source_key in known:
            report.known += 1
        elif described := _described(record, report):
            new.append((record, _new_book(described, record)))
    return new


def _new_book(described: Description, record: Record) -> NewBook:
    return NewBook(described=described, source_key=record.source_key)


def _described(record: Record, report: Report) -> Description | None:
    """Return a description; one with a wrong ISBN comes in without it."""
    try:
        described = _without_wrong_isbn(record, report)
    except Refusal as refusal:
        _reject(record, _note_of(refusal, record), report)
        return None
    report.warnings += record.notes
    return described


def _without_wrong_isbn(record: Record, report: Report) -> Description:
    try:
        return rules.describe(**record.said)
    except InvalidIsbn as refusal:
        described = rules.describe(**{**record.said, "isbn": ""})
        report.warnings.append(_note_of(refusal, record))
        kept = record.said["isbn"].strip()[: rules.LONGEST_ISBN]
        return replace(described, isbn_given=kept)


def _note(
    new: New, answers: Sequence[BookCreated | Refusal], seen: _Seen, report: Report
) -> None:
    for (record, book), answer in zip(new, answers, strict=True):
        isbn13 = book.described.isbn13
        if isinstance(answer, Refusal):
            objection = seen.same_number(record.number, isbn13)
            _reject(record, objection or _note_of(answer, record), report)
        else:
            seen.added(record.number, isbn13)
            report.added.append(answer)


def _note_of(refusal: Refusal, record: Record) -> Note:
    return Note(record.place, record.number, refusal.code, str(refusal))


def _reject(record: Record, note: Note, report: Report) -> None:
    report.rejected.append(Rejected(note, record.cells, record.source_key))
