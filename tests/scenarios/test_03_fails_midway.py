"""The database fails midway: nothing recorded, nothing sent."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django_outbox_pattern.models import Published

from library.catalog import books
from library.catalog.models import Book
from library.lending import loans
from library.lending.models import Loan
from outbox import points, sequencer
from outbox.models import Delivery, Event

PLACES = [
    "after_rows_before_events",
    "after_outbox_rows_before_commit",
]


@pytest.fixture
def failing():
    """Have the database go away at a place, as it does when its server stops."""

    def fail_at(place):
        def listener(passed):
            if passed == place:
                raise OperationalError("server closed the connection unexpectedly")

        points.listen(listener)

    yield fail_at
    points.listen(None)


def everything():
    """Count all that an operation could have left behind."""
    tables = (Book, Loan, Event, Published, Delivery)
    return [table._default_manager.count() for table in tables]


@pytest.mark.parametrize("place", PLACES)
def test_nothing_of_a_book_or_a_loan_is_left(
    committed_db, failing, a_copy, a_member, now, place
):
    copy_id, member_id = a_copy(), a_member()
    sequencer.sequence_all()
    before = everything()
    failing(place)

    with pytest.raises(OperationalError):
        books.add_book(title="Good Omens", authors=["Terry Pratchett"], now=now)
    with pytest.raises(OperationalError):
        loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=now)

    points.listen(None)
    sequencer.sequence_all()
    assert everything() == before
    loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=now)
