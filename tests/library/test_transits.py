"""Returns at any branch, copies under way, and the night box: a librarian's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from library.accounts.models import Fee
from library.advance import advance
from library.catalog import branches, copies
from library.catalog.models import Copy
from library.catalog.refusals import BranchNeverOpens, UnknownBranch, UnknownCopy
from library.lending import holds, loans, start_of_day
from library.lending.conditions import mark_copy
from library.lending.copy_events import CopySent
from library.lending.copy_refusals import ReturnedTooEarly
from library.lending.hold_events import HoldReady
from library.lending.models import Hold, Loan, Transit
from library.lending.refusals import OnHoldForOther
from library.lending.transits import scan_copy
from library.policies import policies
from library.refusals import StillInUse
from outbox import sequencer
from outbox.models import Event
from projections import feed
from projections.models import Availability
from tests.threads import at_once

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


@pytest.fixture
def here(a_branch):
    return a_branch()


@pytest.fixture
def there(a_branch):
    return a_branch()


@pytest.fixture
def third(a_branch):
    return a_branch()


@pytest.fixture
def at_home_here(a_copy, here):
    """Add a copy that is at home here."""
    return a_copy(branch_id=here)


@pytest.fixture
def under_way(db, at_home_here, a_loan, a_hold, there, now):
    """Have a copy come back here that somebody wants to pick up there."""
    a_loan(copy_id=at_home_here)
    hold = a_hold(Copy.objects.get(id=at_home_here).book_id, pickup_branch_id=there)
    loans.return_copy(copy_id=at_home_here, now=now)
    return at_home_here, hold.hold_id


def said():
    """Return the types of what was recorded, in order."""
    return list(Event.objects.order_by("seq").values_list("type", flat=True))


def status(hold_id):
    return Hold.objects.get(id=hold_id).status


def test_a_copy_that_comes_back_at_home_goes_to_the_shelf(
    db, at_home_here, a_loan, now
):
    a_loan(copy_id=at_home_here)

    loans.return_copy(copy_id=at_home_here, now=now)

    assert not Transit.objects.exists()
    assert scan_copy(copy_id=at_home_here, now=now).status == "on_shelf"


def test_it_is_written_down_where_a_copy_came_back(
    db, at_home_here, a_loan, here, there, now
):
    a_loan(copy_id=at_home_here)
    at_home = loans.return_copy(copy_id=at_home_here, now=now)
    a_loan(copy_id=at_home_here)
    elsewhere = loans.return_copy(copy_id=at_home_here, at=there, now=now)

    assert (at_home.branch_id, elsewhere.branch_id) == (here, there)


def test_a_copy_that_comes_back_elsewhere_is_under_way_home(
    db, at_home_here, a_loan, here, there, now
):
    a_loan(copy_id=at_home_here)

    loans.return_copy(copy_id=at_home_here, at=there, now=now)

    transit = Transit.objects.get()
    assert (transit.from_branch_id, transit.to_branch_id) == (there, here)


def test_where_nobody_has_branches_copies_stay_on_the_shelf(db, a_loan, now):
    loan = a_loan()

    loans.return_copy(copy_id=loan.copy_id, now=now)

    assert said()[-1] == "book.returned"


def test_a_copy_that_is_at_home_nowhere_stays_where_it_came_back(
    db, a_loan, there, now
):
    loan = a_loan()

    loans.return_copy(copy_id=loan.copy_id, at=there, now=now)

    assert said()[-1] == "book.returned"


def test_a_copy_is_not_returned_to_a_branch_that_is_none(db, a_loan, now):
    loan = a_loan()

    with pytest.raises(UnknownBranch):
        loans.return_copy(copy_id=loan.copy_id, at=uuid4(), now=now)
    assert Loan.objects.open().count() == 1


def test_who_waits_where_a_copy_comes_back_gets_it_there(
    db, at_home_here, a_loan, a_hold, there, now
):
    loan = a_loan(copy_id=at_home_here)
    anywhere = a_hold(loan.book_id)

    loans.return_copy(copy_id=at_home_here, at=there, now=now)

    hold = Hold.objects.get(id=anywhere.hold_id)
    assert (hold.status, hold.branch_id) == ("ready", there)


def test_a_copy_wanted_elsewhere_is_ready_only_when_it_is_there(
    under_way, there, third, now
):
    copy_id, hold_id = under_way
    assert status(hold_id) == "in_transit"

    scan_copy(copy_id=copy_id, at=third, now=now)
    assert status(hold_id) == "in_transit"
    scan_copy(copy_id=copy_id, at=there, now=now)

    hold = Hold.objects.get(id=hold_id)
    assert (hold.status, hold.branch_id) == ("ready", there)
    assert not Transit.objects.exists()


def test_pickup_ends_with_a_day_at_the_branch_of_the_pickup(
    db, at_home_here, a_hold, a_branch, now
):
    # Sunday 29 March has 23 hours in London, and the branch is closed on it.
    london = a_branch(time_zone="Europe/London", closed_weekdays=[6])
    policies.set_policy(name="short", pickup_days=1, now=now)
    a_hold(Copy.objects.get().book_id, pickup_branch_id=london)

    scan_copy(copy_id=at_home_here, at=london, now=datetime(2026, 3, 28, 9, tzinfo=UTC))

    hold = Hold.objects.get()
    assert hold.pickup_until == datetime(2026, 3, 30, 22, 59, 59, tzinfo=UTC)


def test_a_free_copy_is_sent_at_once_to_who_wants_it_elsewhere(
    db, at_home_here, a_hold, there, now
):
    hold = a_hold(Copy.objects.get().book_id, pickup_branch_id=there)

    assert status(hold.hold_id) == "in_transit"
    assert Transit.objects.get().to_branch_id == there


def test_a_copy_that_is_there_goes_before_one_that_would_be_sent(
    db, a_book, a_copy, a_hold, here, there
):
    book_id = a_book()
    a_copy(book_id, branch_id=here)
    near = a_copy(book_id, branch_id=there)

    hold = a_hold(book_id, pickup_branch_id=there)

    assert Hold.objects.get(id=hold.hold_id).copy_id == near
    assert status(hold.hold_id) == "ready"


def test_nobody_waits_for_a_branch_that_never_opens(db, at_home_here, a_hold, a_branch):
    closed = a_branch(closed_weekdays=range(7))

    with pytest.raises(BranchNeverOpens):
        a_hold(Copy.objects.get().book_id, pickup_branch_id=closed)

    assert not Hold.objects.exists()


def test_a_wish_that_nobody_could_pick_up_keeps_no_one_from_renewing(
    db, a_loan, a_hold, a_branch, there, now
):
    kept, wanted, elsewhere = a_loan(), a_loan(), a_branch()
    a_hold(kept.book_id, pickup_branch_id=elsewhere)
    a_hold(wanted.book_id, pickup_branch_id=there)
    close(elsewhere, now)

    renewed = loans.renew_loan(loan_id=kept.loan_id, now=now + DAY)

    assert renewed.due_at > kept.due_at
    with pytest.raises(OnHoldForOther):
        loans.renew_loan(loan_id=wanted.loan_id, now=now + DAY)


def test_a_branch_that_never_opens_any_more_sends_the_copy_home(
    under_way, there, here, now
):
    copy_id, hold_id = under_way
    close(there, now)

    scan_copy(copy_id=copy_id, at=there, now=now)

    assert status(hold_id) == "waiting"
    assert Transit.objects.get().to_branch_id == here


def close(branch_id, now):
    branches.describe_branch(
        branch_id=branch_id,
        name="Closed",
        time_zone="UTC",
        closed_weekdays=range(7),
        now=now,
    )


def test_the_first_who_waits_is_told_first_though_others_are_nearer(
    db, at_home_here, a_loan, a_hold, here, there, now
):
    loan = a_loan(copy_id=at_home_here)
    first = a_hold(loan.book_id, pickup_branch_id=there)
    second = a_hold(loan.book_id, pickup_branch_id=here)

    loans.return_copy(copy_id=at_home_here, at=here, now=now)

    assert (status(first.hold_id), status(second.hold_id)) == ("in_transit", "waiting")


def test_who_waits_no_longer_leaves_the_copy_under_way_to_the_next(
    under_way, a_hold, there, now
):
    copy_id, hold_id = under_way
    second = a_hold(Copy.objects.get().book_id)

    cancelled = holds.cancel_hold(hold_id=hold_id, now=now)
    assert cancelled.copy_id is None
    assert status(second.hold_id) == "waiting"
    scan_copy(copy_id=copy_id, at=there, now=now)

    hold = Hold.objects.get(id=second.hold_id)
    assert (hold.status, hold.branch_id) == ("ready", there)


def test_a_copy_under_way_for_nobody_is_on_the_shelf_where_it_is_at_home(
    under_way, here, third, now
):
    copy_id, hold_id = under_way
    assert scan_copy(copy_id=copy_id, at=here, now=now).status == "in_transit"
    holds.cancel_hold(hold_id=hold_id, now=now)

    assert scan_copy(copy_id=copy_id, at=third, now=now).status == "in_transit"
    assert scan_copy(copy_id=copy_id, at=here, now=now).status == "on_shelf"

    assert said()[-1] == "copy.arrived"
    assert not Transit.objects.exists()


def test_a_copy_nobody_came_for_goes_home(under_way, here, there, now):
    copy_id, hold_id = under_way
    scan_copy(copy_id=copy_id, at=there, now=now)
    over = Hold.objects.get().pickup_until + SECOND

    start_of_day.run(now=over)

    assert status(hold_id) == "expired"
    transit = Transit.objects.get()
    assert (transit.from_branch_id, transit.to_branch_id) == (there, here)


def test_a_hold_that_is_under_way_does_not_expire(under_way, now):
    start_of_day.run(now=now + 400 * DAY)

    assert status(under_way[1]) == "in_transit"


def test_a_copy_under_way_is_not_promised_to_others(under_way, a_hold, now):
    second = a_hold(Copy.objects.get().book_id)

    start_of_day.run(now=now)

    assert status(second.hold_id) == "waiting"
    assert Hold.objects.assigned().count() == 1


def test_a_copy_under_way_home_waits_for_its_arrival_before_it_is_promised(
    db, at_home_here, a_loan, a_hold, here, there, now
):
    loan = a_loan(copy_id=at_home_here)
    loans.return_copy(copy_id=at_home_here, at=there, now=now)
    hold = a_hold(loan.book_id)
    start_of_day.run(now=now)
    assert status(hold.hold_id) == "waiting"

    scan_copy(copy_id=at_home_here, at=here, now=now)

    assert status(hold.hold_id) == "ready"


def test_a_copy_under_way_for_somebody_is_not_lent_to_another(under_way, a_member, now):
    copy_id, _ = under_way

    with pytest.raises(OnHoldForOther):
        loans.borrow_copy(copy_id=copy_id, member_id=a_member(), now=now)


def test_who_meets_the_copy_on_its_way_may_take_it(under_way, now):
    copy_id, hold_id = under_way
    member_id = Hold.objects.get().member_id

    lent = loans.borrow_copy(copy_id=copy_id, member_id=member_id, now=now)

    assert (lent.hold_id, lent.hold_copy_id) == (hold_id, None)
    assert lent.transit_id
    assert not Transit.objects.exists()
    assert status(hold_id) == "fulfilled"


def test_who_takes_another_copy_leaves_the_one_under_way_to_its_way(
    under_way, a_copy, here, there, now
):
    copy_id, hold_id = under_way
    hold = Hold.objects.get()
    other = a_copy(hold.book_id, branch_id=here)

    loans.borrow_copy(copy_id=other, member_id=hold.member_id, now=now)

    assert status(hold_id) == "fulfilled"
    assert Transit.objects.get().copy_id == copy_id
    assert scan_copy(copy_id=copy_id, at=there, now=now).branch_id == here


def test_a_copy_that_went_missing_on_its_way_is_sought(under_way, there, now):
    copy_id, hold_id = under_way

    mark_copy(copy_id=copy_id, condition="missing", now=now)

    assert not Transit.objects.exists()
    assert status(hold_id) == "waiting"


def test_a_missing_copy_that_is_scanned_is_found(db, at_home_here, here, there, now):
    mark_copy(copy_id=at_home_here, condition="missing", now=now)

    where = scan_copy(copy_id=at_home_here, at=there, now=now)

    assert Copy.objects.get().condition == ""
    assert (where.status, where.branch_id) == ("in_transit", here)


def test_a_found_copy_goes_to_who_waits(under_way, there, now):
    copy_id, hold_id = under_way
    mark_copy(copy_id=copy_id, condition="missing", now=now)

    scan_copy(copy_id=copy_id, at=there, now=now)

    assert status(hold_id) == "ready"


def test_a_damaged_copy_stays_so_when_it_is_scanned_and_goes_nowhere(
    db, at_home_here, a_loan, there, now
):
    a_loan(copy_id=at_home_here)
    loans.return_copy(copy_id=at_home_here, at=there, now=now)
    mark_copy(copy_id=at_home_here, condition="damaged", now=now)

    where = scan_copy(copy_id=at_home_here, at=there, now=now)

    assert where.status == Copy.objects.get().condition == "damaged"
    assert not Transit.objects.exists()
    assert available() == 0


def test_a_copy_may_be_scanned_as_often_as_one_likes(under_way, there, now):
    copy_id, hold_id = under_way
    scan_copy(copy_id=copy_id, at=there, now=now)
    before = Event.objects.count()

    again = scan_copy(copy_id=copy_id, at=there, now=now)

    assert (again.status, again.branch_id, again.hold_id) == ("ready", there, hold_id)
    assert Event.objects.count() == before


def test_a_copy_on_loan_stays_so_when_it_is_scanned(db, a_loan, now):
    loan = a_loan()

    where = scan_copy(copy_id=loan.copy_id, now=now)

    assert where.status == "on_loan"
    assert Loan.objects.open().count() == 1


def test_only_copies_and_branches_that_there_are_can_be_scanned(db, a_copy, now):
    with pytest.raises(UnknownCopy):
        scan_copy(copy_id=uuid4(), now=now)
    with pytest.raises(UnknownBranch):
        scan_copy(copy_id=a_copy(), at=uuid4(), now=now)


def test_a_copy_whose_home_moved_meanwhile_is_sent_on(
    db, at_home_here, a_loan, here, there, third, now
):
    a_loan(copy_id=at_home_here)
    loans.return_copy(copy_id=at_home_here, at=there, now=now)
    copies.move_copy(copy_id=at_home_here, branch_id=third, now=now)

    where = scan_copy(copy_id=at_home_here, at=here, now=now)

    assert (where.status, where.branch_id) == ("in_transit", third)
    assert said()[-2:] == ["copy.arrived", "copy.sent"]


def test_a_copy_under_way_to_where_it_was_at_home_is_at_home_where_it_is_now(
    db, at_home_here, a_loan, here, there, now
):
    a_loan(copy_id=at_home_here)
    loans.return_copy(copy_id=at_home_here, at=there, now=now)
    copies.move_copy(copy_id=at_home_here, branch_id=there, now=now)

    where = scan_copy(copy_id=at_home_here, now=now)

    assert (where.status, where.branch_id) == ("on_shelf", there)
    assert said()[-1] == "copy.arrived"
    assert not Transit.objects.exists()


def test_a_copy_under_way_for_somebody_goes_on_though_its_home_is_here_now(
    under_way, third, there, now
):
    copy_id, hold_id = under_way
    copies.move_copy(copy_id=copy_id, branch_id=third, now=now)

    where = scan_copy(copy_id=copy_id, at=third, now=now)

    assert (where.status, where.branch_id) == ("in_transit", there)
    assert where.hold_id == hold_id


def test_a_copy_under_way_stays_in_stock(under_way, now):
    copy_id, hold_id = under_way
    transit = Transit.objects.get()

    with pytest.raises(StillInUse) as refusal:
        copies.remove_copy(copy_id=copy_id, now=now)

    assert refusal.value.facts["blockers"] == [hold_id, transit.id]


def test_a_copy_under_way_is_not_available(db, at_home_here, a_loan, here, there, now):
    a_loan(copy_id=at_home_here)
    loans.return_copy(copy_id=at_home_here, at=there, now=now)
    assert available() == 0

    scan_copy(copy_id=at_home_here, at=here, now=now)
    assert available() == 1


def test_a_copy_met_on_its_way_is_counted_once(under_way, a_member, now):
    copy_id, _ = under_way
    assert available() == 0

    loan = loans.borrow_copy(
        copy_id=copy_id, member_id=Hold.objects.get().member_id, now=now
    )
    assert available() == 0
    loans.return_copy(copy_id=loan.copy_id, now=now)
    assert available() == 1


def test_a_copy_that_went_missing_on_its_way_is_counted_once(under_way, now):
    mark_copy(copy_id=under_way[0], condition="missing", now=now)

    assert available() == 0


def available():
    sequencer.sequence_all()
    feed.catch_up_all()
    return Availability.objects.get().available


def test_a_copy_cannot_be_on_two_ways(under_way, here, third, now):
    copy_id, _ = under_way
    book_id = Copy.objects.get().book_id
    again = CopySent(
        transit_id=uuid4(),
        copy_id=copy_id,
        book_id=book_id,
        from_branch_id=here,
        to_branch_id=third,
        hold_id=None,
        member_id=None,
        sent_at=now,
    )

    with pytest.raises(IntegrityError, match="one_per_copy"), transaction.atomic():
        advance(again)


def test_a_copy_cannot_be_sent_to_where_it_is(db, at_home_here, here, now):
    nowhere = CopySent(
        transit_id=uuid4(),
        copy_id=at_home_here,
        book_id=Copy.objects.get().book_id,
        from_branch_id=here,
        to_branch_id=here,
        hold_id=None,
        member_id=None,
        sent_at=now,
    )

    with pytest.raises(IntegrityError, match="goes_elsewhere"), transaction.atomic():
        advance(nowhere)


def test_a_hold_cannot_be_ready_for_ever(under_way, there, now):
    copy_id, hold_id = under_way
    ready = HoldReady(
        hold_id=hold_id,
        book_id=Copy.objects.get().book_id,
        member_id=Hold.objects.get().member_id,
        copy_id=copy_id,
        branch_id=there,
        ready_at=now,
        pickup_until=None,
        pickup_days=10,
    )

    with pytest.raises(IntegrityError, match="ready_has_an_end"), transaction.atomic():
        advance(ready)


def test_a_copy_scanned_at_many_desks_at_once_arrives_once(
    committed_db, a_branch, a_book, a_copy, a_hold, now
):
    book_id, there = a_book(), a_branch()
    copy_id = a_copy(book_id, branch_id=a_branch())
    a_hold(book_id, pickup_branch_id=there)

    answers = at_once(8, lambda _: scan_copy(copy_id=copy_id, at=there, now=now))

    assert {answer.status for answer in answers} == {"ready"}
    assert said()[-2:] == ["copy.arrived", "hold.ready"]
    assert said().count("copy.arrived") == 1


# --- The night box ------------------------------------------------------------


def test_what_was_in_the_night_box_came_back_when_it_was_dropped_there(db, a_loan, now):
    loan, dropped = a_loan(), now + 3 * DAY

    returned = loans.return_copy(
        copy_id=loan.copy_id, returned_at=dropped, now=now + 6 * DAY
    )

    assert returned.returned_at == Loan.objects.get().returned_at == dropped
    assert Event.objects.get(type="book.returned").occurred_at == dropped


def test_a_time_to_come_is_taken_as_now(db, a_loan, now):
    loan = a_loan()

    loans.return_copy(copy_id=loan.copy_id, returned_at=now + DAY, now=now)

    assert Loan.objects.get().returned_at == now


def test_a_copy_did_not_come_back_before_it_went(db, a_loan, now):
    loan = a_loan()

    with pytest.raises(ReturnedTooEarly) as refusal:
        loans.return_copy(copy_id=loan.copy_id, returned_at=now - SECOND, now=now + DAY)
    loans.return_copy(copy_id=loan.copy_id, returned_at=now, now=now + DAY)

    assert refusal.value.facts["borrowed_at"] == now
    assert Loan.objects.get().returned_at == now


@pytest.mark.parametrize(
    ("zone", "dropped", "amount"),
    [
        # Clocks go forward on 29 March in London, and due is the 28th.
        ("Europe/London", datetime(2026, 3, 28, 23, 59, tzinfo=UTC), 0),
        ("Europe/London", datetime(2026, 3, 29, 22, 59, tzinfo=UTC), 100),
        ("Europe/London", datetime(2026, 3, 29, 23, 0, tzinfo=UTC), 200),
        ("Asia/Tashkent", datetime(2026, 3, 28, 18, 59, tzinfo=UTC), 0),
        ("Asia/Tashkent", datetime(2026, 3, 28, 19, 0, tzinfo=UTC), 100),
    ],
)
def test_the_night_box_costs_by_the_day_on_which_a_copy_was_dropped(
    db, a_branch, a_copy, a_loan, zone, dropped, amount
):
    lent_at = datetime(2026, 3, 27, 10, tzinfo=UTC)
    policies.set_policy(name="fees", loan_days=1, fee_per_day=100, now=lent_at)
    branch_id = a_branch(time_zone=zone)
    loan = a_loan(copy_id=a_copy(branch_id=branch_id), now=lent_at)

    loans.return_copy(copy_id=loan.copy_id, returned_at=dropped, now=lent_at + 20 * DAY)

    assert Fee.objects.balance() == amount
