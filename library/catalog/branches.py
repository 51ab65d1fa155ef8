"""Open branches, and say when they are open."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from django.db import transaction

from library import consequences
from library.advance import advance
from library.catalog import calendars
from library.catalog.events import BranchDescribed
from library.catalog.models import Branch
from library.catalog.refusals import BranchNameTaken
from library.locks import lock_value
from outbox import gate
from outbox.ids import new_id


@transaction.atomic
def describe_branch(
    *,
    name: str,
    time_zone: str,
    now: datetime,
    closed_weekdays: Iterable[int] = (),
    closed_on: Iterable[date] = (),
    branch_id: UUID | None = None,
) -> BranchDescribed:
    """
    Open a branch, or with `branch_id` say all about one again.

    What ends on a day that is closed now ends on the next open one: at once or, where
    many are concerned, with the start of the day. Raises UnknownBranch,
    InvalidBranch and BranchNameTaken.
    """
    gate.enter()
    branch = Branch.objects.lock(branch_id) if branch_id else None
    calendar = calendars.calendar(
        time_zone=time_zone, closed_weekdays=closed_weekdays, closed_on=closed_on
    )
    described = BranchDescribed(
        branch_id=branch.id if branch else new_id(),
        name=_free_name(calendars.branch_name(name), branch),
        time_zone=calendar.time_zone,
        closed_weekdays=tuple(sorted(calendar.closed_weekdays)),
        closed_on=tuple(sorted(calendar.closed_on)),
        described_at=now,
    )
    advance(described)
    if branch is not None:
        consequences.of("branch_described", branch.id, now)
    return described


def _free_name(name: str, branch: Branch | None) -> str:
    lock_value("branch", name)
    others = Branch.objects.filter(name=name)
    if branch is not None:
        others = others.exclude(id=branch.id)
    if others.exists():
        raise BranchNameTaken(name)
    return name
