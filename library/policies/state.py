"""How each fact changes the policies."""

from __future__ import annotations

from dataclasses import fields

from library.policies.events import PolicySet
from library.policies.models import Policy
from outbox.folds import Fold, Row

policies = Fold(Policy, key="policy_id")


@policies.on(PolicySet)
def _(row: Row | None, event: PolicySet) -> Row:
    said = {field.name: getattr(event, field.name) for field in fields(event)}
    return policies.Row(id=said.pop("policy_id"), **said)


LENDING = (
    "book.borrowed",
    "book.renewed",
    "book.overdue",
    "loan.forgotten",
    "book.due_soon",
    "book.due_changed",
    "hold.extended",
    "book.returned",
    "copy.sent",
    "copy.arrived",
    "book.lost",
    "return.claimed",
    "hold.placed",
    "hold.suspended",
    "hold.resumed",
    "hold.moved",
    "hold.ready",
    "hold.requeued",
    "hold.cancelled",
    "hold.expired",
)
OTHERS = (
    "endpoint.failed",
    "endpoint.recovered",
    "endpoint.switched_off",
    "branch.described",
    "titles.announced",
    "book.created",
    "book.updated",
    "book.deleted",
    "copy.added",
    "copy.moved",
    "copy.marked",
    "copy.removed",
    "user.registered",
    "user.updated",
    "user.erased",
    "user.blocked",
    "user.unblocked",
    "user.extended",
    "category.described",
)
policies.ignore("fee.charged", "fee.settled", "fee.reversed", *LENDING, *OTHERS)
