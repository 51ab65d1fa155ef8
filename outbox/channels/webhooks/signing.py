"""
Signatures over webhooks, made and checked as Standard Webhooks says.

The signed bytes are `{id}.{timestamp}.{body}`; `v1` is HMAC-SHA256 with a
secret written `whsec_` and base64. Nothing here says a secret in an error.
Source: https://github.com/standard-webhooks/standard-webhooks, spec 1.0.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from secrets import token_bytes
from uuid import UUID

PREFIX = "whsec_"
SHORTEST_KEY, NEW_KEY, LONGEST_KEY = 24, 32, 64  # bytes
TOLERANCE = 300  # seconds

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")  # a dot would make the signed bytes ambiguous
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class BadSignature(Exception):
    """A message is not what its signer sent, or not now. `reason` is stable."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


def new_secret() -> str:
    """Return a fresh secret of 32 random bytes."""
    return PREFIX + base64.b64encode(token_bytes(NEW_KEY)).decode()


def message_id(event_id: UUID) -> str:
    """Return the `webhook-id` of an event: the same on every retry."""
    return f"msg_{event_id.hex}"


def sign(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """
    Return the `v1,<base64>` signature of a body.

    The timestamp is in Unix seconds. Raises ValueError for a secret that is
    not `whsec_` and the base64 of 24 to 64 bytes, and for an id or timestamp
    that could not be sent.
    """
    if not _ID.fullmatch(message_id):
        raise ValueError("A message id is 1 to 255 of A-Z, a-z, 0-9, '_' and '-'.")
    if not _TIMESTAMP.fullmatch(str(timestamp)):
        raise ValueError("A timestamp is a whole number of Unix seconds, from 0.")
    return _signature(_key(secret), message_id, str(timestamp), body)


def headers(
    secrets: Sequence[str], message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """
    Return the three headers of a message, signed with each of the secrets.

    More than one secret signs while they are being rotated. Raises ValueError
    for no secret at all, and what `sign` raises.
    """
    _check_some(secrets)
    signatures = [
        sign(secret, message_id=message_id, timestamp=timestamp, body=body)
        for secret in secrets
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def verify(
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: int,
    tolerance: int = TOLERANCE,
) -> None:
    """
    Return when one of the secrets signed this body; raise BadSignature if none.

    `now` is in Unix seconds and `tolerance` is how many of them the timestamp
    may be away, on either side. Signatures of other versions and malformed
    ones are passed over. Raises ValueError for secrets that cannot be.
    """
    _check_some(secrets)
    keys = [_key(secret) for secret in secrets]
    given_id = _header(headers, "webhook-id")
    timestamp = _header(headers, "webhook-timestamp")
    signatures = _header(headers, "webhook-signature")

    if not _ID.fullmatch(given_id):
        raise BadSignature("bad_id", "The webhook-id is not a message id.")
    _check_time(timestamp, now=now, tolerance=tolerance)
    expected = [_signature(key, given_id, timestamp, body) for key in keys]
    if not _any_equal(expected, signatures.split(" ")):
        raise BadSignature("no_match", "No signature matches. Check the secret.")


def _signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.digest(key, signed, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def _key(secret: str) -> bytes:
    if not secret.startswith(PREFIX):
        raise ValueError("A webhook secret starts with 'whsec_'.")
    text = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if base64.b64encode(key).decode() != text:
        raise ValueError("A webhook secret is padded base64 after 'whsec_'.")
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise ValueError(
            f"A webhook secret holds {SHORTEST_KEY} to {LONGEST_KEY} bytes; "
            f"this one holds {len(key)}."
        )
    return key


def _header(headers: Mapping[str, str], name: str) -> str:
    values = [value for key, value in headers.items() if key.lower() == name]
    if not values:
        raise BadSignature("missing_header", f"There is no {name} header.")
    if len(values) > 1:
        raise BadSignature("repeated_header", f"{name} is there more than once.")
    return values[0]


def _check_time(timestamp: str, *, now: int, tolerance: int) -> None:
    if not _TIMESTAMP.fullmatch(timestamp):
        raise BadSignature("bad_timestamp", "The webhook-timestamp is not a number.")
    if int(timestamp) < now - tolerance:
        raise BadSignature("too_old", "The webhook-timestamp is too long ago.")
    if int(timestamp) > now + tolerance:
        raise BadSignature("too_new", "The webhook-timestamp is in the future.")


def _any_equal(expected: Sequence[str], given: Sequence[str]) -> bool:
    """Compare as text: no second spelling of the same base64 gets through."""
    return any(
        hmac.compare_digest(mine.encode(), theirs.encode(errors="replace"))
        for mine in expected
        for theirs in given
    )


def _check_some(secrets: Sequence[str]) -> None:
    if not secrets or isinstance(secrets, str):
        raise ValueError("Give a list of at least one webhook secret.")
