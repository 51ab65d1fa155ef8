"""
The policies that a new library starts with; it changes them as it likes.

Readers and students have what the settings and the defaults say: 28 days, three
renewals, ten days to pick something up, a letter five days before the end, nothing
more with two overdue loans. These are for others than them, and for other copies
than books. A category goes before a kind, so short loans are said for each.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from library.locks import lock_value
from library.policies.events import PolicySet
from library.policies.policies import set_policy
from outbox import codec
from outbox.models import Event

STAFF: dict[str, Any] = {"loan_days": 84}
RESEARCHER: dict[str, Any] = {
    "hold_limit": None,
    "restricted": True,
    "open_ended": True,
}
CATEGORIES = {"": {}, "staff": STAFF, "researcher": RESEARCHER}
KINDS: dict[str, dict[str, Any]] = {
    "": {},
    "short": {"loan_days": 14},
    "express": {"loan_days": 7, "renewal_limit": 0},
}


@transaction.atomic
def set_starting_policies(*, now: datetime) -> list[PolicySet]:
    """Set them in a library that has never had a policy; return what was set."""
    lock_value("policies", "starting")
    # Not "no policies": a restored log whose tables wait to be rebuilt has some.
    if Event.objects.filter(type__in=codec.stored_as(PolicySet.type)).exists():
        return []
    return [
        set_policy(
            name=", ".join(filter(None, (category, kind))),
            category=category,
            kind=kind,
            now=now,
            **{**CATEGORIES[category], **KINDS[kind]},
        )
        for category in CATEGORIES
        for kind in KINDS
        if category or kind
    ]
