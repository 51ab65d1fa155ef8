"""
What an operation of a lower part brings about in the higher ones, in its transaction.

The catalogue cannot know who waits for a book; it tells the modules named in
`LIBRARY_CONSEQUENCES`, each with a function for every occasion, under the locks that
it holds: of the book, or of the branch.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

Consequence = Callable[[UUID, datetime], None]
OCCASIONS = ("copies_changed", "branch_described")


def of(occasion: str, subject: UUID, now: datetime) -> None:
    """Bring about what follows from an occasion."""
    for path in settings.LIBRARY_CONSEQUENCES:
        follow: Consequence = import_string(f"{path}.{occasion}")
        follow(subject, now)
