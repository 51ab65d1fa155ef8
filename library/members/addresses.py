"""Where a member's letters go, joined at the moment of sending."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F, Q

from library.members import names
from library.members.models import Member, User
from outbox.channels.messages import Address


def of(recipient: str) -> Address | None:
    """Return the address and wishes of a member; None for one who was erased."""
    user = User.objects.filter(id=recipient).first()
    member = Member.objects.filter(id=recipient).first()
    if user is None or member is None:
        return None
    return Address(
        recipient=recipient,
        email=user.email,
        name=names.of([user.id]).get(user.id, ""),
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
