"""
Importing: how fast a file of books is taken in, each with its fact and its outbox row.

Beside it COPY of the bare rows of books into a table of the same shape, which checks
no ISBN, knows no book again and tells nobody.
"""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

from django.db import connection, transaction
from django.utils import timezone

from benchmarks import databases
from benchmarks.figures import Figure, Row, ratios, round_by_round
from benchmarks.owing import AUTHORS, TITLE
from library.catalog.importing import import_csv
from outbox.ids import new_id

BOOKS = 10_000
ROUNDS = 3
MUST, REACH = 2_000, 5_000  # books a second


def rows(*, quick: bool) -> Iterator[Row]:
    """Measure the import and COPY."""
    count = BOOKS // (10 if quick else 1)
    rates = round_by_round(
        ROUNDS, {"ours": partial(ours, count), "copy": partial(_copy, count)}
    )
    figure = Figure.of(rates["ours"], "/s")
    yield Row(
        what="import of books",
        figure=figure,
        beside=f"COPY of the bare rows: {Figure.of(rates['copy'], '/s')}",
        ratio=ratios(rates["ours"], rates["copy"]),
        must=f">= {MUST:,}/s",
        holds=figure.median >= MUST,
        reach=f">= {REACH:,}/s",
        reaches=figure.median >= REACH,
    )


def ours(count: int) -> float:
    """Return how many books a second are taken in."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{uuid4().hex}.csv"
        with path.open("w", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(["id", "title", "authors", "language", "year"])
            for number in range(count):
                lines.writerow([number, TITLE, ";".join(AUTHORS), "en", 1929])
        started = time.perf_counter()
        report = import_csv(path, now=timezone.now())
        took = time.perf_counter() - started
    if len(report.added) != count:
        raise RuntimeError(f"{len(report.added)} of {count} books were taken in")
    return count / took


def _copy(count: int) -> float:
    now, columns = (
        timezone.now(),
        "id, title, authors, isbn_given, language, subjects, created_at",
    )
    with transaction.atomic():
        databases.run("CREATE TABLE bare_book (LIKE catalog_book INCLUDING ALL)")
    started = time.perf_counter()
    with (
        transaction.atomic(),
        connection.cursor() as cursor,
        cursor.copy(f"COPY bare_book ({columns}) FROM STDIN") as copy,
    ):
        for _ in range(count):
            copy.write_row((new_id(), TITLE, list(AUTHORS), "", "en", [], now))
    took = time.perf_counter() - started
    databases.run("DROP TABLE bare_book")
    return count / took
