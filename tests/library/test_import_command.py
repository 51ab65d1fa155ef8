from __future__ import annotations

import pymarc
import pytest
from django.core.management import CommandError, call_command

from library.catalog import importing
from library.catalog.models import Book
from outbox import progress


def test_it_says_what_became_of_each_row(db, tmp_path, capsys):
    path = tmp_path / "books.csv"
    path.write_text("title,authors,isbn\nDune,Frank Herbert,1234567890\n,Nobody,\n")

    call_command("import_books", path)

    said = capsys.readouterr()
    assert said.out == "1 added, 0 known, 1 warnings, 1 rejected\n"
    assert "line 2: invalid_isbn" in said.err
    assert "line 3: invalid_description" in said.err
    assert Book.objects.get().title == "Dune"


def test_a_file_that_is_not_there_is_a_clear_error(db, tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_books", tmp_path / "none.csv")


def test_a_dry_run_says_so_and_keeps_the_rejects(db, tmp_path, capsys):
    path, rejected = tmp_path / "books.csv", tmp_path / "rejects.csv"
    path.write_text("title,authors\nDune,Frank Herbert\n,Nobody\n")

    call_command("import_books", path, "--dry-run", "--rejects", str(rejected))

    said = capsys.readouterr().out
    assert said == (
        "1 added, 0 known, 0 warnings, 1 rejected (a dry run: nothing was written)\n"
    )
    assert not Book.objects.exists()
    assert rejected.read_text().splitlines()[1].startswith("3,invalid_description,")


def test_rejects_do_not_overwrite_the_books(db, tmp_path):
    path = tmp_path / "books.csv"
    path.write_text("title,authors\nDune,Frank Herbert\n")

    with pytest.raises(CommandError, match="overwrite"):
        call_command("import_books", path, "--rejects", str(path))

    assert path.read_text().startswith("title")


@pytest.mark.parametrize(("name", "more"), [("b.mrc", []), ("b", ["--format", "marc"])])
def test_marc_is_known_by_its_name_or_named(db, tmp_path, capsys, name, more):
    record = pymarc.Record()
    for tag, text in (("100", "Frank Herbert"), ("245", "Dune /")):
        record.add_field(pymarc.Field(tag, subfields=[pymarc.Subfield("a", text)]))
    path = tmp_path / name
    path.write_bytes(record.as_marc())

    call_command("import_books", path, *more, "--source", "here")

    assert capsys.readouterr().out.startswith("1 added")
    assert Book.objects.get().source_key == "here:1"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--encoding", "klingon"], "no encoding 'klingon'"),
        (["--encoding", "rot13"], "no encoding 'rot13'"),
        (["--rejects", "nowhere/rejects.csv"], "No such file"),
    ],
)
def test_what_cannot_be_done_is_a_clear_error(db, tmp_path, given, message):
    path = tmp_path / "books.csv"
    path.write_text("title,authors\nDune,Frank Herbert\n")

    with pytest.raises(CommandError, match=message):
        call_command("import_books", path, *given)


def test_elsewhere_than_on_a_terminal_progress_is_said_in_lines(
    db, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(progress, "EVERY", 0.0)
    monkeypatch.setattr(importing, "BATCH", 2)
    path = tmp_path / "books.csv"
    path.write_text("title,authors\n" + f"{'T' * 1000},A\n" * 4)

    call_command("import_books", path)

    assert capsys.readouterr().err.count("books.csv: 4 of 4 kB, ") == 2


def test_a_cell_moves_no_cursor_of_whoever_reads_why(db, tmp_path, capsys):
    path = tmp_path / "books.csv"
    path.write_text("title,authors,isbn\nDune,Frank Herbert,\x1b[2J\n")

    call_command("import_books", path)

    assert "\x1b" not in capsys.readouterr().err
