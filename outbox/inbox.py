"""
Messages from outside, each taken in once: the receiver's half, for any Django project.

    from outbox import inbox

    def paid(message):
        Invoice.objects.filter(id=message.data["invoice"]).update(paid=True)

    urlpatterns = [path("hooks/shop/", inbox.view("shop", paid, [settings.SECRET]))]

It needs `django_outbox_pattern` among the INSTALLED_APPS, migrated, and nothing else of
ours. What a handler writes to the default database and the note that the message was
taken in commit together: a copy that comes meanwhile waits for that, and changes
nothing. Nothing of a message is kept but its id. Notes are never to be deleted: what is
forgotten can be taken in again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import uuid4

import orjson
from django.core.exceptions import RequestDataTooBig
from django.db import DataError, connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from django_outbox_pattern.choices import StatusChoice

from outbox.signatures import SCHEMES, Refused, Scheme, TooLarge

BODY_LIMIT = 256 * 1024  # bytes
CONSUMER = re.compile(r"[a-z0-9-]{1,30}")

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")  # no table of PostgreSQL can hold it
_LONGEST_ID = 100  # characters, of `received.msg_id`
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a sender said. `data` is the whole body, read as JSON."""

    consumer: str
    id: str
    type: str
    data: Any = field(repr=False)  # may be about people


Handler = Callable[[Message], object]


def view(
    consumer: str,
    handler: Handler,
    secrets: Sequence[str],
    *,
    scheme: Scheme = "standard",
) -> Callable[[HttpRequest], HttpResponse]:
    """Return a Django view that takes messages in, and answers what `receive` finds."""

    @csrf_exempt
    @require_POST
    def receiving(request: HttpRequest) -> HttpResponse:
        try:
            first = receive(request, consumer, handler, secrets, scheme=scheme)
        except Refused as refused:
            said = {"code": refused.code, "detail": str(refused)}
            return JsonResponse(said, status=refused.status)
        return JsonResponse({"first": first})

    return receiving


def receive(
    request: HttpRequest,
    consumer: str,
    handler: Handler,
    secrets: Sequence[str],
    *,
    scheme: Scheme = "standard",
) -> bool:
    """
    Take a request's message in; return False for a double, which has no effect.

    Raises Refused for what is malformed, unsigned, stale or too large, and for what
    the handler refuses by raising it; then nothing is kept. Whatever else a handler
    raises goes through: the sender is told of a fault of ours, and tries again.
    """
    body = _body(request)
    message_id, named = SCHEMES[scheme](secrets, request.headers, body)
    data = _parsed(body)
    kind = named or (data.get("type") if isinstance(data, dict) else None)
    message = Message(
        consumer=consumer,
        id=message_id,
        type=kind if isinstance(kind, str) else "",
        data=data,
    )
    return take_in(consumer, message_id, partial(handler, message))


def take_in(consumer: str, message_id: str, effect: Callable[[], object]) -> bool:
    """
    Have an effect in one transaction, once for a consumer and a message id.

    Returns False for a double. Raises Refused for data that no column can hold.
    """
    try:
        with transaction.atomic():
            if not _noted(consumer, message_id):
                return False
            effect()
    except DataError as error:
        raise Refused("The message holds a value that cannot be stored.") from error
    return True


def _noted(consumer: str, message_id: str) -> bool:
    """Note a message; False if it is noted. Waits for whoever is at the same one."""
    if not CONSUMER.fullmatch(consumer):
        raise ValueError("A consumer is named by 1 to 30 of a-z, 0-9 and '-'.")
    values = {
        "id": uuid4(),
        "msg_id": _stored_id(consumer, message_id),
        "headers": orjson.dumps({"destination": consumer}).decode(),
        "now": timezone.now(),
        "never": _NEVER,
        "status": StatusChoice.SUCCEEDED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, values)
        return bool(cursor.rowcount)


_NOTE = """
INSERT INTO received (id, msg_id, headers, added, expires_at, retry, status)
VALUES (%(id)s, %(msg_id)s, %(headers)s, %(now)s, %(never)s, 0, %(status)s)
ON CONFLICT (msg_id) DO NOTHING
"""


def _stored_id(consumer: str, message_id: str) -> str:
    """Return an id no other consumer has; "~" is in none that fits as it is."""
    whole = f"{consumer}:{message_id}"
    if len(whole) <= _LONGEST_ID:
        return whole
    return f"{consumer}:~{hashlib.sha256(message_id.encode()).hexdigest()}"


def _body(request: HttpRequest) -> bytes:
    length = request.META.get("CONTENT_LENGTH") or "0"
    try:
        if length.isdecimal() and int(length[:20]) > BODY_LIMIT:
            raise RequestDataTooBig
        body = request.body
    except RequestDataTooBig:
        raise TooLarge(f"A message has at most {BODY_LIMIT} bytes.") from None
    except UnreadablePostError:
        raise Refused("The body broke off. Send the message again.") from None
    if len(body) > BODY_LIMIT:
        raise TooLarge(f"A message has at most {BODY_LIMIT} bytes.")
    return body


def _parsed(body: bytes) -> Any:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(f"The body is not JSON: {error}.") from None
    if _NUL.search(body):
        raise Refused("The body holds a NUL character. Leave it out.")
    return data
