"""People's names, joined at the moment of reading: the one place that does."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from library.members.models import User


def of(ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of those who are still users."""
    return by_id(User.objects.filter(id__in=set(ids)))


def by_id(users: Iterable[User]) -> dict[UUID, str]:
    """Return the names of these users."""
    return {user.id: user.get_full_name() or user.username for user in users}
