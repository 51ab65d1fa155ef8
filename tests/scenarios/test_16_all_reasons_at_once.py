"""Renewal limit reached *and* blocked *and* a hold: all three reasons at once."""

from __future__ import annotations

from library.lending import loans
from library.lending.models import Loan
from library.members import membership
from library.policies import policies
from tests.api.problems import problem


def test_limit_block_and_hold_are_said_together(reader, a_loan, a_hold, now):
    policies.set_policy(name="all", renewal_limit=1, now=now)
    loan = a_loan(member_id=reader.member_id)
    loans.renew_loan(loan_id=loan.loan_id, now=now)
    membership.block_member(member_id=reader.member_id, reason="other", now=now)
    a_hold(loan.book_id)
    before = Loan.objects.get()

    answer = reader.post(f"/api/v1/loans/{loan.loan_id}/renew/", {})

    problem(answer, 409, "member_blocked")
    assert [each["code"] for each in answer.json()["reasons"]] == [
        "member_blocked",
        "on_hold_for_other",
        "renewals_used",
    ]
    assert Loan.objects.get().due_at == before.due_at
