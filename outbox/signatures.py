"""
Who has sent a message: the schemes of signatures by which an inbox checks it.

Each raises what is wrong with the message, or says what it is known by. A header that
came twice reaches us as one, joined by a comma, which no id and no time can hold.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from outbox.channels.webhooks import older, signing

Scheme = Literal["standard", "older"]

_MALFORMED = {"missing_header", "repeated_header", "bad_id", "bad_timestamp"}
_HEX = re.compile(r"[0-9a-f]{64}")
_TYPE = re.compile(r"[A-Za-z0-9._-]{1,100}")


class Refused(Exception):
    """A message is not taken in, and a repeat of it would not be either."""

    code, status = "malformed_message", 400


class BadSignature(Refused):
    """Nobody who knows the secret has sent this, or not just now."""

    code, status = "bad_signature", 401


class TooLarge(Refused):
    """The body has more than BODY_LIMIT bytes."""

    code, status = "body_too_large", 413


def _standard(
    secrets: Sequence[str], headers: Mapping[str, str], body: bytes
) -> tuple[str, str]:
    try:
        signing.verify(secrets, headers, body, now=int(time.time()))
    except signing.BadSignature as bad:
        kind = Refused if bad.reason in _MALFORMED else BadSignature
        raise kind(str(bad)) from None
    return headers["webhook-id"], ""


def _older(
    secrets: Sequence[str], headers: Mapping[str, str], body: bytes
) -> tuple[str, str]:
    """Know a message by its body: no id is signed, and the type is not either."""
    signature, kind = headers.get(older.SIGNATURE), headers.get(older.EVENT_TYPE)
    if not (signature and _HEX.fullmatch(signature)):
        raise Refused(f"There is no {older.SIGNATURE} of 64 hexadecimal digits.")
    if not (kind and _TYPE.fullmatch(kind)):
        raise Refused(f"There is no {older.EVENT_TYPE} that names a type.")
    made = [older.signature(secret, body) for secret in secrets]
    if not any(hmac.compare_digest(each, signature) for each in made):
        raise BadSignature("No signature matches. Check the secret.")
    return hashlib.sha256(body).hexdigest(), kind


SCHEMES: Mapping[Scheme, Callable[..., tuple[str, str]]] = {
    "standard": _standard,
    "older": _older,
}
"""Each takes secrets, headers and body, and returns a message's id and type."""
