"""
The Django signals others may receive.

    @receiver(book_borrowed)
    def thank(sender, event, book, copy, user, **kwargs): ...

Receivers run in the relay, after the commit, each on its own: its effect on
the database commits with the note that it was called. `sender` is the class
of the event. Rows are as they stand when the signal arrives; None if erased. Those
that the receiver does not name are not looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Model
from django.dispatch import Signal

from library.catalog.events import (
    BookCreated,
    BookDeleted,
    BookUpdated,
    CopyAdded,
    CopyRemoved,
)
from library.catalog.models import Book, Copy
from library.lending.date_events import CopyOverdue
from library.lending.events import CopyBorrowed, CopyRenewed, CopyReturned
from library.members.events import UserRegistered, UserUpdated
from library.members.models import User

book_created = Signal()
book_updated = Signal()
book_deleted = Signal()
copy_added = Signal()
copy_removed = Signal()
book_borrowed = Signal()
book_overdue = Signal()
book_renewed = Signal()
book_returned = Signal()
user_registered = Signal()
user_updated = Signal()

SIGNALS = {
    BookCreated: book_created,
    BookUpdated: book_updated,
    BookDeleted: book_deleted,
    CopyAdded: copy_added,
    CopyRemoved: copy_removed,
    CopyBorrowed: book_borrowed,
    CopyOverdue: book_overdue,
    CopyRenewed: book_renewed,
    CopyReturned: book_returned,
    UserRegistered: user_registered,
    UserUpdated: user_updated,
}

_ROWS: dict[str, tuple[str, type[Model]]] = {
    "book_id": ("book", Book),
    "copy_id": ("copy", Copy),
    "member_id": ("user", User),
}


def rows_concerned(
    event: Any, asked_for: Callable[[str], bool]
) -> dict[str, Model | None]:
    """Return `book`, `copy` and `user`, as far as the event is about them."""
    return {
        name: model._default_manager.filter(pk=getattr(event, field)).first()
        for field, (name, model) in _ROWS.items()
        if field in event.about and asked_for(name)
    }
