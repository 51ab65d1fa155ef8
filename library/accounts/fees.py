"""What members owe: charged once for each due date that was missed, then settled."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from library.accounts import rules
from library.accounts.events import FeeCharged, FeeReversed, FeeSettled
from library.accounts.models import Fee
from library.accounts.refusals import FeeClosed, UnknownFee
from library.advance import advance
from library.catalog.calendars import Calendar
from library.policies.rules import Policy
from outbox import gate
from outbox.ids import new_id

LATE, LOST = "overdue", "lost"  # the kinds of a fee


def for_lateness(
    *,
    loan_id: UUID,
    member_id: UUID,
    due_at: datetime,
    policy: Policy,
    calendar: Calendar,
    now: datetime,
) -> FeeCharged | None:
    """Return what a late loan that ends or goes on now costs; None where nothing."""
    days, amount = rules.overdue_fee(policy, calendar, due_at, now)
    if not amount:
        return None
    return FeeCharged(
        fee_id=new_id(),
        member_id=member_id,
        loan_id=loan_id,
        due_at=due_at,
        charged_at=now,
        amount=amount,
        days_late=days,
        fee_per_day=policy.fee_per_day,
        fee_grace_days=policy.fee_grace_days,
        fee_maximum=policy.fee_maximum,
        policy=policy.name,
        policy_version=policy.version,
    )


def for_loss(
    *,
    loan_id: UUID,
    member_id: UUID,
    due_at: datetime,
    price: int | None,
    policy: Policy,
    now: datetime,
) -> FeeCharged | None:
    """Return what a lost copy costs: its price and the work; None where nothing."""
    item_price = policy.lost_price if price is None else price
    if not item_price + policy.lost_fee:
        return None
    return FeeCharged(
        fee_id=new_id(),
        member_id=member_id,
        loan_id=loan_id,
        due_at=due_at,
        charged_at=now,
        amount=item_price + policy.lost_fee,
        days_late=0,
        fee_per_day=0,
        fee_grace_days=0,
        fee_maximum=0,
        policy=policy.name,
        policy_version=policy.version,
        kind=LOST,
        item_price=item_price,
        processing=policy.lost_fee,
    )


def found_again(*, loan_id: UUID, now: datetime) -> list[FeeReversed]:
    """Return that the fee for a lost copy was reversed, if there is one. Locks it."""
    return _reversed(Fee.objects.filter(loan_id=loan_id, kind=LOST), now)


def never_late(*, loan_id: UUID, back_at: datetime, now: datetime) -> list[FeeReversed]:
    """
    Return that fees were reversed for due dates before which a copy was back.

    A late renewal charged them, while the copy was in the night box. One that came
    back after such a date was late, and what was charged stays. Locks the fees.
    """
    late = Fee.objects.filter(loan_id=loan_id, kind=LATE, due_at__gte=back_at)
    return _reversed(late, now)


def _reversed(fees: QuerySet[Fee], now: datetime) -> list[FeeReversed]:
    """Reverse fees, locked; not what was waived, nor what was reversed, once more."""
    still = fees.filter(reversed_at__isnull=True).exclude(settled_how="waived")
    return [
        FeeReversed(
            fee_id=fee.id,
            member_id=fee.member_id,
            loan_id=fee.loan_id,
            amount=fee.amount,
            reversed_at=now,
        )
        for fee in still.select_for_update(no_key=True).order_by("id")
    ]


@transaction.atomic
def settle_fee(*, fee_id: UUID, how: str, now: datetime) -> FeeSettled:
    """
    Note that a fee was paid, or waived: taken back without being paid.

    What was paid before it was reversed is a credit, and refunded. Locks the fee.
    Raises UnknownFee, FeeClosed, and InvalidFee for another `how`.
    """
    gate.enter()
    fee = Fee.objects.select_for_update(no_key=True).filter(id=fee_id).first()
    if fee is None:
        raise UnknownFee(fee_id)
    if not fee.owed:
        raise FeeClosed(fee_id, fee.settled_how or "reversed")
    settled = FeeSettled(
        fee_id=fee.id,
        member_id=fee.member_id,
        loan_id=fee.loan_id,
        amount=fee.owed,
        how=rules.way_to_settle(how, fee.owed),
        settled_at=now,
    )
    advance(settled)
    return settled
