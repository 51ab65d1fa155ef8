"""Categories of members that the desk makes, beside those there always are."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from library.advance import advance
from library.locks import lock_value
from library.members import rules
from library.members.events import CategoryDescribed
from library.members.refusals import InvalidMember
from outbox import gate


@transaction.atomic
def describe_category(*, code: str, name: str, now: datetime) -> CategoryDescribed:
    """
    Make a category, or give one another name. None ever goes: members may be in it.

    Raises InvalidMember, also for a category that there always is.
    """
    gate.enter()
    lock_value("category", rules.category_code(code))
    if code in rules.CATEGORIES:
        raise InvalidMember(
            f"There always is a category {code!r}. Choose another code.", field="code"
        )
    described = CategoryDescribed(
        code=code, name=rules.category_name(name), described_at=now
    )
    advance(described)
    return described
