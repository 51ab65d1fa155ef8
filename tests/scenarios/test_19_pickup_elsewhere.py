"""
First hold wants pickup elsewhere: in transit there, no notice until it is scanned
there.
"""

from __future__ import annotations

from library.lending import loans
from library.lending.models import Hold
from library.lending.transits import scan_copy


def test_nobody_is_told_before_the_copy_is_there(
    db, a_branch, a_copy, a_loan, a_hold, events, written, now
):
    home, wanted_at, third = a_branch(), a_branch(), a_branch()
    loan = a_loan(copy_id=a_copy(branch_id=home))
    hold = a_hold(loan.book_id, pickup_branch_id=wanted_at)
    a_hold(loan.book_id)

    loans.return_copy(copy_id=loan.copy_id, at=home, now=now)

    assert Hold.objects.get(id=hold.hold_id).status == "in_transit"
    assert written("hold_ready") == []

    scan_copy(copy_id=loan.copy_id, at=third, now=now)

    assert written("hold_ready") == []

    for _ in range(2):
        scan_copy(copy_id=loan.copy_id, at=wanted_at, now=now)

    (ready,) = events("hold.ready")
    assert (ready.hold_id, ready.branch_id) == (hold.hold_id, wanted_at)
    assert len(written("hold_ready")) == 1
