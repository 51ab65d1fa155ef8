"""MARC records as they are found in the world: right, wrong, and lying about it."""

from __future__ import annotations

import csv

import pymarc
import pytest
from pymarc import Indicators, Subfield

from library.catalog import importing, marc, rejects
from library.catalog.models import Book


def field(tag, *subfields, indicators="  "):
    given = [Subfield(each[0], each[1:]) for each in subfields]
    return pymarc.Field(tag, Indicators(*indicators), given)


def control(tag, text):
    return pymarc.Field(tag, data=text)


TITLE = field("245", "aDune /", "cFrank Herbert.", indicators="10")
NAME = field("100", "aHerbert, Frank,", "d1920-1986.", "eauthor.", indicators="1 ")


def record(*fields, leader9="a", leader5="n", leader6="a"):
    made = pymarc.Record(force_utf8=leader9 == "a")
    made.leader = pymarc.Leader(f"00000{leader5}{leader6}m {leader9}2200000 a 4500")
    made.add_field(*fields)
    return made


def raw(text, *, leader9="a", control="x"):
    """Return a record with a title in these bytes, put together by hand."""
    parts = [control.encode() + b"\x1e", b"1 \x1faHerbert, Frank\x1e"]
    parts.append(b"10\x1fa" + text + b"\x1e")
    directory, at = b"", 0
    for tag, part in zip(("001", "100", "245"), parts, strict=True):
        directory += f"{tag}{len(part):04}{at:05}".encode()
        at += len(part)
    base = 24 + len(directory) + 1
    length = base + at + 1
    leader = f"{length:05}nam {leader9}22{base:05} a 4500"
    return leader.encode() + directory + b"\x1e" + b"".join(parts) + b"\x1d"


@pytest.fixture
def a_file(tmp_path):
    def make(*records, name="books.mrc"):
        path = tmp_path / name
        whole = (
            each if isinstance(each, bytes) else each.as_marc() for each in records
        )
        path.write_bytes(b"".join(whole))
        return path

    return make


@pytest.fixture
def imported(db, now):
    """Import a file of few records, and return its report."""

    def run(path, **more):
        with marc.opened(path, source=path.stem) as file:
            (report,) = importing.batches(file, now=now, **more)
        return report

    return run


def noted(notes):
    return [(each.number, each.code) for each in notes]


def rejected(report):
    return noted([each.note for each in report.rejected])


def test_a_record_says_what_a_book_is(imported, a_file):
    path = a_file(
        record(
            control("001", "ocm123"),
            control("003", "OCoLC"),
            control("008", "850101s1965    nyu           000 1 eng d"),
            field("020", "a0441013597 (pbk.) :", "c$9.99"),
            field("041", "aeng", "hfre"),
            NAME,
            field("245", "aDune.", "n2,", "pMessiah :", "ba novel /", "cF. H."),
            field("264", "aNew York :", "bChilton,", "c[1965?]", indicators=" 1"),
            field("650", "aDeserts", "xFiction", "zUnited States.", indicators=" 0"),
            field("650", "aEcology."),
            field("651", "aArrakis (Imaginary place)", "vMaps."),
            field("700", "aSchoenherr, John,", "eillustrator.", indicators="1 "),
            field("700", "aHerbert, Brian,", "4aut", indicators="1 "),
        )
    )

    imported(path)

    book = Book.objects.get()
    assert book.source_key == "OCoLC:ocm123"
    assert book.title == "Dune. 2, Messiah : a novel"
    assert book.authors == ["Frank Herbert", "Brian Herbert"]
    assert (book.isbn13, book.isbn_given) == ("9780441013593", "0441013597")
    assert (book.language, book.year) == ("eng", 1965)
    assert book.subjects == [
        "Deserts -- Fiction -- United States",
        "Ecology",
        "Arrakis (Imaginary place) -- Maps",
    ]


@pytest.mark.parametrize(
    ("fields", "authors"),
    [
        ([field("100", "aElizabeth", "bII,", "cQueen", indicators="0 ")],
         ["Elizabeth II"]),
        ([field("100", "aKing, Martin Luther,", "cJr.,", indicators="1 ")],
         ["Martin Luther King Jr."]),
        ([field("100", "aTolkien, J. R. R.", indicators="1 ")], ["J. R. R. Tolkien"]),
        ([field("110", "aUnited States.", "bCongress.")], ["United States. Congress"]),
        ([field("700", "aA, B,", "eeditor.", indicators="1 "),
          field("700", "aC, D,", "etranslator.", indicators="1 ")], ["B A"]),
        ([field("700", "aC, D,", "4trl", indicators="1 ")], ["D C"]),
        ([NAME, field("700", "aBach, J. S.", "tFugues.", indicators="12")],
         ["Frank Herbert"]),
        ([NAME, NAME], ["Frank Herbert"]),
        ([], ["Frank Herbert"]),
    ],
)  # fmt: skip
def test_names_are_those_of_who_wrote_it(imported, a_file, fields, authors):
    imported(a_file(record(TITLE, *fields)))

    assert Book.objects.get().authors == authors


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("Dune.", "Dune"),
        ("The U.S.A.", "The U.S.A."),
        ("Plan B.", "Plan B."),
        ("Wait...", "Wait..."),
        ("Cats, dogs, etc.", "Cats, dogs, etc."),
        ("Who? :", "Who?"),
        ("\x98The\x9c Thing", "The Thing"),
    ],
)
def test_a_title_loses_what_isbd_puts_behind_it(imported, a_file, title, kept):
    imported(a_file(record(NAME, field("245", f"a{title}"))))

    assert Book.objects.get().title == kept


@pytest.mark.parametrize(
    ("numbers", "isbn13", "given", "warnings"),
    [
        (["0441013598 (wrong)", "9780441013593 (hbk)"], "9780441013593", None, 0),
        (["0441013598 (wrong)"], None, "0441013598", 1),
        (["none"], None, "none", 1),
        ([], None, "", 0),
    ],
)
def test_the_first_isbn_that_holds_is_taken(
    imported, a_file, numbers, isbn13, given, warnings
):
    fields = [field("020", f"a{each}") for each in numbers]

    report = imported(a_file(record(NAME, TITLE, *fields)))

    book = Book.objects.get()
    assert (book.isbn13, book.isbn_given) == (isbn13, given or isbn13 or "")
    assert len(report.warnings) == warnings


@pytest.mark.parametrize(
    ("fields", "language", "year"),
    [
        ([control("008", "850101s1984    xx            000 0 uzb d")], "uzb", 1984),
        ([control("008", "850101s1984    xx            000 0 und d")], "", 1984),
        ([control("008", "8501")], "", None),
        ([field("041", "aengfre")], "eng", None),
        ([field("260", "cc1999.")], "", 1999),
        ([field("264", "c©2001", indicators=" 4"),
          field("264", "c2000", indicators=" 1")], "", 2000),
        ([field("260", "c[19--?]")], "", None),
        ([field("260", "c12345")], "", None),
    ],
)  # fmt: skip
def test_language_and_year_stand_in_several_places(
    imported, a_file, fields, language, year
):
    imported(a_file(record(NAME, TITLE, *fields)))

    book = Book.objects.get()
    assert (book.language, book.year) == (language, year)


@pytest.mark.parametrize(
    ("text", "leader9", "warnings"),
    [
        ("Café Köln".encode(), "a", 0),
        ("Cafe\u0301 Ko\u0308ln".encode(), "a", 0),
        ("Café Köln".encode(), " ", 0),
        (b"Caf\xe2e K\xe8oln", " ", 0),
        (b"Caf\xe2e K\xe8oln", "a", 1),
        ("Café Köln".encode("latin-1"), "a", 1),
        ("Café Köln".encode("latin-1"), " ", 1),
    ],
)
def test_texts_are_read_as_what_they_are(imported, a_file, text, leader9, warnings):
    report = imported(a_file(raw(text, leader9=leader9)))

    assert Book.objects.get().title == "Café Köln"
    assert [each.code for each in report.warnings] == ["wrong_encoding"] * warnings


def test_another_alphabet_of_marc_8_is_read(imported, a_file):
    imported(a_file(raw(b"\x1b(NwOJNA\x1b(B", leader9=" ")))

    assert Book.objects.get().title == "Война"


def test_a_code_page_that_only_looks_like_marc_8_is_not_taken_for_it(imported, a_file):
    imported(a_file(raw("Señor Pérez".encode("latin-1"))))

    assert Book.objects.get().title == "Señor Pérez"


GOOD = record(NAME, TITLE).as_marc()
DAMAGED = {
    "no digits for its base": GOOD[:12] + b"xxxxx" + GOOD[17:],
    "a directory that is cut": GOOD[:12] + b"00030" + GOOD[17:],
    "letters in its directory": GOOD[:24] + b"100abcdefghi" + GOOD[36:],
    "no fields": b"00026nam a2200025 a 4500\x1e\x1d",
    "a leader of Cyrillic": "Война и мир".encode() + b"\x1d",
    "rubbish": b"rubbish\x1d",
    "a NUL in its title": raw(b"Du\0ne"),
    "no title": record(NAME).as_marc(),
    "no name": record(field("245", "aBeowulf.")).as_marc(),
    "an authority": record(NAME, TITLE, leader6="z").as_marc(),
    "a deleted record": record(NAME, TITLE, leader5="d").as_marc(),
    "a title of bytes": raw(bytes(range(0x80, 0x100))),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_one_bad_record_does_not_stop_the_rest(imported, a_file, damage):
    report = imported(a_file(GOOD, DAMAGED[damage], b"\r\n", GOOD))

    assert [number for number, _ in rejected(report)] == [2]
    assert len(report.added) == 2


@pytest.mark.parametrize("stated", [b"00000", b"99999", b"00100"])
def test_a_wrong_length_is_of_no_consequence(imported, a_file, stated):
    report = imported(a_file(stated + GOOD[5:], GOOD))

    assert len(report.added) == 2


def test_a_file_that_ends_within_a_record_is_read_up_to_there(imported, a_file):
    report = imported(a_file(GOOD, GOOD[:-20]))

    assert (len(report.added), rejected(report)) == (1, [(2, "truncated")])


def test_a_file_without_an_end_of_a_record_is_not_read_into_memory(imported, a_file):
    report = imported(a_file(b"x" * (marc.LONGEST + 2 * marc.BLOCK), b"\x1d", GOOD))

    assert [code for _, code in rejected(report)] == ["too_long", "unreadable_record"]
    assert len(report.added) == 1


def test_records_are_known_again_by_their_own_numbers(imported, a_file):
    own = [control("001", "17"), control("003", "UzT")]
    first = a_file(record(*own, NAME, TITLE), record(control("001", "17"), NAME, TITLE))
    other = a_file(record(NAME, TITLE), record(*own, NAME, TITLE), name="other.mrc")

    imported(first)
    report = imported(other)

    assert (len(report.added), report.known) == (1, 1)
    assert set(Book.objects.values_list("source_key", flat=True)) == {
        *("UzT:17", "books:17", "other:1"),
    }


XML = """<?xml version="1.0"?>
<collection xmlns="http://www.loc.gov/MARC21/slim">
<record><leader>00000nam a2200000 a 4500</leader>
<datafield tag="100" ind1="1" ind2=" "><subfield code="a">Qodiriy, Abdulla</subfield>
</datafield><datafield tag="245" ind1="1" ind2="0">
<subfield code="a">Oʻtkan kunlar /</subfield></datafield></record>
<record><leader>short</leader></record>
<record><leader>00000nam a2200000 a 4500</leader>
<datafield tag="245" ind1="1" ind2="0"><subfield code="a">T</subfield>
<subfield code="c">A</subfield></datafield></record>
"""


def test_records_may_come_as_xml(imported, a_file):
    report = imported(a_file(f"{XML}</collection>".encode(), name="books.xml"))

    assert [each.title for each in report.added] == ["Oʻtkan kunlar", "T"]
    assert rejected(report) == [(2, "unreadable_record")]


def test_xml_that_breaks_off_is_read_up_to_there(imported, a_file):
    report = imported(a_file(f"{XML}<record>".encode(), name="books.xml"))

    assert len(report.added) == 2
    assert rejected(report)[1:] == [(4, "not_xml")]


def test_xml_loads_nothing_from_anywhere(imported, a_file, tmp_path):
    (tmp_path / "secret").write_text("secret")
    entity = f'<!DOCTYPE x [<!ENTITY s SYSTEM "file://{tmp_path}/secret">]>'
    text = XML.replace("<collection", f"{entity}<collection").replace("Oʻtkan", "&s;")

    report = imported(a_file(f"{text}</collection>".encode(), name="books.xml"))

    assert "secret" not in str(report)


def test_rejected_records_can_be_corrected_as_rows(imported, a_file, tmp_path, now):
    path = a_file(record(control("001", "5"), TITLE, field("110", "aFord, Inc.")),
                  record(control("001", "6"), field("110", "aFord, Inc.")))  # fmt: skip
    kept = tmp_path / "rejects.csv"
    with (
        marc.opened(path, source="m") as file,
        rejects.opened(kept, place=file.place, headings=file.headings) as into,
    ):
        for report in importing.batches(file, now=now):
            into.write(report.rejected)

    heading, row = csv.reader(kept.read_text().splitlines())
    row[heading.index("title")] = "Cars"
    with kept.open("w", newline="") as file:
        csv.writer(file).writerows([heading, row])
    importing.import_csv(kept, now=now)

    book = Book.objects.get(title="Cars")
    assert (book.source_key, book.authors) == ("m:6", ["Ford, Inc"])
