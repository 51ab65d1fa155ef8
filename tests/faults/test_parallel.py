"""
F17: fifty at once, for one copy and by one member.

Eight at once are in tests/library/test_lending.py; here comes a crowd.
"""

from __future__ import annotations

from collections import Counter

from library.lending import loans
from library.lending.models import Loan
from tests.threads import at_once

CROWD, LIMIT = 50, 3


def test_fifty_at_once_for_one_copy_make_one_loan(committed_db, a_copy, a_member, now):
    copy_id, members = a_copy(), [a_member() for _ in range(CROWD)]

    answers = at_once(
        CROWD,
        lambda n: loans.borrow_copy(copy_id=copy_id, member_id=members[n], now=now),
    )

    codes = Counter(getattr(answer, "code", "borrowed") for answer in answers)
    assert codes == {"borrowed": 1, "copy_on_loan": CROWD - 1}
    assert Loan.objects.count() == 1


def test_fifty_at_once_by_one_member_stop_exactly_at_the_limit(
    committed_db, a_book, a_copy, a_member, now, settings
):
    settings.LENDING = {**settings.LENDING, "LOAN_LIMIT": LIMIT}
    member_id, book_id = a_member(), a_book()
    copies = [a_copy(book_id) for _ in range(CROWD)]

    answers = at_once(
        CROWD,
        lambda n: loans.borrow_copy(copy_id=copies[n], member_id=member_id, now=now),
    )

    codes = Counter(getattr(answer, "code", "borrowed") for answer in answers)
    assert codes == {"borrowed": LIMIT, "loan_limit": CROWD - LIMIT}
    assert Loan.objects.open().count() == LIMIT
