"""50 at once for one copy: one loan. Two at once at limit n-1: one loan."""

from __future__ import annotations

from collections import Counter

from library.lending import loans
from library.lending.models import Loan
from tests.threads import at_once


def codes_of(answers):
    return Counter(getattr(each, "code", type(each).__name__) for each in answers)


def test_fifty_at_once_for_one_copy_make_one_loan(committed_db, a_copy, a_member, now):
    copy_id, members = a_copy(), [a_member() for _ in range(50)]

    answers = at_once(
        50,
        lambda n: loans.borrow_copy(copy_id=copy_id, member_id=members[n], now=now),
    )

    assert codes_of(answers) == {"CopyBorrowed": 1, "copy_on_loan": 49}
    assert Loan.objects.count() == 1


def test_two_at_once_at_the_limit_but_one_make_one_loan(
    committed_db, a_copy, a_loan, a_member, now, settings
):
    settings.LENDING = {**settings.LENDING, "LOAN_LIMIT": 3}
    member_id, copies = a_member(), [a_copy(), a_copy()]
    for _ in range(2):
        a_loan(member_id=member_id)

    answers = at_once(
        2,
        lambda n: loans.borrow_copy(copy_id=copies[n], member_id=member_id, now=now),
    )

    assert codes_of(answers) == {"CopyBorrowed": 1, "loan_limit": 1}
    assert Loan.objects.filter(member=member_id).count() == 3
