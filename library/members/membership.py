"""Block a member and lift that, and say until when somebody is a member."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from django.db import transaction

from library.advance import advance
from library.members import rules
from library.members.events import UserBlocked, UserExtended, UserUnblocked
from library.members.models import Member
from library.members.refusals import AlreadyBlocked, NotBlocked
from outbox import gate


@transaction.atomic
def block_member(*, member_id: UUID, reason: str, now: datetime) -> UserBlocked:
    """
    Lend a member nothing more, for a reason out of `rules.BLOCKS`.

    Locks the member. Raises UnknownMember, InvalidMember and AlreadyBlocked.
    """
    gate.enter()
    member = Member.objects.lock(member_id)
    if rules.block(reason) in member.blocked:
        raise AlreadyBlocked(member.id, reason)
    blocked = UserBlocked(member_id=member.id, reason=reason, blocked_at=now)
    advance(blocked)
    return blocked


@transaction.atomic
def unblock_member(
    *, member_id: UUID, now: datetime, reason: str | None = None
) -> UserUnblocked:
    """
    Lift a reason for which a member is blocked; None: all of them.

    Locks the member. Raises UnknownMember, InvalidMember and NotBlocked.
    """
    gate.enter()
    member = Member.objects.lock(member_id)
    reasons = member.blocked if reason is None else [rules.block(reason)]
    if not reasons or not {*reasons} <= {*member.blocked}:
        raise NotBlocked(member.id, member.blocked)
    unblocked = UserUnblocked(
        member_id=member.id, reasons=tuple(reasons), unblocked_at=now
    )
    advance(unblocked)
    return unblocked


@transaction.atomic
def extend_membership(
    *, member_id: UUID, until: date | None, now: datetime
) -> UserExtended:
    """
    Make `until` the last day of a membership, by each branch's clocks; None: no end.

    Locks the member. Raises UnknownMember, and InvalidMember for a day that is over
    by UTC, as members are at home in no branch.
    """
    gate.enter()
    member = Member.objects.lock(member_id)
    extended = UserExtended(
        member_id=member.id,
        expires_on=rules.last_day(until, now.date()),
        extended_at=now,
    )
    advance(extended)
    return extended
