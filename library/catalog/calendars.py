"""
When a branch is open, in its own time zone: plain Python, right across DST.

A day ends at its last second by the branch's clocks. It is found from the first
moment of the next day: a day has 23 or 25 hours twice a year, and in some zones
it is midnight itself that is left out or comes twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from library.catalog.refusals import BranchNeverOpens, InvalidBranch

LONGEST_CLOSURE = 366  # days on end; a branch closed for longer does not lend
MOST_CLOSED_DAYS = 3_660
LONGEST_BRANCH_NAME = 200
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """A time zone, the weekdays (Monday is 0) and the days a branch is closed."""

    time_zone: str = "UTC"
    closed_weekdays: frozenset[int] = frozenset()
    closed_on: frozenset[date] = frozenset()

    def day_of(self, moment: datetime) -> date:
        """Return the day it is at the branch."""
        return moment.astimezone(ZoneInfo(self.time_zone)).date()

    def is_open(self, day: date) -> bool:
        """Tell whether the branch is open on a day."""
        return day.weekday() not in self.closed_weekdays and day not in self.closed_on

    def open_day(self, day: date) -> date:
        """
        Return the day, or the next one on which the branch is open.

        Raises BranchNeverOpens where there is none within a year.
        """
        for ahead in range(LONGEST_CLOSURE):
            if self.is_open(day + ahead * DAY):
                return day + ahead * DAY
        raise BranchNeverOpens(day)

    def last_open_day(self, first: date, last: date) -> date | None:
        """Return the last day from `first` to `last` that is open; None for none."""
        days = (last - ago * DAY for ago in range((last - first).days + 1))
        return next(filter(self.is_open, days), None)

    def start_of(self, day: date) -> datetime:
        """Return the first moment of a day at the branch, in UTC."""
        begins = datetime.combine(day, time.min, ZoneInfo(self.time_zone))
        return begins.astimezone(UTC)

    def end_of(self, day: date) -> datetime:
        """Return the last second of a day at the branch, in UTC."""
        return self.start_of(day + DAY) - SECOND

    def open_days_between(self, first: date, last: date) -> int:
        """Return how many days after `first`, up to `last`, the branch was open."""
        days = (first + ahead * DAY for ahead in range(1, (last - first).days + 1))
        return sum(map(self.is_open, days))


ALWAYS_OPEN = Calendar()


def calendar(
    *, time_zone: str, closed_weekdays: Iterable[int], closed_on: Iterable[date]
) -> Calendar:
    """Return a calendar of what was given, or raise InvalidBranch."""
    weekdays, days = frozenset(closed_weekdays), frozenset(closed_on)
    if not weekdays <= frozenset(range(7)):
        raise InvalidBranch(
            "A weekday is a number from 0, Monday, to 6, Sunday. Correct it.",
            field="closed_weekdays",
        )
    if len(days) > MOST_CLOSED_DAYS:
        raise InvalidBranch(
            f"At most {MOST_CLOSED_DAYS} closed days are kept. Leave out past ones.",
            field="closed_on",
        )
    return Calendar(
        time_zone=_known_zone(time_zone), closed_weekdays=weekdays, closed_on=days
    )


def branch_name(given: str) -> str:
    """Return a branch's name without surrounding blanks, or refuse it."""
    name = given.strip()
    if not 1 <= len(name) <= LONGEST_BRANCH_NAME:
        raise InvalidBranch(
            f"The name of a branch has 1 to {LONGEST_BRANCH_NAME} characters. "
            "Enter one.",
            field="name",
        )
    return name


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; a path; a folder of zones
        raise InvalidBranch(
            f"{name[:60]!r} is no time zone known here. "
            "Give one such as 'Asia/Tashkent'.",
            field="time_zone",
        ) from None
    return name
