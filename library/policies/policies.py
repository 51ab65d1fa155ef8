"""
Which policy applies to a loan, and why.

The most specific one wins: a policy for the branch before one for the member's
category, and that before one for the kind of copy. Where none fits, the numbers
from the settings apply, so there always is one.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from library.advance import advance
from library.catalog import rules as catalog_rules
from library.catalog.models import Branch
from library.catalog.refusals import UnknownBranch
from library.locks import lock_value
from library.members import rules as member_rules
from library.members.models import Category
from library.policies.events import PolicySet
from library.policies.models import Policy as PolicyRow
from library.policies.refusals import InvalidPolicy
from library.policies.rules import Policy
from outbox import gate, prepared
from outbox.ids import new_id

MOST = 1_000_000_000
LONGEST_LOAN = 3_650  # days
LONGEST_NAME = 100
FLAGS = {"restricted", "open_ended"}
MAY_BE_NONE = {"hold_limit"}  # as many as somebody likes
SAID = tuple(each.name for each in fields(Policy))
NUMBERS = tuple(name for name in SAID if name not in {"name", "version"})

# Every loan asks. The ORM would put it together anew each time, and that takes longer.
_APPLIES = f"""
SELECT {", ".join(SAID)} FROM policies_policy
WHERE (branch_id = %s OR branch_id IS NULL)
    AND category IN (%s, '') AND kind IN (%s, '')
ORDER BY branch_id IS NULL, category = '', kind = '' LIMIT 1
"""  # noqa: S608


def default() -> Policy:
    """Return the policy of the settings, for whatever no other one fits."""
    return Policy(
        loan_days=settings.LENDING["LOAN_DAYS"],
        loan_limit=settings.LENDING["LOAN_LIMIT"],
    )


def for_loan(branch_id: UUID | None, category: str, kind: str) -> Policy:
    """Return the policy that applies, with its numbers."""
    with prepared.cursor() as cursor:
        cursor.execute(_APPLIES, [branch_id, category, kind])
        found = cursor.fetchone()
    return Policy(**dict(zip(SAID, found, strict=True))) if found else default()


def explain(branch_id: UUID | None, category: str, kind: str) -> list[PolicyRow]:
    """
    Return every policy that fits; the first applies, then comes the default.

    Raises UnknownBranch.
    """
    _check_branch(branch_id)
    rows = PolicyRow.objects.filter(
        Q(branch=branch_id) | Q(branch__isnull=True),
        category__in={category, ""},
        kind__in={kind, ""},
    )
    return sorted(rows, key=_specificity, reverse=True)


def numbers_of(row: PolicyRow) -> Policy:
    """Return a policy as the rules want it."""
    return Policy(**{name: getattr(row, name) for name in SAID})


@transaction.atomic
def set_policy(
    *,
    name: str,
    now: datetime,
    branch_id: UUID | None = None,
    category: str = "",
    kind: str = "",
    **numbers: int | None,
) -> PolicySet:
    """
    Say what applies to a branch, category and kind from now on; empty: to any.

    Numbers that are not given are those of the default. Loans keep what they
    were made with. Raises InvalidPolicy, InvalidMember, InvalidKind, UnknownBranch.
    """
    gate.enter()
    match = _match(branch_id, category, kind)
    lock_value("policy", "/".join(str(each) for each in match.values()))
    known = PolicyRow.objects.filter(**match).first()
    policy_set = PolicySet(
        policy_id=known.id if known else new_id(),
        name=_name(name),
        version=known.version + 1 if known else 1,
        set_at=now,
        **match,
        **_numbers(numbers),
    )
    advance(policy_set)
    return policy_set


def _match(branch_id: UUID | None, category: str, kind: str) -> dict[str, Any]:
    _check_branch(branch_id)
    return {
        "branch_id": branch_id,
        "category": category
        and member_rules.category(category, Category.objects.codes()),
        "kind": kind and catalog_rules.kind(kind),
    }


def _check_branch(branch_id: UUID | None) -> None:
    if branch_id and not Branch.objects.filter(id=branch_id).exists():
        raise UnknownBranch(branch_id)


def _numbers(given: dict[str, int | None]) -> dict[str, Any]:
    known = {name: getattr(default(), name) for name in NUMBERS}
    for name, number in given.items():
        least, most = _bounds(name)
        fits = name in MAY_BE_NONE if number is None else least <= number <= most
        if name not in known or not fits:
            raise InvalidPolicy(
                f"{name} cannot be {number}. Give a number from {least} to {most}.",
                field=name,
            )
    return known | given


def _bounds(name: str) -> tuple[int, int]:
    """Return the least and the most that a number of a policy may be."""
    if name in FLAGS:
        return False, True
    least = 1 if name == "hold_days" else 0
    return least, LONGEST_LOAN if name.endswith("_days") else MOST


def _name(given: str) -> str:
    if not 1 <= len(given.strip()) <= LONGEST_NAME:
        raise InvalidPolicy(
            f"A policy's name has 1 to {LONGEST_NAME} characters. Enter one.",
            field="name",
        )
    return given.strip()


def _specificity(row: PolicyRow) -> tuple[bool, bool, bool]:
    return row.branch_id is not None, row.category != "", row.kind != ""
