"""What is wrong with the wiring of the parts, found at start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

from library import consequences, guards


@register()
def check_parts(**kwargs: Any) -> list[CheckMessage]:
    """Look every question and occasion up in every module named for them."""
    return [
        *_missing("LIBRARY_GUARDS", guards.QUESTIONS),
        *_missing("LIBRARY_CONSEQUENCES", consequences.OCCASIONS),
    ]


def _missing(setting: str, names: tuple[str, ...]) -> Iterator[CheckMessage]:
    for path in getattr(settings, setting):
        for name in names:
            try:
                import_string(f"{path}.{name}")
            except ImportError as error:
                yield Error(
                    f"{path!r} in {setting} has no function {name!r}: {error}",
                    hint="Write one that takes what is asked there, or drop the name.",
                    id="library.E001",
                )
