"""The branch at which somebody has a copy in hand."""

from __future__ import annotations

from uuid import UUID

from library.catalog.models import Branch, Copy
from library.catalog.refusals import UnknownBranch


def place(copy: Copy, at: UUID | None) -> Branch | None:
    """Return a branch, or (None) the one where a copy is at home; UnknownBranch."""
    if at is None:
        return copy.branch
    branch = Branch.objects.filter(id=at).first()
    if branch is None:
        raise UnknownBranch(at)
    return branch
