"""What stands on the outside of a message: signatures, and what the body is."""

from __future__ import annotations

import time
from collections.abc import Sequence

from outbox.channels.webhooks import keys, older, signing


def headers(
    secrets: Sequence[str],
    *,
    message_id: str,
    event_type: str,
    body: bytes,
    compatible: bool = False,
) -> dict[str, str]:
    """
    Return the headers of a message that is sent now, signed with each of the secrets.

    The newest secret comes first. `compatible` adds the older scheme, which has room
    for one signature: the oldest secret's, which a receiver still has that has not
    changed over. Raises ValueError for secrets that cannot sign.
    """
    told = {
        **signing.headers(secrets, message_id, int(time.time()), body),
        "Content-Type": "application/json",
        "User-Agent": "Kutubxona-Webhooks/1",
    }
    shared = [secret for secret in secrets if secret.startswith(keys.SHARED)]
    if compatible and shared:
        told |= older.headers(shared[-1], event_type, body)
    return told
