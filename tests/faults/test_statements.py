"""F1 and F16: death at every statement, of a caller and of a rebuild."""

from __future__ import annotations

import signal
from functools import partial
from itertools import count

import pytest
from django_outbox_pattern.models import Published

from library.lending import loans
from library.lending.models import Loan
from outbox import sequencer
from outbox.apply import written
from outbox.folds import domain_folds
from outbox.models import Event
from projections import feed, registry
from projections.questions.due_loans import due_loans
from projections.rebuild import rebuild
from projections.verify import differences
from tests.faults.dying import DiesAt
from tests.faults.forks import wait_until_alone

BOTH_SIDES = pytest.mark.parametrize("when", ["before", "after"])


def dying(dies_at, work, tell):
    """Do the work, and die on the way."""
    with dies_at.armed():
        work()


def deaths(a_fork, work, when):
    """Yield after each death, one statement later each time, and after a survival."""
    for number in count(1):
        child = a_fork(partial(dying, DiesAt(number, when), work))
        status = child.wait()
        wait_until_alone()
        assert status in (0, -signal.SIGKILL)
        yield status == 0
        if status == 0:
            return


def traces(event_type, **of_loan):
    """Return how often an operation is in state, log and outbox."""
    return (
        Loan.objects.filter(**of_loan).count(),
        Event.objects.filter(type=event_type).count(),
        Published.objects.filter(destination=event_type).count(),
    )


@BOTH_SIDES
def test_a_borrow_killed_at_any_statement_is_there_as_a_whole_or_not_at_all(
    committed_db, a_fork, a_copy, a_member, now, when
):
    borrow = partial(loans.borrow_copy, copy_id=a_copy(), member_id=a_member(), now=now)

    ends = deaths(a_fork, lambda: Loan.objects.exists() or borrow(), when)
    seen = [traces("book.borrowed") for _ in ends]

    assert set(seen) == {(0, 0, 0), (1, 1, 1)}
    assert seen.count((0, 0, 0)) > 7
    assert not differences(*domain_folds())


@BOTH_SIDES
def test_a_return_killed_at_any_statement_is_there_as_a_whole_or_not_at_all(
    committed_db, a_fork, a_loan, now, when
):
    copy_id = a_loan().copy_id
    give_back = partial(loans.return_copy, copy_id=copy_id, now=now)

    ends = deaths(a_fork, lambda: not Loan.objects.open() or give_back(), when)
    seen = [traces("book.returned", returned_at__isnull=False) for _ in ends]

    assert set(seen) == {(0, 0, 0), (1, 1, 1)}
    assert seen.count((0, 0, 0)) > 8
    assert not differences(*domain_folds())


@BOTH_SIDES
def test_a_rebuild_killed_at_any_statement_leaves_a_table_that_is_read_on(
    committed_db, a_fork, a_loan, when
):
    a_loan()
    survived = []

    for survives in deaths(a_fork, partial(rebuild, due_loans), when):
        a_loan()
        sequencer.sequence_all()
        feed.catch_up_all()

        assert written(due_loans).count() == Loan.objects.count()
        assert not differences(*registry.read_models().values())
        survived.append(survives)

    assert len(survived) > 5
    assert survived[-1]


@BOTH_SIDES
def test_a_rebuild_after_a_killed_one_makes_the_same_rows(
    committed_db, a_fork, a_loan, when
):
    a_loan(), a_loan()
    sequencer.sequence_all()
    feed.catch_up_all()
    live = set(written(due_loans).values_list(*due_loans.columns))

    for _ in deaths(a_fork, partial(rebuild, due_loans), when):
        assert set(written(due_loans).values_list(*due_loans.columns)) == live
