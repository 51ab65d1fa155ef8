"""
Addresses that bounced: their mail server said that nobody is there.

Letters to such an address are not tried any more, as mail servers think badly of who
goes on. What bounced is noted beside the address itself, and counts for as long as
that is the member's address: a new one gets letters at once.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import F

from library.members.models import User


def bounced(*, email: str, now: datetime) -> int:
    """
    Send no more letters to an address; return how many members it is the address of.

    May be told more than once. To be called by whoever learns of it: the mail server's
    answer, or a provider's message about a letter that came back later.
    """
    users = User.objects.filter(email__iexact=email).exclude(email="")
    users.exclude(bounced_email=F("email")).update(
        bounced_email=F("email"), bounced_at=now
    )
    return users.count()


def lift(member_ids: Collection[UUID]) -> int:
    """Send letters to these members again; return for how many that is news."""
    users = User.objects.filter(id__in=member_ids, bounced_at__isnull=False)
    return users.update(bounced_email="", bounced_at=None)
