"""
Books from MARC 21 records, binary or as XML; the one module that knows pymarc.

Records are taken as they are found in the world: the end of one is looked for, not
reckoned from its stated length, and its texts are read as what they are, not as what
it says they are. One that cannot be read is named with the reason; the next follows.
"""

from __future__ import annotations

import logging
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from xml.sax import SAXException, make_parser
from xml.sax.handler import feature_namespaces

import pymarc
from pymarc.exceptions import PymarcException
from pymarc.marc8 import marc8_to_unicode
from pymarc.marcxml import XmlHandler

from library.catalog import marc21
from library.catalog.marc21 import Field
from library.catalog.marc_texts import decoder
from library.catalog.records import LONGEST_KEY, Note, Record, Rejected, joined

HEADINGS = ("title", "authors", "isbn", "language", "year", "subjects")

BLOCK = 64 * 1024
LONGEST = 1024 * 1024  # bytes of a record: ten times what its length can say
END_OF_RECORD = b"\x1d"
BETWEEN = b" \t\r\n\0\x1a"  # what some put between records
LEADER = 24  # bytes
DELETED, UTF8 = "d", "a"
NOT_BOOKS = {"z": "an authority", **dict.fromkeys("uvxy", "holdings")}

# Markers around words that are not sorted by, in MARC-8 and in Unicode.
NOT_SORTED_BY = dict.fromkeys([0x88, 0x89, 0x98, 0x9C])

# pymarc complains of every missing indicator; that does not matter to us.
logging.getLogger("pymarc").setLevel(logging.CRITICAL)


class Unreadable(Exception):
    """A record that cannot be read."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@contextmanager
def opened(path: Path, *, source: str) -> Iterator[MarcFile]:
    """Open a file of MARC records for reading. Raises OSError."""
    with path.open("rb") as file:
        yield MarcFile(file, source)


class MarcFile:
    """A file of MARC records while it is read."""

    place = "record"
    headings: Sequence[str] = HEADINGS

    def __init__(self, file: BinaryIO, source: str) -> None:
        self._file, self._source = file, source
        self.read = 0

    def __iter__(self) -> Iterator[Record | Rejected]:
        """Yield what each record says."""
        first = self._block()
        of_xml = first.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
        found = self._in_xml(first) if of_xml else self._in_binary(first)
        for number, each in enumerate(found, start=1):
            yield self._record(number, each)

    def _block(self) -> bytes:
        block = self._file.read(BLOCK)
        self.read += len(block)
        return block

    def _in_binary(self, block: bytes) -> Iterator[_Found]:
        rest = b""
        while block:
            *whole, rest = (rest + block).split(END_OF_RECORD)
            yield from (_of_binary(raw) for raw in whole if raw.strip(BETWEEN))
            if len(rest) > LONGEST:
                yield Unreadable("too_long", "The record has no end within 1 MB.")
                rest = b""
            block = self._block()
        if rest.strip(BETWEEN):
            yield Unreadable("truncated", "The file ends within the record.")

    def _in_xml(self, block: bytes) -> Iterator[_Found]:
        handler = _Handler()
        parser: Any = make_parser()  # noqa: S317 - entities from outside are not loaded
        parser.setContentHandler(handler)
        parser.setFeature(feature_namespaces, 1)
        try:
            while block:
                parser.feed(block)
                yield from handler.taken()
                block = self._block()
            parser.close()
        except SAXException as error:
            yield from handler.taken()
            # Nobody knows where the next record would begin.
            yield Unreadable("not_xml", f"From here on the file is not XML: {error}.")

    def _record(self, number: int, found: _Found) -> Record | Rejected:
        if isinstance(found, Unreadable):
            return self._rejected(number, found.code, str(found))
        fields, leader, note = found
        key = self._source_key(number, fields)
        said = marc21.described(fields)
        if objection := _objection(leader):
            return self._rejected(number, *objection, _cells(said), key)
        return Record(
            place=self.place,
            number=number,
            source_key=key,
            said=said,
            cells=_cells(said),
            notes=[Note(self.place, number, *note)] if note else (),
        )

    def _source_key(self, number: int, fields: Sequence[Field]) -> str:
        own = marc21.control(fields, "001")
        whose = marc21.control(fields, "003") if own else ""
        return f"{whose or self._source}:{own or number}"[:LONGEST_KEY]

    def _rejected(
        self,
        number: int,
        code: str,
        reason: str,
        cells: Sequence[str] = ("",) * len(HEADINGS),
        key: str = "",
    ) -> Rejected:
        key = key or self._source_key(number, [])
        return Rejected(Note(self.place, number, code, reason), cells, key)


Decode = Callable[[Any], str]
# Fields, the leader, and what is to be said of how they were read.
_Read = tuple[list[Field], str, tuple[str, str] | None]
_Found = _Read | Unreadable


class _Handler(XmlHandler):
    """Hears of records in XML; a strange one does not end the others."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._wrong = ""

    def startElementNS(self, *given: Any) -> None:  # noqa: N802 - SAX says so
        """Hear where an element begins."""
        self._guarded(super().startElementNS, *given)

    def endElementNS(self, *given: Any) -> None:  # noqa: N802
        """Hear where an element ends."""
        self._guarded(super().endElementNS, *given)

    def process_record(self, record: pymarc.Record) -> None:
        """Keep a record until it is taken."""
        self.records.append(_unreadable(self._wrong) if self._wrong else record)
        self._wrong = ""

    def taken(self) -> Iterator[_Found]:
        """Yield the records that have come, once."""
        found, self.records = self.records, []
        for each in found:
            yield each if isinstance(each, Unreadable) else _read(each, str, None)

    def _guarded(self, hear: Any, *given: Any) -> None:
        try:
            hear(*given)
        except DAMAGE as error:
            self._wrong = self._wrong or _why(error)


DAMAGE = (PymarcException, ValueError, IndexError, KeyError, TypeError)


def _why(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


def _unreadable(why: str) -> Unreadable:
    return Unreadable("unreadable_record", f"The record is damaged: {why}.")


def _of_binary(raw: bytes) -> _Found:
    raw = raw.lstrip(BETWEEN)
    try:
        record = _parsed(raw)
        says_utf8 = record.leader[9] == UTF8
        decode, note = decoder(raw, _texts(record), says_utf8=says_utf8, marc8=_marc8)
        return _read(record, decode, note)
    except DAMAGE as error:
        return _unreadable(_why(error))


def _read(record: pymarc.Record, decode: Decode, note: tuple[str, str] | None) -> _Read:
    return [_field(each, decode) for each in record.fields], str(record.leader), note


def _parsed(raw: bytes) -> pymarc.Record:
    if len(raw) < LEADER:
        raise ValueError("it is shorter than a leader")
    # Its stated length is often wrong, above all in long ones: it ends where it ends.
    stated = f"{min(len(raw) + 1, 99_999):05}".encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pymarc.Record(stated + raw[5:] + END_OF_RECORD, to_unicode=False)


def _texts(record: pymarc.Record) -> Iterator[Any]:
    for field in record.fields:
        yield from (each.value for each in field.subfields)


def _marc8(text: bytes) -> str:
    return str(marc8_to_unicode(text, hide_utf8_warnings=True))


def _field(field: Any, decode: Decode) -> Field:
    if field.control_field:
        # Not stripped: what stands in it means something by its place.
        return Field(field.tag, text=decode(field.data) if field.data else "")
    subfields = [(each.code, _clean(decode(each.value))) for each in field.subfields]
    return Field(field.tag, "".join(field.indicators or "  "), subfields=subfields)


def _clean(text: str) -> str:
    return unicodedata.normalize("NFC", text).translate(NOT_SORTED_BY).strip()


def _objection(leader: str) -> tuple[str, str] | None:
    """Return what there is against taking a record for a book."""
    if kind := NOT_BOOKS.get(leader[6]):
        return "not_a_book", f"The record describes no book: it is {kind}."
    if leader[5] == DELETED:
        return "deleted_record", "The record says that it was deleted where it is from."
    return None


def _cells(said: dict[str, Any]) -> list[str]:
    return [
        said["title"],
        joined(said["authors"]),
        said["isbn"],
        said["language"],
        "" if said["year"] is None else str(said["year"]),
        joined(said["subjects"]),
    ]
