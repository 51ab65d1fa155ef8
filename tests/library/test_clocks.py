"""
Every rule with a clock, on the days on which clocks are changed and on one like any.

Each is asked at the two midnights of a day by the clocks of the branch: its first
second belongs to it, its last one too. The offsets are those that the clocks show
then, written down and not worked out.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from library.accounts.models import Fee
from library.catalog.models import Copy
from library.lending import holds, loans, start_of_day
from library.lending.hold_refusals import HoldNotOver
from library.lending.letters import hold_ready, loan_receipt
from library.lending.models import Hold, Loan
from library.lending.refusals import TooSoon
from library.policies import policies
from outbox import log
from outbox.models import Event

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
LOAN_DAYS, PICKUP_DAYS = 28, 10

# A day, and how far its first and its last second are ahead of UTC, in hours.
DAYS = [
    ("Asia/Tashkent", date(2026, 3, 29), +5, +5),
    ("Europe/London", date(2026, 3, 28), +0, +0),
    ("Europe/London", date(2026, 3, 29), +0, +1),  # has 23 hours
    ("Europe/London", date(2026, 3, 30), +1, +1),
    ("Europe/London", date(2026, 10, 24), +1, +1),
    ("Europe/London", date(2026, 10, 25), +1, +0),  # has 25 hours
    ("Europe/London", date(2026, 10, 26), +0, +0),
    ("America/Chicago", date(2026, 3, 7), -6, -6),
    ("America/Chicago", date(2026, 3, 8), -6, -5),
    ("America/Chicago", date(2026, 3, 9), -5, -5),
    ("America/Chicago", date(2026, 10, 31), -5, -5),
    ("America/Chicago", date(2026, 11, 1), -5, -6),
    ("America/Chicago", date(2026, 11, 2), -6, -6),
]


class Day:
    """A day at a branch, with a copy there; and other days beside it."""

    def __init__(self, zone, day, ahead_first, ahead_last):
        self.zone, self.day = ZoneInfo(zone), day
        midnight = datetime.combine(day, time.min, UTC)
        self.first = midnight - timedelta(hours=ahead_first)
        self.last = midnight + DAY - SECOND - timedelta(hours=ahead_last)

    def midnights(self, days_before):
        """Return the first and the last second of an earlier day."""
        day = self.day - days_before * DAY
        first = datetime.combine(day, time(0, 0, 0), self.zone)
        last = datetime.combine(day, time(23, 59, 59), self.zone)
        return [moment.astimezone(UTC) for moment in (first, last)]


@pytest.fixture(params=DAYS, ids=lambda given: f"{given[0]} {given[1]}")
def day(request):
    return Day(*request.param)


@pytest.fixture
def a_copy_there(db, day, a_branch, a_copy):
    branch_id = a_branch(time_zone=day.zone.key)
    return lambda: a_copy(branch_id=branch_id)


@pytest.fixture
def a_loan_due(day, a_copy_there, a_loan):
    """Lend a copy so that it is due with the day."""

    def make():
        return a_loan(copy_id=a_copy_there(), now=day.midnights(LOAN_DAYS)[0])

    return make


def test_a_loan_made_at_any_time_of_a_day_is_due_with_the_same_day(
    day, a_copy_there, a_loan
):
    due = {
        a_loan(copy_id=a_copy_there(), now=moment).due_at
        for moment in day.midnights(LOAN_DAYS)
    }

    assert due == {day.last}


def test_until_its_last_second_a_loan_goes_on_from_its_day_and_then_from_the_next(
    day, a_loan_due
):
    punctual, late = a_loan_due(), a_loan_due()

    in_time = loans.renew_loan(loan_id=punctual.loan_id, now=day.last)
    too_late = loans.renew_loan(loan_id=late.loan_id, now=day.last + SECOND)

    def days_on(moment):
        return (moment.astimezone(day.zone).date() - day.day).days

    assert days_on(in_time.due_at) == LOAN_DAYS
    assert days_on(too_late.due_at) == LOAN_DAYS + 1


def test_the_soonest_day_to_renew_begins_at_midnight(day, a_copy_there, a_loan, now):
    policies.set_policy(name="patience", renewable_days=LOAN_DAYS, now=now)
    loan = a_loan(copy_id=a_copy_there(), now=day.first)
    again = loans.renew_loan(loan_id=loan.loan_id, now=day.first)
    # Due 56 days after the day, so not to be renewed again for 28.
    soonest = datetime.combine(day.day + LOAN_DAYS * DAY, time.min, day.zone)

    with pytest.raises(TooSoon) as refusal:
        loans.renew_loan(loan_id=loan.loan_id, now=soonest.astimezone(UTC) - SECOND)
    renewed = loans.renew_loan(loan_id=loan.loan_id, now=soonest.astimezone(UTC))

    assert refusal.value.facts["soonest_on"] == day.day + LOAN_DAYS * DAY
    assert renewed.due_before == again.due_at


def test_a_loan_is_late_from_the_second_after_its_day(day, a_loan_due):
    a_loan_due()

    start_of_day.run(now=day.last)
    assert Loan.objects.get().overdue_at is None

    start_of_day.run(now=day.last + SECOND)
    assert Loan.objects.get().overdue_at == day.last + SECOND


def test_a_late_day_costs_as_much_with_23_hours_as_with_25(day, a_loan_due, now):
    policies.set_policy(name="fees", fee_per_day=100, now=now)
    in_time, a_second_late, a_day_late = a_loan_due(), a_loan_due(), a_loan_due()
    next_day = datetime.combine(day.day + DAY, time(23, 59, 59), day.zone)

    loans.return_copy(copy_id=in_time.copy_id, now=day.last)
    loans.return_copy(copy_id=a_second_late.copy_id, now=day.last + SECOND)
    loans.return_copy(copy_id=a_day_late.copy_id, now=next_day.astimezone(UTC))

    charged = dict(Fee.objects.values_list("loan_id", "amount"))
    assert charged == {a_second_late.loan_id: 100, a_day_late.loan_id: 100}


def test_a_copy_is_kept_to_the_last_second_of_a_day(day, a_copy_there, a_hold, a_book):
    ready = []
    for moment in day.midnights(PICKUP_DAYS):
        book_id = Copy.objects.get(id=a_copy_there()).book_id
        ready.append(a_hold(book_id, now=moment).hold_id)

    until = set(Hold.objects.values_list("pickup_until", flat=True))
    assert until == {day.last}
    for hold_id in ready:
        with pytest.raises(HoldNotOver):
            holds.expire_hold(hold_id=hold_id, now=day.last)
        assert holds.expire_hold(hold_id=hold_id, now=day.last + SECOND)


def test_letters_name_the_day_by_the_clocks_of_the_branch(
    day, a_copy_there, a_loan_due, a_hold
):
    loan = a_loan_due()
    copy_id = a_copy_there()
    a_hold(Copy.objects.get(id=copy_id).book_id, now=day.midnights(PICKUP_DAYS)[1])
    (ready,) = events_of("hold.ready")

    assert loan_receipt.context(loan)["due_on"] == day.day
    assert hold_ready.context(ready)["until_on"] == day.day


def events_of(event_type):
    return [log.decoded(row) for row in Event.objects.filter(type=event_type)]
