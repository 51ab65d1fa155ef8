"""
Returned where it does not belong, no holds: closed, in transit home; scanned at a third
branch: still in transit; at home: on the shelf.
"""

from __future__ import annotations

from library.lending import loans
from library.lending.models import Loan, Transit
from library.lending.transits import scan_copy


def test_a_copy_finds_its_way_home(db, a_branch, a_copy, a_loan, now):
    home, elsewhere, third = a_branch(), a_branch(), a_branch()
    copy_id = a_copy(branch_id=home)
    a_loan(copy_id=copy_id)

    loans.return_copy(copy_id=copy_id, at=elsewhere, now=now)

    assert not Loan.objects.open().exists()
    assert Transit.objects.get().to_branch_id == home

    where = scan_copy(copy_id=copy_id, at=third, now=now)

    assert (where.status, where.branch_id) == ("in_transit", home)
    assert Transit.objects.get().from_branch_id == elsewhere

    where = scan_copy(copy_id=copy_id, at=home, now=now)

    assert (where.status, where.branch_id) == ("on_shelf", home)
    assert not Transit.objects.exists()
