"""The facts of the news. Plain Python; never edited once released."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TitlesAnnounced:
    """
    The news of a day: the titles that came into the catalogue before it.

    `book_ids` names the first of them, up to twenty; `titles` counts them all.
    """

    type: ClassVar[str] = "titles.announced"
    schema_version: ClassVar[int] = 1
    stream: ClassVar[str] = "titles:{day}"
    about: ClassVar[tuple[str, ...]] = ()
    occurred: ClassVar[str] = "announced_at"

    day: date
    announced_at: datetime
    up_to: int
    titles: int
    book_ids: tuple[UUID, ...]
