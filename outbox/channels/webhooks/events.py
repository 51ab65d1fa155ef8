"""The facts about endpoints: what their owners have to know, never a URL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFailed:
    """An endpoint has taken nothing for a day."""

    type: ClassVar[str] = "endpoint.failed"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "endpoint:{endpoint_id}"
    about: ClassVar[tuple[str, ...]] = ("endpoint_id", "owner_id")
    occurred: ClassVar[str] = "failed_at"

    endpoint_id: UUID
    owner_id: UUID
    failing_since: datetime
    failed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRecovered:
    """An endpoint that had failed for a day takes messages again."""

    type: ClassVar[str] = "endpoint.recovered"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "endpoint:{endpoint_id}"
    about: ClassVar[tuple[str, ...]] = ("endpoint_id", "owner_id")
    occurred: ClassVar[str] = "recovered_at"

    endpoint_id: UUID
    owner_id: UUID
    recovered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSwitchedOff:
    """An endpoint was switched off: it said that it is gone, or failed for days."""

    type: ClassVar[str] = "endpoint.switched_off"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "endpoint:{endpoint_id}"
    about: ClassVar[tuple[str, ...]] = ("endpoint_id", "owner_id")
    occurred: ClassVar[str] = "switched_off_at"

    endpoint_id: UUID
    owner_id: UUID
    reason: str
    switched_off_at: datetime
