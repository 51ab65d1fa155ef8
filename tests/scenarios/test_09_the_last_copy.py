"""
Two members race for the last copy: one hold assigned, the other queued; a duplicate
hold on a copy cannot exist.
"""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from library.lending.models import Hold
from outbox.apply import written
from outbox.folds import domain_folds
from tests.threads import at_once


@pytest.fixture
def last_copy(a_book, a_copy):
    """The only copy of a book."""
    book_id = a_book()
    return book_id, a_copy(book_id)


def test_one_is_assigned_and_the_other_queued(
    committed_db, last_copy, a_member, a_hold
):
    book_id, copy_id = last_copy
    members = [a_member(), a_member()]

    at_once(2, lambda number: a_hold(book_id, members[number]))

    first, second = Hold.objects.with_positions().order_by("number")
    assert (first.status, first.copy_id, first.position) == ("ready", copy_id, None)
    assert (second.status, second.copy_id, second.position) == ("waiting", None, 1)


def test_two_holds_on_one_copy_cannot_exist(db, last_copy, a_hold):
    book_id, copy_id = last_copy
    assigned, queued = a_hold(book_id), a_hold(book_id)
    ready = Hold.objects.get(id=assigned.hold_id)
    (fold,) = [fold for fold in domain_folds() if fold.model is Hold]

    with pytest.raises(IntegrityError, match="one_open_per_copy"), transaction.atomic():
        written(fold).filter(id=queued.hold_id).update(
            copy=copy_id, ready_at=ready.ready_at, pickup_until=ready.pickup_until
        )
