"""What is wrong with the projections, found at start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from outbox.checks import unhandled
from outbox.folds import declared_in
from projections import registry


@register()
def check_projections(**kwargs: Any) -> list[CheckMessage]:
    """Run every check of the projections."""
    folds = registry.read_models().values()
    return [
        *_modules_without_folds(),
        *(problem for fold in folds for problem in unhandled(fold)),
    ]


def _modules_without_folds() -> Iterator[CheckMessage]:
    for path in settings.PROJECTIONS:
        if not declared_in(path):
            yield Error(
                f"{path!r} in PROJECTIONS declares no fold.",
                hint="Declare one at the top of the module, or drop the name.",
                id="projections.E001",
            )
