"""What is wrong with the wiring, found at start."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.utils.module_loading import import_string

from outbox import codec, inbound, inbox
from outbox.channels import letters, signals
from outbox.folds import Fold, domain_folds
from outbox.models import Event
from outbox.signatures import SCHEMES


@register()
def check_wiring(**kwargs: Any) -> list[CheckMessage]:
    """Run every check of the outbox."""
    return [
        *_event_classes(),
        *(problem for fold in domain_folds() for problem in unhandled(fold)),
        *_receiver_names(),
        *_letter_names(),
        *_letter_words(),
        *_dotted_paths(),
        *_sources(),
    ]


@register(Tags.database)
def check_stored_shapes(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """
    Return an error for each shape in the log that cannot be read any more.

    Asked whenever the database is migrated, as before each start of a new version.
    """
    if not databases or Event._meta.db_table not in _tables():
        return []
    stored = Event.objects.order_by().values_list("type", "schema_version").distinct()
    return [
        Error(
            f"Nobody can read what is stored as version {version} of {event_type!r}.",
            hint="Name its class in OUTBOX['EVENTS'], the steps to today's version in "
            "UPCASTS, or what it is called today in RENAMED, beside the class.",
            id="outbox.E008",
        )
        for event_type, version in stored
        if not codec.is_readable(event_type, version)
    ]


def _tables() -> list[str]:
    return connection.introspection.table_names()


def unhandled(fold: Fold) -> Iterator[CheckMessage]:
    """Yield an error for each event type a fold neither handles nor ignores."""
    for event_type, event_class in codec.event_types().items():
        if event_class not in fold.steps and event_type not in fold.ignored:
            yield Error(
                f"The fold of {fold.name} says nothing about {event_type!r}.",
                hint=f"Handle it with @fold.on({event_class.__name__}), or say "
                f"fold.ignore({event_type!r}).",
                id="outbox.E001",
            )


def _event_classes() -> Iterator[CheckMessage]:
    for event_type, event_class in codec.event_types().items():
        fields = {field.name for field in dataclasses.fields(event_class)}
        named = {event_class.stream.partition(":")[2].strip("{}"), *event_class.about}
        for missing in sorted(named - fields):
            yield Error(
                f"{event_class.__name__} ({event_type}) names a field {missing!r} "
                "in `stream` or `about` that it does not have.",
                hint="Name the field that holds the id.",
                id="outbox.E002",
            )


def _receiver_names() -> Iterator[CheckMessage]:
    """Yield an error for each name under which nothing could be owed for long."""
    for event_class, signal in signals.signals().items():
        names = Counter(
            name for name, _ in signals.receivers_of(signal, sender=event_class)
        )
        for name, count in names.items():
            if problem := _wrong_with_receiver(name, count):
                yield Error(
                    f"A receiver of {event_class.type!r} is named {name!r}, {problem}.",
                    hint="Connect it with a dispatch_uid of its own, such as "
                    "'app.what_it_does', that stays the same for ever: deliveries are "
                    "owed under it.",
                    id="outbox.E003",
                )


def _wrong_with_receiver(name: str, count: int) -> str:
    if count > 1:
        return f"which {count} of them are"
    if any(each in name for each in _MADE_ON_THE_WAY):
        return "which is not its own: it was made by other code as it ran"
    if len(name) > signals.LONGEST_NAME:
        return f"which has more than {signals.LONGEST_NAME} characters"
    return ""


# A lambda, a function inside another, a partial: the next one has the same name.
_MADE_ON_THE_WAY = ("<lambda>", "<locals>", "functools.partial")


def _letter_names() -> Iterator[CheckMessage]:
    names = Counter(letter.name for letter in letters.letters())
    for name, count in names.items():
        if count > 1:
            yield Error(
                f"{count} letters are named {name!r}.",
                hint="Give each a name of its own; deliveries are owed under it.",
                id="outbox.E004",
            )


def _letter_words() -> Iterator[CheckMessage]:
    """Yield an error for each language in which a letter cannot be written."""
    for letter in letters.letters():
        for language, _ in settings.LANGUAGES:
            template = f"{letter.template}.{language}.html"
            try:
                get_template(template)
            except TemplateDoesNotExist:
                yield Error(
                    f"The letter {letter.name!r} has no words in {language!r}.",
                    hint=f"Write templates/{template}.",
                    id="outbox.E006",
                )
            if not letter.mandatory and language not in letter.title:
                yield Error(
                    f"The kind {letter.kind!r} is called nothing in {language!r}.",
                    hint=f"Name it in the `title` of the letter {letter.name!r}: "
                    "members choose by it.",
                    id="outbox.E007",
                )


def _dotted_paths() -> Iterator[CheckMessage]:
    """Yield an error for each function of another room that is not there."""
    for key in ("FOLLOWERS", "GAUGES", "DUTIES", "ADDRESSES", "BOUNCED", "UNSUBSCRIBE"):
        named = settings.OUTBOX.get(key, ())
        for path in [named] if isinstance(named, str) else named:
            try:
                import_string(path)
            except ImportError as error:
                yield Error(
                    f"OUTBOX[{key!r}] names {path!r}, which cannot be imported: "
                    f"{error}.",
                    hint="Name a function by its dotted path.",
                    id="outbox.E005",
                )


def _sources() -> Iterator[CheckMessage]:
    """Yield an error for each source of messages that could never be taken in."""
    for name, said in inbound.configured().items():
        if problem := _wrong_with(name, said):
            yield Error(
                f"OUTBOX['SOURCES'] names {name!r}, {problem}.",
                hint="Give it a 'handler' by its dotted path, and 'older' as its "
                "'scheme' if it does not sign by Standard Webhooks.",
                id="outbox.E006",
            )


def _wrong_with(name: str, said: Mapping[str, str]) -> str:
    if not inbox.CONSUMER.fullmatch(name):
        return "which is not 1 to 30 of a-z, 0-9 and '-'"
    if said.get("scheme", "standard") not in SCHEMES:
        return f"which signs by no scheme that we know: {said['scheme']!r}"
    try:
        import_string(said.get("handler", ""))
    except ImportError as error:
        return f"whose handler cannot be imported: {error}"
    return ""
