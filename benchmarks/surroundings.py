"""On what it was measured: machine, versions, settings. Figures alone say nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import connection

PACKAGES = (
    "django",
    "psycopg",
    "dramatiq",
    "requests",
    "django-outbox-pattern",
    "django-domain-events",
    "django-outbound-webhooks",
    "eventsourcing",
)
SETTINGS = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
    "work_mem",
    "max_connections",
)


def described() -> dict[str, Any]:
    """Return what a reader of the figures has to know."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),  # of others before, and of ours by now
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "postgresql": {name: _shown(name) for name in SETTINGS},
    }


def _processor() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line for line in told.splitlines() if line.startswith("model name"))
    return next(named, platform.machine()).partition(":")[2].strip()


def _shown(setting: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {setting}")
        return str(cursor.fetchone()[0])
