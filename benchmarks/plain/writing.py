"""
Borrowing as one would write it: the same rules under the same locks, and the row.

No gate, no event and no outbox row: what the operation hands over to be made so is
written as a loan by the ORM.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import fields

from django.db import models

from library.lending import loans
from library.lending.events import CopyBorrowed
from library.lending.models import Loan
from outbox import gate

Write = Callable[[CopyBorrowed], object]

# What a row has of a borrow; all else is as it begins.
SAID = {each.attname for each in Loan._meta.concrete_fields} & {
    each.name for each in fields(CopyBorrowed)
}


def write(told: CopyBorrowed) -> None:
    """Write the row of a loan, around the fold's refusal."""
    said = {name: getattr(told, name) for name in SAID}
    models.QuerySet(Loan).bulk_create([Loan(id=told.loan_id, **said)])


def begin(how: Write = write) -> None:
    """Borrow so from now on, in this process."""
    gate.enter, loans.advance = _nothing, how


@contextlib.contextmanager
def advancing(how: Write = write) -> Iterator[None]:
    """Borrow so for a while."""
    enter, advance = gate.enter, loans.advance
    begin(how)
    try:
        yield
    finally:
        gate.enter, loans.advance = enter, advance


def _nothing() -> None:
    pass
