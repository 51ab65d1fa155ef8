"""
Start of day: only holds that ended expire, once; open-ended, cancelled and fulfilled
ones never. One failing entry does not stop the others.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from library.lending import holds, start_of_day
from library.lending.models import Hold

TEN_DAYS = timedelta(days=10)  # for pickup


def duty(now):
    (found,) = (d for d in start_of_day.run(now=now) if d.duty == "expire_holds")
    return found.done, found.failed


@pytest.fixture
def ready(a_book, a_copy, a_hold):
    """Place a hold of a book that is in, so that a copy is set aside for it."""

    def place():
        book_id = a_book()
        a_copy(book_id=book_id)
        return a_hold(book_id)

    return place


def test_only_those_that_ended_expire_and_once(db, ready, a_loan, a_hold, events, now):
    ended, cancelled, fulfilled = ready(), ready(), ready()
    open_ended = a_hold(a_loan().book_id)
    holds.cancel_hold(hold_id=cancelled.hold_id, now=now)
    copy_id = Hold.objects.get(id=fulfilled.hold_id).copy_id
    a_loan(copy_id=copy_id, member_id=fulfilled.member_id)
    last_moment = Hold.objects.get(id=ended.hold_id).pickup_until

    assert duty(last_moment) == (0, 0)
    assert duty(last_moment + timedelta(seconds=1)) == (1, 0)
    assert duty(last_moment + TEN_DAYS) == (0, 0)

    assert [each.hold_id for each in events("hold.expired")] == [ended.hold_id]
    assert Hold.objects.get(id=open_ended.hold_id).status == "waiting"


def test_one_failing_entry_does_not_stop_the_others(db, ready, now, monkeypatch):
    broken, *others = ready(), ready(), ready()
    expire = holds.expire_hold

    def fail_for_one(*, hold_id, now):
        if hold_id == broken.hold_id:
            raise RuntimeError("a fault of ours")
        return expire(hold_id=hold_id, now=now)

    with monkeypatch.context() as faulty:
        faulty.setattr(holds, "expire_hold", fail_for_one)
        assert duty(now + 2 * TEN_DAYS) == (len(others), 1)

    assert duty(now + 2 * TEN_DAYS) == (1, 0)  # tried again with the next run
