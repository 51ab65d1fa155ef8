"""Where a member's letters go, joined at the moment of sending."""

from __future__ import annotations

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
        bounced=user.email_bounced_at is not None,
    )
