"""A copy that changes while somebody waits for it."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import transaction

from library.catalog import copies
from library.lending import loans
from library.lending.models import Loan
from tests.threads import in_thread, wait_until_it_waits


def test_a_copy_that_moves_while_a_borrow_waits_is_lent_by_its_new_branch(
    committed_db, a_branch, a_copy, a_member, now
):
    before, after = a_branch(), a_branch(closed_weekdays=[0])  # Mondays
    copy_id, member_id = a_copy(branch_id=before), a_member()
    borrow = {"copy_id": copy_id, "member_id": member_id, "now": now}

    with transaction.atomic():
        copies.move_copy(copy_id=copy_id, branch_id=after, now=now)
        borrower = in_thread(lambda: loans.borrow_copy(**borrow))
        wait_until_it_waits(borrower)
    borrower.join()

    loan = Loan.objects.get(copy=copy_id)
    assert loan.branch_id == after
    # Four weeks from a Monday it is closed; the day after ends in Tashkent.
    assert loan.due_at == datetime(2026, 3, 31, 18, 59, 59, tzinfo=UTC)
