from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from library.catalog.models import Book


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
