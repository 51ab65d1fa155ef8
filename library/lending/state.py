"""How each fact changes lending's tables."""

from __future__ import annotations

from dataclasses import fields, replace

from library.lending.events import CopyBorrowed, CopyRenewed, CopyReturned, PolicySet
from library.lending.models import Loan, Policy
from outbox.folds import Fold, Row

policies = Fold(Policy, key="policy_id")


@policies.on(PolicySet)
def _(row: Row | None, event: PolicySet) -> Row:
    said = {field.name: getattr(event, field.name) for field in fields(event)}
    return policies.Row(id=said.pop("policy_id"), **said)


loans = Fold(Loan, key="loan_id")


@loans.on(CopyBorrowed)
def _(row: None, event: CopyBorrowed) -> Row:
    return loans.Row(
        id=event.loan_id,
        copy_id=event.copy_id,
        book_id=event.book_id,
        member_id=event.member_id,
        borrowed_at=event.borrowed_at,
        branch_id=event.branch_id,
        due_at=event.due_at,
    )


@loans.on(CopyRenewed)
def _(row: Row, event: CopyRenewed) -> Row:
    return replace(row, due_at=event.due_at, renewals=event.renewals)


@loans.on(CopyReturned)
def _(row: Row, event: CopyReturned) -> Row:
    return replace(row, returned_at=event.returned_at)


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
    "copy.removed",
    "user.registered",
    "user.updated",
)
policies.ignore("book.borrowed", "book.renewed", "book.returned", *OTHERS)
loans.ignore("policy.set", *OTHERS)
