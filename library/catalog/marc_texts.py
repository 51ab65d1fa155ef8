"""
In what the texts of a MARC record are written, whatever the record says of that.

It may be UTF-8, MARC-8, or a code page that MARC knows nothing of. Bytes that are
UTF-8 are hardly ever anything else. In MARC-8 an accent stands before its letter, and
both together are a letter that there is: if not, it is none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

Decode = Callable[[bytes], str]
Note = tuple[str, str]

ESCAPE = b"\x1b"  # changes the alphabet, in MARC-8 alone
LAST_OF_LATIN_A = "\u017f"
VIETNAMESE = range(0x1E00, 0x1F00)
NOT_MARC8 = re.compile(rb"[\xe0-\xfe](?![\xe0-\xfeA-Za-z])")


def decoder(
    raw: bytes, texts: Iterable[bytes], *, says_utf8: bool, marc8: Decode
) -> tuple[Decode, Note | None]:
    """Return how to read a record's texts, and a note where that is a guess."""
    if ESCAPE in raw:
        return marc8, None
    if _is_utf8(raw):
        return bytes.decode, None
    said = "UTF-8" if says_utf8 else "MARC-8"
    if all(_is_marc8(text, marc8) for text in texts if not text.isascii()):
        return marc8, _note(said, "MARC-8") if says_utf8 else None
    return _windows_1252, _note(said, "Windows-1252")


def _note(said: str, read: str) -> Note:
    reason = f"It is not {said}, as it says, and was read as {read}. Check its accents."
    return "wrong_encoding", reason


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_marc8(text: bytes, marc8: Decode) -> bool:
    if NOT_MARC8.search(text):
        return False
    try:
        read = marc8(text)
    except UnicodeDecodeError:
        return False
    # What stands for nothing comes back as a blank.
    return read.count(" ") == text.count(b" ") and all(map(_is_in_use, read))


def _is_in_use(letter: str) -> bool:
    if unicodedata.combining(letter):
        return False
    return (
        letter <= LAST_OF_LATIN_A
        or ord(letter) in VIETNAMESE
        or not unicodedata.category(letter).startswith("L")
    )


def _windows_1252(text: bytes) -> str:
    try:
        return text.decode("cp1252")
    except UnicodeDecodeError:
        return text.decode("latin-1")
