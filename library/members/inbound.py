"""
What mail providers tell us about letters that came back: the source `bounces`.

A message is `{"type": "email.bounced", "data": {"to": [...], "bounce": {"type": …}}}`,
as Resend sends it. Only a permanent bounce counts: a full mailbox is emptied some day.
Whatever else a provider tells is taken in, and nothing is done about it.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from library.members.bounces import bounced
from outbox.inbox import Message
from outbox.signatures import Refused

BOUNCED, PERMANENT = "email.bounced", "permanent"
MOST = 50  # addresses of one message


def bounces(message: Message) -> None:
    """Write no more to addresses at which nobody is. Raises Refused for no address."""
    if message.type != BOUNCED:
        return
    data = _part(message.data, "data")
    if str(_part(data, "bounce").get("type")).lower() == PERMANENT:
        for email in _addresses(data.get("to")):
            bounced(email=email, now=timezone.now())


def _part(data: Any, name: str) -> dict[str, Any]:
    part = data.get(name)
    if not isinstance(part, dict):
        raise Refused(f"{name!r} is no object. Send it as described.")
    return part


def _addresses(to: Any) -> list[str]:
    if not isinstance(to, list) or not 1 <= len(to) <= MOST:
        raise Refused(f"'to' is no list of 1 to {MOST} addresses.")
    if not all(isinstance(each, str) for each in to):
        raise Refused("'to' holds something that is no address.")
    return to
