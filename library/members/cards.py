"""Whose card it is. A card's barcode is personal: it is looked up, and told nobody."""

from __future__ import annotations

from library.members.models import Member, User


def holder(code: str) -> Member | None:
    """Return the member whose card was scanned, if it is anybody's."""
    user = User.objects.filter(card_barcode=code.strip()).first()
    return Member.objects.filter(id=user.id).first() if user else None
