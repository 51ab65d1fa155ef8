"""Every user is a member: registering, as one fact."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction

from library.advance import advance
from library.members import rules
from library.members.events import UserRegistered
from outbox import gate


@transaction.atomic
def register(
    *,
    member_id: UUID,
    now: datetime,
    category: str = "reader",
    language: str = "en",
    made: Collection[str] = (),
) -> UserRegistered:
    """
    Make a user a member. Called by `User.save` when it adds the user.

    `made` are the categories that the desk made. Raises InvalidMember for a category
    or language there is not.
    """
    gate.enter()
    registered = UserRegistered(
        member_id=member_id,
        registered_at=now,
        category=rules.category(category, made),
        language=rules.language(language),
    )
    advance(registered)
    return registered
