"""Who borrows what, and what comes back: pure, and the same every time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")

RETURN_AFTER = 2  # after every second loan the oldest one comes back


@dataclass(frozen=True, slots=True)
class Borrow:
    """A member takes a copy home."""

    member_id: UUID
    copy_id: UUID


@dataclass(frozen=True, slots=True)
class Return:
    """A member brings a copy back."""

    member_id: UUID
    copy_id: UUID


def steps(
    members: Sequence[UUID], copies: Sequence[UUID], *, loans: int, limit: int
) -> Iterator[Borrow | Return]:
    """Yield so many loans, with the returns that make each of them possible."""
    open_loans: deque[Borrow] = deque()
    for number in range(loans):
        loan = Borrow(members[number % len(members)], copies[number % len(copies)])
        in_the_way = [each for each in open_loans if each.copy_id == loan.copy_id]
        mine = [each for each in open_loans if each.member_id == loan.member_id]
        if not in_the_way and len(mine) >= limit:
            in_the_way = mine[:1]
        for each in in_the_way:
            open_loans.remove(each)
            yield Return(each.member_id, each.copy_id)
        open_loans.append(loan)
        yield loan
        if number % RETURN_AFTER == RETURN_AFTER - 1:
            oldest = open_loans.popleft()
            yield Return(oldest.member_id, oldest.copy_id)


def shares(things: Sequence[T], count: int) -> list[Sequence[T]]:
    """Return the things in so many parts that have nothing in common."""
    return [things[number::count] for number in range(count)]


def parts(total: int, count: int) -> list[int]:
    """Return a number as the sum of so many that hardly differ."""
    return [total // count + (number < total % count) for number in range(count)]
