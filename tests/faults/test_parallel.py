"""
F17: fifty at once, for one copy and by one member.

Eight at once are in tests/library/test_lending.py; here comes a crowd, as many times as
PARALLEL_ROUNDS says (`manage.py proof lending`: a hundred).
"""

from __future__ import annotations

import os
import sys
from collections import Counter

import pytest

from library.lending import loans
from library.lending.models import Loan
from tests.threads import at_once

CROWD, LIMIT = 50, 3
ROUNDS = int(os.environ.get("PARALLEL_ROUNDS", "1"))

pytestmark = pytest.mark.timeout(60 + 20 * ROUNDS)


def codes_of(answers):
    return Counter(getattr(each, "code", type(each).__name__) for each in answers)


def tell(what):
    sys.stdout.write(f"\nrounds={ROUNDS} of={what}\n")  # `manage.py proof` reads it


def test_fifty_at_once_for_one_copy_make_one_loan(committed_db, a_copy, a_member, now):
    members = [a_member() for _ in range(CROWD)]

    for _ in range(ROUNDS):
        copy_id = a_copy()
        answers = at_once(
            CROWD,
            lambda n, copy_id=copy_id: loans.borrow_copy(
                copy_id=copy_id, member_id=members[n], now=now
            ),
        )

        assert codes_of(answers) == {"CopyBorrowed": 1, "copy_on_loan": CROWD - 1}
        loans.return_copy(copy_id=copy_id, now=now)

    assert Loan.objects.count() == ROUNDS
    tell("one copy")


def test_fifty_at_once_by_one_member_stop_exactly_at_the_limit(
    committed_db, a_book, a_copy, a_member, now, settings
):
    settings.LENDING = {**settings.LENDING, "LOAN_LIMIT": LIMIT}
    book_id = a_book()
    copies = [a_copy(book_id) for _ in range(CROWD)]

    for _ in range(ROUNDS):
        member_id = a_member()
        answers = at_once(
            CROWD,
            lambda n, member_id=member_id: loans.borrow_copy(
                copy_id=copies[n], member_id=member_id, now=now
            ),
        )

        expected = {"CopyBorrowed": LIMIT, "loan_limit": CROWD - LIMIT}
        assert codes_of(answers) == expected
        mine = Loan.objects.open().filter(member=member_id)
        assert mine.count() == LIMIT
        for copy_id in mine.values_list("copy", flat=True):
            loans.return_copy(copy_id=copy_id, now=now)

    assert Loan.objects.open().count() == 0
    tell("one limit")
