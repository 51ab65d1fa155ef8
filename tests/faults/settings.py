"""The project's settings, with time made short: for processes of drills."""

from __future__ import annotations

from config.settings import *  # noqa: F403
from config.settings import OUTBOX as _OUTBOX

OUTBOX = {
    **_OUTBOX,
    "LEASE_SECONDS": 3.0,
    "LONGEST_DEADLINE": 1.0,
    "LONGEST_DELAY": 2.0,
}
EMAIL_TIMEOUT = 1
