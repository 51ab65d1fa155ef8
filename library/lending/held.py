"""A copy held still, and the branch at which somebody has it in hand."""

from __future__ import annotations

from uuid import UUID

from library.catalog.models import Book, Branch, Copy
from library.catalog.refusals import UnknownBranch, UnknownCopy


def held_with_book(copy_id: UUID) -> Copy:
    """Return a copy, its book locked first and then itself. Raises UnknownCopy."""
    book_id = (
        Copy.objects.live().filter(id=copy_id).values_list("book", flat=True).first()
    )
    if book_id is None:
        raise UnknownCopy(copy_id)
    Book.objects.lock(book_id)
    return Copy.objects.lock(copy_id)


def place(copy: Copy, at: UUID | None) -> Branch | None:
    """Return a branch, or (None) the one where a copy is at home; UnknownBranch."""
    if at is None:
        return copy.branch
    branch = Branch.objects.filter(id=at).first()
    if branch is None:
        raise UnknownBranch(at)
    return branch
