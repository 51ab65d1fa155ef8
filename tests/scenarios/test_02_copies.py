"""
A copy of an unknown book: refused, nothing recorded. One circulating and one restricted
copy of a book: both exist.
"""

from __future__ import annotations

from uuid import uuid4

import pytest

from library.catalog import copies
from library.catalog.models import Copy
from library.catalog.refusals import UnknownBook


def test_a_copy_of_an_unknown_book_is_refused_and_nothing_recorded(db, events, now):
    with pytest.raises(UnknownBook):
        copies.add_copy(book_id=uuid4(), barcode="KT-1", now=now)

    assert events("copy.added") == []
    assert Copy.objects.count() == 0


def test_a_circulating_and_a_restricted_copy_of_a_book_both_exist(db, a_book, a_copy):
    book_id = a_book()

    for kind in ("book", "restricted"):
        a_copy(book_id=book_id, kind=kind)

    kinds = Copy.objects.live().filter(book=book_id).values_list("kind", flat=True)
    assert sorted(kinds) == ["book", "restricted"]
