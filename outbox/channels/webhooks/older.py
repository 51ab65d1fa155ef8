"""
The older scheme, for receivers that know no other: the body alone is signed.

`X-Webhook-Signature` is the HMAC-SHA256 of the body in hexadecimal digits, and
`X-Event-Type` names the type. Its key is the text of the secret, `whsec_` included:
other bytes than `v1` signs with, so that neither signature can pass for the other.
Neither time nor id is signed: whoever overhears a message can send it again.
"""

from __future__ import annotations

import hashlib
import hmac

SIGNATURE = "X-Webhook-Signature"
EVENT_TYPE = "X-Event-Type"


def headers(secret: str, event_type: str, body: bytes) -> dict[str, str]:
    """Return the two headers of a message."""
    return {SIGNATURE: signature(secret, body), EVENT_TYPE: event_type}


def signature(secret: str, body: bytes) -> str:
    """Return the signature of a body, in lower case."""
    return hmac.digest(secret.encode(), body, hashlib.sha256).hex()
