"""
What a folded table is: a table, a key, and what each event makes of a row.

One declaration serves every use. A handler is a pure function
`(row or None, event) -> row or None`: it reads nothing but its row and its
event, and never the clock. `Fold.Row` is made from the model's columns.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from functools import cache, cached_property
from importlib import import_module
from operator import attrgetter
from typing import Any, ClassVar, TypeVar

from django.conf import settings
from django.db import models
from django.db.models.fields import NOT_PROVIDED

from outbox.codec import DomainEvent
from outbox.errors import WriteOutsideAdvance
from outbox.locked import locked

Key = Any
Row = Any
M = TypeVar("M", bound=models.Model)
Handler = Callable[..., Row | None]
Keys = Callable[[Any], Sequence[Key]]


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """How one event type changes rows: which keys, and what becomes of each."""

    keys: Keys
    handle: Handler
    told_key: bool
    field: str | None  # the event's field that is the key, unless it is worked out
    makes: bool  # no row can be there yet: there is none to look for and to lock

    def apply(self, row: Row | None, event: DomainEvent, key: Key) -> Row | None:
        """Return what becomes of a row."""
        return (
            self.handle(row, event, key) if self.told_key else self.handle(row, event)
        )


class Fold:
    """
    The rows of one model as the sum of events.

    `key` names the event field whose value finds the row; `columns` names the
    model's columns that hold it (default: the primary key).
    """

    def __init__(
        self,
        model: type[models.Model],
        key: str,
        *,
        columns: tuple[str, ...] | None = None,
    ) -> None:
        self.model = model
        self.key = key
        self.name = model._meta.db_table
        self.key_columns = columns or (_primary_key(model),)
        self.steps: dict[type[Any], list[Step]] = {}
        self.ignored: set[str] = set()

    def on(
        self,
        event_class: type[Any],
        *,
        key: str | None = None,
        keys: Keys | None = None,
    ) -> Callable[[Handler], Handler]:
        """
        Declare what an event makes of the row with its key.

        With `keys`, a function from the event to several keys, the handler is
        told which: `(row, event, key)`. One that says `row: None` makes the row.
        """
        field = key or self.key
        find: Keys = keys or (lambda event: (getattr(event, field),))

        def declare(handle: Handler) -> Handler:
            step = Step(
                keys=find,
                handle=handle,
                told_key=keys is not None,
                field=None if keys else field,
                makes=_makes(handle),
            )
            self.steps.setdefault(event_class, []).append(step)
            return handle

        return declare

    def ignore(self, *event_types: str) -> None:
        """
        Say by name that events of these types change nothing here.

        By name, since a lower part may not import the events of a higher one.
        """
        self.ignored.update(event_types)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The model's columns, by attribute name, in the order of `Row`."""
        return tuple(field.attname for field in self.model._meta.concrete_fields)

    @cached_property
    def table_columns(self) -> tuple[str, ...]:
        """The same columns by the names that the table has for them."""
        return tuple(str(each.column) for each in self.model._meta.concrete_fields)

    @cached_property
    def values_of(self) -> Callable[[Row], tuple[Any, ...]]:
        """Return the values of a row, in the order of the columns."""
        get = attrgetter(*self.columns)
        return get if len(self.columns) > 1 else lambda row: (get(row),)

    @cached_property
    def Row(self) -> type[Any]:  # noqa: N802 - it is a class
        """A slotted dataclass of the model's columns; plain defaults are kept."""
        return dataclasses.make_dataclass(
            f"{self.model.__name__}Row",
            [_row_field(field) for field in self.model._meta.concrete_fields],
            slots=True,
            kw_only=True,
        )

    def key_of(self, row: Any) -> Key:
        """Return the key of a row: a value, or a tuple where columns are several."""
        values = tuple(getattr(row, name) for name in self.key_columns)
        return values if len(values) > 1 else values[0]

    def changes(self, event: DomainEvent) -> Iterable[tuple[Key, Step]]:
        """Yield (key, step) for each row the event touches."""
        for step in self.steps.get(type(event), ()):
            for key in step.keys(event):
                yield key, step


class FoldedQuerySet(models.QuerySet[M]):
    """Reads as any other; refuses to write."""

    def locked(self, key: Any, related: str = "") -> M | None:
        """Return the row with this key, as `outbox.locked` does."""
        return locked(self.model, key, related)

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise WriteOutsideAdvance(self.model._meta.db_table)

    create = get_or_create = update_or_create = _refuse
    bulk_create = bulk_update = update = delete = _refuse


class FoldedModel(models.Model):
    """A table that only its fold writes."""

    objects: ClassVar[models.Manager[Any]] = FoldedQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refuse: rows are written by `advance`."""
        raise WriteOutsideAdvance(self._meta.db_table)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: rows are written by `advance`."""
        raise WriteOutsideAdvance(self._meta.db_table)


@cache
def domain_folds() -> tuple[Fold, ...]:
    """
    Return the folds of the domain's own tables.

    Their order, from OUTBOX['FOLDS'], is the order in which rows are locked
    and written.
    """
    return tuple(
        fold for path in settings.OUTBOX["FOLDS"] for fold in declared_in(path)
    )


def declared_in(path: str) -> list[Fold]:
    """Return the folds a module declares, in the order it declares them."""
    return [
        each for each in vars(import_module(path)).values() if isinstance(each, Fold)
    ]


def _makes(handle: Handler) -> bool:
    row = next(iter(handle.__annotations__.values()), Row)
    return row in (None, "None")


def _primary_key(model: type[models.Model]) -> str:
    key: models.Field[Any, Any] = model._meta.pk
    return key.attname


def _row_field(field: models.Field[Any, Any]) -> Any:
    if field.default is not NOT_PROVIDED:
        default = field.default
        if callable(default):
            return field.attname, Any, dataclasses.field(default_factory=default)
        return field.attname, Any, dataclasses.field(default=default)
    if field.null:
        return field.attname, Any, dataclasses.field(default=None)
    return field.attname, Any
