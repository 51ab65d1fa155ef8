"""What may be in the catalogue: pure functions, values in, refusal out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from stdnum import isbn as isbn_numbers
from stdnum.exceptions import ValidationError

from library.catalog.refusals import (
    InvalidBarcode,
    InvalidCondition,
    InvalidDescription,
    InvalidIsbn,
    InvalidKind,
    InvalidPrice,
)

LONGEST_TITLE = 2_000
LONGEST_NAME = 500
LONGEST_SUBJECT = 500
LONGEST_BARCODE = 64
LONGEST_ISBN = 32
LONGEST_LANGUAGE = 16
LONGEST_KIND = 20
HIGHEST_PRICE = 1_000_000_000
MARKS = ("", "missing", "damaged")  # `lost` comes from a loan alone
SHORTEST_CUT_ISBN, ISBN10 = 7, 10
YEARS = range(-3_000, 3_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What is said of a book, checked. `isbn_given` is the number as written."""

    title: str
    authors: tuple[str, ...]
    isbn13: str | None
    isbn_given: str
    language: str
    year: int | None
    subjects: tuple[str, ...] = ()


def describe(
    *,
    title: str,
    authors: Sequence[str],
    isbn: str = "",
    language: str = "",
    year: int | None = None,
    subjects: Sequence[str] = (),
) -> Description:
    """
    Return a book's description with blanks trimmed.

    Raises InvalidDescription or InvalidIsbn.
    """
    return Description(
        title=_title(title),
        authors=_authors(authors),
        isbn13=isbn13(isbn),
        isbn_given=_short(isbn, LONGEST_ISBN, "isbn"),
        language=_short(language, LONGEST_LANGUAGE, "language"),
        year=_year(year),
        subjects=_subjects(subjects),
    )


def _title(given: str) -> str:
    """Return a title in one line, or refuse an empty one."""
    text = _line(given, "title")
    if not text:
        raise InvalidDescription("A book needs a title. Enter one.", field="title")
    if len(text) > LONGEST_TITLE:
        raise InvalidDescription(
            f"A title has at most {LONGEST_TITLE} characters. Shorten it.",
            field="title",
        )
    return text


def _authors(given: Sequence[str]) -> tuple[str, ...]:
    """Return the authors' names in one line each; at least one."""
    names = tuple(_line(name, "authors") for name in given)
    if not names or not all(names):
        raise InvalidDescription(
            "A book needs an author, and every author a name. Enter it.",
            field="authors",
        )
    if any(len(name) > LONGEST_NAME for name in names):
        raise InvalidDescription(
            f"A name has at most {LONGEST_NAME} characters. Shorten it.",
            field="authors",
        )
    return names


def _year(given: int | None) -> int | None:
    """Return a year of publication (negative: before the common era)."""
    if given is not None and given not in YEARS:
        raise InvalidDescription(
            f"The year {given} cannot be right. Correct it, or leave it out.",
            field="year",
        )
    return given


def _subjects(given: Sequence[str]) -> tuple[str, ...]:
    """Return the subjects in one line each, one said twice only once."""
    subjects = tuple(dict.fromkeys(_line(each, "subjects") for each in given))
    if not all(subjects):
        raise InvalidDescription(
            "A subject is empty. Enter it, or leave it out.", field="subjects"
        )
    if any(len(each) > LONGEST_SUBJECT for each in subjects):
        raise InvalidDescription(
            f"A subject has at most {LONGEST_SUBJECT} characters. Shorten it.",
            field="subjects",
        )
    return subjects


def isbn13(given: str) -> str | None:
    """
    Return the ISBN-13 of what was written, or None for nothing.

    Seven to nine digits are a ten-digit ISBN that lost its leading zeros in a
    spreadsheet: they are taken if the check digit then holds.
    """
    text = isbn_numbers.compact(given)
    if not text:
        return None
    if text.isascii() and text.isdigit() and SHORTEST_CUT_ISBN <= len(text) < ISBN10:
        text = text.zfill(ISBN10)
    try:
        return str(isbn_numbers.to_isbn13(isbn_numbers.validate(text)))
    except ValidationError:
        raise InvalidIsbn(given) from None


def scanned(given: str) -> str:
    """Return what was read off a label as barcodes are kept, good or not."""
    return given.strip().upper()


def barcode(given: str) -> str:
    """Return a barcode in upper case without surrounding blanks."""
    text = scanned(given)
    if not text or len(text) > LONGEST_BARCODE or any(c.isspace() for c in text):
        raise InvalidBarcode(given)
    return text


def kind(given: str) -> str:
    """Return the code of a kind of copies, or refuse it."""
    if not re.fullmatch(rf"[a-z0-9-]{{1,{LONGEST_KIND}}}", given):
        raise InvalidKind(given)
    return given


def price(given: int | None) -> int | None:
    """Return what a copy costs, if that is known, or refuse it."""
    if given is not None and not 0 <= given <= HIGHEST_PRICE:
        raise InvalidPrice(given, HIGHEST_PRICE)
    return given


def mark(given: str) -> str:
    """Return what a copy can be marked as, or refuse it."""
    if given not in MARKS:
        raise InvalidCondition(given)
    return given


def _line(given: str, field: str) -> str:
    """Return a text in one line: titles and names stand in the heads of letters."""
    text = " ".join(given.split())
    # Most texts are printable as a whole, which is asked for all letters at once.
    if not text.isprintable() and any(unicodedata.category(c) == "Cc" for c in text):
        raise InvalidDescription(
            f"{text!r} contains a control character. Type it in again.",
            field=field,
        )
    return text


def _short(given: str, longest: int, field: str) -> str:
    text = given.strip()
    if len(text) > longest:
        raise InvalidDescription(
            f"The {field} has at most {longest} characters. Shorten it.", field=field
        )
    return text
