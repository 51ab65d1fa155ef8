"""
Borrowing over HTTP: what a request costs, beside the same endpoint that tells nobody.

Two web servers as `manage.py up` runs them: ours, and one whose borrowing writes the
row of the loan by the ORM and nothing else. A librarian lends at eight desks at once,
each loan a copy and a member of its own. Nothing delivers meanwhile.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from knox.models import get_token_model

from benchmarks import stage
from benchmarks.borrow import pairs
from benchmarks.crowd import Answered, Crowd, crowd
from benchmarks.figures import Figure, Row, percentile, ratios, round_by_round, row
from library.members.models import User

BORROWS = 1_000
AT_ONCE = 8
WARMING_UP = 40
ROUNDS, QUICK_ROUNDS = 5, 2
PLAIN = "benchmarks.plain"


def rows(*, quick: bool) -> Iterator[Row]:
    """Measure both servers."""
    count = BORROWS // (10 if quick else 1)
    librarian = User.objects.create_user("librarian", is_staff=True)
    _, token = get_token_model().objects.create(user=librarian)
    with (
        tempfile.TemporaryDirectory() as folder,
        crowd() as desks,
        stage.web(Path(folder)) as ours,
        stage.web(Path(folder), EXTRA_APPS=PLAIN) as plain,
    ):
        answered: dict[str, list[Answered]] = {"ours": [], "plain": []}
        ways = {"ours": ours, "plain": plain}
        for port in ways.values():
            _borrow(desks, port, token, WARMING_UP)
        rates = round_by_round(
            QUICK_ROUNDS if quick else ROUNDS,
            {
                way: functools.partial(
                    _rate,
                    functools.partial(_borrow, desks, port, token, count),
                    answered[way],
                )
                for way, port in ways.items()
            },
        )
    yield row(
        f"borrow over HTTP, {AT_ONCE} at once",
        rates["ours"],
        rates["plain"],
        beside="without event and outbox",
        must=0.7,
        reach=0.85,
    )
    late, theirs = (
        [1000 * percentile(each.took, 99) for each in answered[way]]
        for way in ("ours", "plain")
    )
    yield Row(
        what="borrow over HTTP, p99",
        figure=Figure.of(late, "ms"),
        beside=f"without event and outbox: {Figure.of(theirs, 'ms')}",
        ratio=ratios(late, theirs),
    )


def _rate(borrow: Callable[[], Answered], answered: list[Answered]) -> float:
    answered.append(borrow())
    return answered[-1].rate


def _borrow(desks: Crowd, port: int, token: str, count: int) -> Answered:
    return desks.post(
        [
            {"copy_id": str(copy), "member_id": str(member)}
            for copy, member in pairs(count)
        ],
        port=port,
        at_once=AT_ONCE,
        path="/api/v1/loans/",
        token=token,
    )
