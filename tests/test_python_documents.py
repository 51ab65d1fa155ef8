"""The Python of docs/signals.md and docs/receiving.md, run as it stands there."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from unittest.mock import Mock

from django.test import RequestFactory

from library.lending.loans import borrow_copy
from library.signals import book_borrowed
from outbox.channels.webhooks import keys, signing

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page):
    """Return the page's blocks of Python, ready to be executed."""
    text = (DOCS / page).read_text()
    found = re.findall(r"^```python\n(.+?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [compile(each, f"docs/{page}", "exec") for each in found]


class Readings:
    """What Django would keep of `Reading.objects`, the page's own table."""

    def __init__(self):
        self.rows = set()

    def get_or_create(self, *, book, member):
        self.rows.add((book.id, member.id))

    def count(self):
        return len(self.rows)


def test_a_receiver_and_its_test_are_as_the_page_of_signals_says(
    db, a_book, a_copy, a_member, now
):
    connect, try_out = blocks("signals.md")
    member_id, book_id = a_member(), a_book()
    copy_id, another_id = a_copy(book_id), a_copy(book_id)
    names = {
        "Reading": Mock(objects=Readings()),
        "borrow_copy": borrow_copy,
        "copy_id": copy_id,
        "another_id": another_id,
        "member_id": member_id,
        "now": now,
    }

    exec(connect, names)
    try:
        exec(try_out, names)
    finally:
        left = book_borrowed.disconnect(
            dispatch_uid="reading_club.count_a_reader", sender=None
        )

    assert left
    ((_, reader_id),) = names["Reading"].objects.rows
    assert reader_id == member_id


def test_another_project_receives_as_the_page_says(db, settings):
    (receiving,) = blocks("receiving.md")
    settings.LIBRARY_SECRET = keys.new("v1")
    shelf = Mock()
    names = {"Shelf": shelf}
    exec(receiving, names)
    (route,) = names["urlpatterns"]
    body = json.dumps({"type": "book.borrowed", "data": {"book_id": "7"}}).encode()
    headers = signing.headers(
        [settings.LIBRARY_SECRET], "msg_1", int(time.time()), body
    )

    answers = [
        route.callback(
            RequestFactory().post(
                "/hooks/library/", body, "application/json", headers=headers
            )
        )
        for _ in range(2)
    ]

    assert [json.loads(each.content) for each in answers] == [
        {"first": True},
        {"first": False},
    ]
    shelf.objects.filter.assert_called_once_with(book="7")
