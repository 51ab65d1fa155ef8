"""Where a member's letters go, joined at the moment of sending."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import F, Q

from library.members import names
from library.members.models import Member, User
from outbox.channels.messages import Address


def of(recipients: Iterable[str]) -> dict[str, Address]:
    """Return the addresses and wishes of members; without those who were erased."""
    users = User.objects.in_bulk(set(recipients))
    members = Member.objects.in_bulk(list(users))
    called = names.by_id(users.values())
    return {
        str(member.id): _address(users[member.id], member, called[member.id])
        for member in members.values()
    }


def _address(user: User, member: Member, name: str) -> Address:
    return Address(
        recipient=str(user.id),
        email=user.email,
        name=name,
        language=member.language,
        muted=frozenset(member.muted),
        at_once=frozenset(member.at_once),
        bounced=user.email_bounced_at is not None,
    )


def who_wants(kind: str, *, at_once: bool) -> list[UUID]:
    """Return who gets letters of a kind: each `at_once`, or together in a digest."""
    reachable = User.objects.filter(is_active=True).exclude(email="")
    reachable = reachable.exclude(bounced_at__isnull=False, bounced_email=F("email"))
    members = Member.objects.exclude(muted__contains=[kind])
    asked = Q(at_once__contains=[kind])
    members = members.filter(asked if at_once else ~asked)
    return list(
        members.filter(id__in=reachable.values("id")).values_list("id", flat=True)
    )
