"""
A basket of copies where one is refused: the others are lent, the answer says which
and why; or all-or-nothing on request.
"""

from __future__ import annotations

import pytest

from library.lending import baskets
from library.lending.desk_refusals import BasketRefused
from library.lending.models import Loan


@pytest.fixture
def basket(a_copy, a_loan):
    """Three copies, the second of them with somebody else."""
    return [a_copy(), a_loan().copy_id, a_copy()]


def lent_to(member_id):
    return {loan.copy_id for loan in Loan.objects.filter(member=member_id)}


def test_the_others_are_lent_and_the_answer_says_which_and_why(
    db, basket, a_member, now
):
    member_id = a_member()

    first, refused, last = baskets.lend_basket(
        copies=basket, member_id=member_id, now=now
    )

    assert [first.copy_id, last.copy_id] == [basket[0], basket[2]]
    assert [each.code for each in refused.reasons] == ["copy_on_loan"]
    assert lent_to(member_id) == {basket[0], basket[2]}


def test_or_all_or_nothing_on_request(db, basket, a_member, now):
    member_id = a_member()

    with pytest.raises(BasketRefused) as refusal:
        baskets.lend_basket(
            copies=basket, member_id=member_id, now=now, all_or_nothing=True
        )

    assert refusal.value.facts["refused"] == [{"place": 2, "codes": ["copy_on_loan"]}]
    assert lent_to(member_id) == set()
    baskets.lend_basket(
        copies=[basket[0], basket[2]],
        member_id=member_id,
        now=now,
        all_or_nothing=True,
    )
    assert lent_to(member_id) == {basket[0], basket[2]}
