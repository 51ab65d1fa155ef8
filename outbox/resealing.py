"""
Whatever is sealed, sealed anew under the newest key, so that an older one can go.

It goes row by row and needs no pause: a row is replaced only while it is what was
read. Whoever is stopped at it begins again, and passes over what is done. What does
not open is left as it is, and counted under the key that it names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db.models import Model

from outbox import sealing
from outbox.errors import CannotUnseal
from outbox.sealing import Sealed

BATCH = 100  # rows read at a time


@dataclass(frozen=True, slots=True)
class Resealed:
    """What became of all that is sealed; counted by the id of its former key."""

    key: str
    """The key that seals."""
    already: int = 0
    resealed: Counter[str] = field(default_factory=Counter)
    unopened: Counter[str] = field(default_factory=Counter)


def reseal(
    *,
    dry_run: bool = False,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Resealed:
    """Seal everything anew that is not under the newest key; a dry run only counts."""
    models = [model for model in apps.get_models() if issubclass(model, Sealed)]
    total = sum(_rows(model).count() for model in models)
    already, resealed, unopened = 0, Counter[str](), Counter[str]()
    sealed = (row for model in models for row in _in_batches(model))
    for done, row in enumerate(sealed, start=1):
        key = sealing.key_of(bytes(row.sealed))
        if key == sealing.newest():
            already += 1
        elif (secret := _opened(row)) is None:
            unopened[key] += 1
        elif dry_run or _replace(row, secret):
            resealed[key] += 1
        progress(done, total)
    return Resealed(sealing.newest(), already, resealed, unopened)


def _in_batches(model: type[Model]) -> Iterator[Any]:
    rows = _rows(model).order_by("pk")
    batch = list(rows[:BATCH])
    while batch:
        yield from batch
        batch = list(rows.filter(pk__gt=batch[-1].pk)[:BATCH])


def _opened(row: Sealed) -> str | None:
    try:
        return row.opened()
    except CannotUnseal:
        return None


def _replace(row: Sealed, secret: str) -> bool:
    """Replace a seal; False if the row has gone or been changed meanwhile."""
    unchanged = _rows(type(row)).filter(pk=row.pk, sealed=row.sealed)
    return bool(unchanged.update(sealed=sealing.seal(secret, about=row.about())))


def _rows(model: type[Model]) -> Any:
    return model._default_manager
