"""
Due day closed: next open day; a branch that never opens: refused with the reason, no
endless loop.
"""

from __future__ import annotations

from datetime import date

import pytest

from library.catalog.refusals import BranchNeverOpens


def test_a_loan_whose_due_day_is_closed_ends_on_the_next_open_day(
    db, a_branch, a_copy, a_loan
):
    closed = [date(2026, 3, 30), date(2026, 3, 31)]
    branch_id = a_branch(time_zone="UTC", closed_on=closed)

    loan = a_loan(copy_id=a_copy(branch_id=branch_id))

    assert loan.due_at.date() == date(2026, 4, 1)


def test_a_branch_that_never_opens_lends_nothing_and_says_why(
    db, a_branch, a_copy, a_loan
):
    copy_id = a_copy(branch_id=a_branch(closed_weekdays=range(7)))

    with pytest.raises(BranchNeverOpens) as refusal:
        a_loan(copy_id=copy_id)

    assert refusal.value.code == "branch_never_opens"
