"""The same member scans a copy he has: `already_on_loan_to_member`, renewal offered."""

from __future__ import annotations

import pytest

from library.lending import loans
from library.lending.refusals import AlreadyOnLoanToMember


def test_who_scans_what_they_have_is_offered_to_renew_it(db, a_loan, now):
    loan = a_loan()

    with pytest.raises(AlreadyOnLoanToMember) as refusal:
        loans.borrow_copy(copy_id=loan.copy_id, member_id=loan.member_id, now=now)

    (reason,) = refusal.value.reasons
    assert reason.code == "already_on_loan_to_member"
    assert "Renew the loan instead" in str(reason)
    renewed = loans.renew_loan(loan_id=loan.loan_id, now=now)
    assert renewed.due_at > loan.due_at
