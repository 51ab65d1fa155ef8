"""Change what a member wishes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from library.advance import advance
from library.members import rules
from library.members.events import UserUpdated
from library.members.models import Category, Member
from outbox import gate
from outbox.channels import letters


@transaction.atomic
def change_preferences(
    *,
    member_id: UUID,
    now: datetime,
    language: str | None = None,
    muted: Iterable[str] | None = None,
    at_once: Iterable[str] | None = None,
    category: str | None = None,
    keep_history: bool | None = None,
) -> UserUpdated:
    """
    Change a member's language, letters, category, or whether it is kept what they
    borrowed; None: as it was.

    Raises UnknownMember, and InvalidMember for a value there is not.
    """
    gate.enter()
    member = Member.objects.lock(member_id)
    updated = UserUpdated(
        member_id=member.id,
        updated_at=now,
        category=rules.category(category or member.category, Category.objects.codes()),
        language=rules.language(language or member.language),
        muted=rules.muted(
            member.muted if muted is None else muted, letters.optional_kinds()
        ),
        at_once=rules.at_once(
            member.at_once if at_once is None else at_once, letters.digest_kinds()
        ),
        keep_history=member.keep_history if keep_history is None else keep_history,
    )
    advance(updated)
    return updated


@transaction.atomic
def mute(*, member_id: UUID, kind: str, now: datetime) -> UserUpdated | None:
    """
    Send a member no more letters of a kind; None if it was so already.

    Raises UnknownMember. A kind that there is no more is nothing to be muted.
    """
    gate.enter()
    member = Member.objects.lock(member_id)
    if kind in member.muted or kind not in letters.optional_kinds():
        return None
    return change_preferences(member_id=member_id, now=now, muted=[*member.muted, kind])
