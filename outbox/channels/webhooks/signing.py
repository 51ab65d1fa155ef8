"""
Signatures over webhooks, made and checked as Standard Webhooks says.

The signed bytes are `{id}.{timestamp}.{body}`, in both versions (see `keys.py`).
Source: https://github.com/standard-webhooks/standard-webhooks, spec 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from uuid import UUID

from outbox.channels.webhooks import keys

TOLERANCE = 300  # seconds

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")  # a dot would make the signed bytes ambiguous
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


class BadSignature(Exception):
    """A message is not what its signer sent, or not now. `reason` is stable."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


def message_id(event_id: UUID) -> str:
    """Return the `webhook-id` of an event: the same on every retry."""
    return f"msg_{event_id.hex}"


def sign(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """
    Return the signature of a body: `v1,<base64>`, or `v1a,<base64>` of a `whsk_`.

    The timestamp is in Unix seconds. Raises ValueError for a key that cannot sign
    (`keys.signer`), and for an id or timestamp that could not be sent.
    """
    if not _ID.fullmatch(message_id):
        raise ValueError("A message id is 1 to 255 of A-Z, a-z, 0-9, '_' and '-'.")
    if not _TIMESTAMP.fullmatch(str(timestamp)):
        raise ValueError("A timestamp is a whole number of Unix seconds, from 0.")
    return keys.signer(secret).sign(_signed(message_id, str(timestamp), body))


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

    A `v1a` is checked with the sender's public key (`whpk_`) among the secrets.
    `now` is in Unix seconds and `tolerance` is how many of them the timestamp
    may be away, on either side. Signatures of other versions and malformed
    ones are passed over. Raises ValueError for secrets that cannot be.
    """
    _check_some(secrets)
    checkers = [keys.checker(secret) for secret in secrets]
    given_id = _header(headers, "webhook-id")
    timestamp = _header(headers, "webhook-timestamp")
    signatures = _header(headers, "webhook-signature")

    if not _ID.fullmatch(given_id):
        raise BadSignature("bad_id", "The webhook-id is not a message id.")
    _check_time(timestamp, now=now, tolerance=tolerance)
    content = _signed(given_id, timestamp, body)
    given = signatures.split(" ")
    if not any(each.made_one(given, content) for each in checkers):
        raise BadSignature("no_match", "No signature matches. Check the secret.")


def _signed(message_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{message_id}.{timestamp}.".encode() + body


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


def _check_some(secrets: Sequence[str]) -> None:
    if not secrets or isinstance(secrets, str):
        raise ValueError("Give a list of at least one webhook secret.")
