"""
What the fields of a MARC 21 record say of a book: fields in, description out.

Texts come without the punctuation that ISBD puts behind them, and names as people say
them: "Herbert, Frank, 1920-1986." is Frank Herbert.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from library.catalog import rules
from library.catalog.records import parts
from library.catalog.refusals import InvalidIsbn


@dataclass(frozen=True, slots=True)
class Field:
    """A field: a control field has a text, any other subfields by their codes."""

    tag: str
    indicators: str = "  "
    text: str = ""
    subfields: Sequence[tuple[str, str]] = ()

    def all(self, codes: str) -> list[str]:
        """Return the texts of the subfields with these codes, in their order."""
        return parts(text for code, text in self.subfields if code in codes)

    def first(self, codes: str) -> str:
        """Return the first of them, or nothing."""
        return next(iter(self.all(codes)), "")


Fields = Sequence[Field]

# What makes somebody an author, by code or in the words of a cataloguer; who has no
# role is one. Editors and compilers stand in where there is no author.
AUTHORS = {"", "aut", "author", "cre", "creator", "joint author", "co-author"}
EDITORS = {"edt", "editor", "com", "compiler"}
NAMES = ("100", "110", "111", "700", "710", "711")
PERSONS = ("100", "700")
SURNAME_FIRST = "1"
JUNIOR = re.compile(r"(Jr|Sr|II|III|IV)\b\.?")

# Words that keep their full stop at the end of a title.
ABBREVIATIONS = {"etc", "vol", "ed", "pt", "no", "jr", "sr", "co", "inc", "dr", "st"}


def described(fields: Fields) -> dict[str, Any]:
    """Return what a record says of its book, by the names of `rules.describe`."""
    return {
        "title": _title(fields),
        "authors": _authors(fields),
        "isbn": _isbn(fields),
        "language": _language(fields),
        "year": _year(fields),
        "subjects": [_subject(each) for each in _with(fields, "650", "651")],
    }


def control(fields: Fields, tag: str) -> str:
    """Return the text of a control field, or nothing."""
    return next((each.text.strip() for each in _with(fields, tag)), "")


def _with(fields: Fields, *tags: str) -> Iterator[Field]:
    return (each for each in fields if each.tag in tags)


def _title(fields: Fields) -> str:
    title = next((" ".join(each.all("abnp")) for each in _with(fields, "245")), "")
    return _without_stop(title)


def _authors(fields: Fields) -> list[str]:
    """Return authors; where there are none, editors; else whoever is named."""
    # Who wrote a part of the book only stands there with its title.
    named = [each for each in _with(fields, *NAMES) if not each.all("t")]
    for roles in (AUTHORS, EDITORS, None):
        found = [_name(each) for each in named if _is_one_of(each, roles)]
        if any(found):
            return list(dict.fromkeys(parts(found)))
    said = next((each.first("c") for each in _with(fields, "245")), "")
    return parts([_bare(re.sub(r"^by ", "", said))])


def _is_one_of(field: Field, roles: set[str] | None) -> bool:
    given = {_bare(each).lower() for each in field.all("e4")} or {""}
    # A code may be written as an address: http://id.loc.gov/vocabulary/relators/aut
    return roles is None or any(each.rpartition("/")[2] in roles for each in given)


def _name(field: Field) -> str:
    if field.tag not in PERSONS:
        return _bare(" ".join(field.all("ab")))
    name = _bare(field.first("a"))
    if field.indicators[0] == SURNAME_FIRST and name.count(",") == 1:
        surname, _, forename = name.partition(",")
        name = f"{forename.strip()} {surname.strip()}".strip()
    junior = filter(JUNIOR.match, map(_without_stop, field.all("c")))
    return " ".join([name, *map(_bare, field.all("b")), *junior])


def _isbn(fields: Fields) -> str:
    """Return the first ISBN that holds, or the first that was given."""
    given = [_number(each) for field in _with(fields, "020") for each in field.all("a")]
    return next((each for each in given if _holds(each)), next(iter(given), ""))


def _number(text: str) -> str:
    found = re.match(r"[\dXx][\dXx -]*", text)
    return found[0].strip() if found else text


def _holds(number: str) -> bool:
    try:
        return rules.isbn13(number) is not None
    except InvalidIsbn:
        return False


def _language(fields: Fields) -> str:
    """Return the first code for a language; several may stand there as one word."""
    given = next((each.first("a") for each in _with(fields, "041")), "")
    for code in (given[:3], control_at(fields, 35, 38)):
        if re.fullmatch(r"[a-z]{3}", code) and code not in {"und", "zxx", "mul"}:
            return code
    return ""


def _year(fields: Fields) -> int | None:
    """Return when it was published, else when copyright was claimed, else 008."""
    published = [
        *(each for each in _with(fields, "264") if each.indicators[1] == "1"),
        *_with(fields, "260"),
        *_with(fields, "264"),
    ]
    dates = [each.first("c") for each in published] + [control_at(fields, 7, 11)]
    years = (re.search(r"(?<!\d)[12]\d{3}(?!\d)", date) for date in dates)
    return next((int(each[0]) for each in years if each), None)


def control_at(fields: Fields, start: int, end: int) -> str:
    """Return characters of field 008, which has its meanings by their places."""
    return next((each.text[start:end] for each in _with(fields, "008")), "")


def _subject(field: Field) -> str:
    return " -- ".join(_bare(each) for each in field.all("axyzv"))


def _bare(text: str) -> str:
    """Return a text without what ISBD puts behind it; an initial keeps its stop."""
    text = re.sub(r"[\s/:;,=]+$", "", text)
    return text if re.search(r"\b\w\.$", text) else text.removesuffix(".")


def _without_stop(title: str) -> str:
    text = re.sub(r"[\s/:;,=]+$", "", title)
    last = text.rpartition(" ")[2].removesuffix(".")
    if "." in last or len(last) == 1 or last.lower() in ABBREVIATIONS:
        return text
    return text.removesuffix(".")
