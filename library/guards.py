"""
What a lower part asks of the higher ones before it lets something go.

The catalogue cannot know of loans; it asks the modules named in
`LIBRARY_GUARDS`, each with a function for every question, under the row's lock,
and is answered with the ids that stand in the way.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

Guard = Callable[[UUID], list[UUID]]
QUESTIONS = ("book", "copy", "member")


def blocking(question: str, subject: UUID) -> list[UUID]:
    """Return the ids that stand in the way, from every guard of the question."""
    guards: list[Guard] = [
        import_string(f"{path}.{question}") for path in settings.LIBRARY_GUARDS
    ]
    return [blocker for guard in guards for blocker in guard(subject)]
