"""
What a lower part asks of the higher ones before it lets something go.

The catalogue cannot know of loans; it asks whoever is named in
`LIBRARY_GUARDS`, under the row's lock, and is answered with the ids that
stand in the way.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

Guard = Callable[[UUID], list[UUID]]


def blocking(question: str, subject: UUID) -> list[UUID]:
    """Return the ids that stand in the way, from every guard of the question."""
    guards: list[Guard] = [
        import_string(path) for path in settings.LIBRARY_GUARDS.get(question, ())
    ]
    return [blocker for guard in guards for blocker in guard(subject)]
