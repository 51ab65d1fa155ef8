"""
Erase a member: who it was is forgotten, what happened stays.

Names, addresses, the card and the login stand with the user alone, so the user goes,
with the tokens and the notes the admin made of it. Facts know the member by an id
that leads nowhere then: the log still adds up, and loans are still counted.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from library import guards
from library.advance import advance
from library.members.events import UserErased
from library.members.models import Member, User
from library.refusals import StillInUse
from outbox import gate
from outbox.models import WebhookEndpoint


@transaction.atomic
def erase_member(*, member_id: UUID, now: datetime) -> UserErased:
    """
    Forget who a member is, for ever.

    Locks the member, so that nothing is lent to them meanwhile. Raises
    UnknownMember, also for one who was erased, and StillInUse with the ids of the
    open loans, holds and fees, and of the webhook endpoints they own.
    """
    gate.enter()
    member = Member.objects.lock(member_id)
    endpoints = WebhookEndpoint.objects.filter(owner_id=member.id)
    blockers = guards.blocking("member", member.id)
    blockers += endpoints.values_list("id", flat=True)
    if blockers:
        raise StillInUse("member", member.id, blockers)

    erased = UserErased(member_id=member.id, erased_at=now)
    advance(erased)
    _forget(member.id)
    return erased


def _forget(user_id: UUID) -> None:
    users = ContentType.objects.get_for_model(User)
    LogEntry.objects.filter(content_type=users, object_id=str(user_id)).delete()
    User.objects.filter(id=user_id).delete()
