"""
Another chance: deliveries that have ended start anew.

What starts anew has all its attempts before it and is due at once. Its `claim`
is never touched, which is what keeps a worker of its former life from writing
about this one; its attempts stay on record.

A replay is an order about many. It is written down first and carried out batch
by batch, so that whoever is killed at it leaves the rest to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Max

from outbox.channels.registry import channels
from outbox.columns import Now
from outbox.lookup import matching
from outbox.models import Delivery, Replay, Status

BATCH = 500

# An effect in our own database happens once, and a letter is expanded once.
ONCE = "delivered, and its effect is in our own database, where it happens once"
DELIVERED = "delivered already; --again sends it once more, under the same id"
PENDING = "pending: the relay tries it when it is due, see `outbox show`"
NO_CHANNEL = "its channel is not in OUTBOX['CHANNELS'], so nobody would try it"
MISSING = "no such delivery; it may have been pruned"
STARTED = "starts anew"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was done about one delivery, and why not more."""

    id: int
    started: bool
    said: str


@transaction.atomic
def retry(ids: Sequence[int], *, again: bool = False) -> list[Answer]:
    """
    Start dead and unknown deliveries anew; with `again`, delivered ones too.

    Return an answer for each id, in their order; a refused one stops no other.
    """
    locked = Delivery.objects.select_for_update().filter(id__in=ids).order_by("id")
    found = {each.id: each for each in locked}
    refusals = {each.id: _refusal(each, again=again) for each in locked}
    _start_anew([delivery_id for delivery_id, no in refusals.items() if not no])
    answers = []
    for each in dict.fromkeys(ids):
        no = refusals[each] if each in found else MISSING
        answers.append(Answer(each, not no, no or STARTED))
    return answers


def retry_event(
    event_id: UUID, *, destination: str, channel: str = "", again: bool = False
) -> list[Answer]:
    """Start the deliveries of one event to one destination anew, as `retry` does."""
    which = matching(channel=channel, destination=destination, event_type="")
    owed = Delivery.objects.filter(which, event_id=event_id).order_by("id")
    return retry(list(owed.values_list("id", flat=True)), again=again)


def order(
    *, since: datetime, channel: str = "", destination: str = "", event_type: str = ""
) -> Replay:
    """
    Write down that what has died since then, and matches, is to start anew.

    Meant is what is dead at this moment: what dies later is not part of it. What is
    `unknown` is not either: it may have been sent, so a person names it, by id.
    """
    replay = Replay.objects.create(
        since=since,
        channel=channel,
        destination=destination,
        event_type=event_type,
        last=Delivery.objects.aggregate(last=Max("id"))["last"] or 0,
    )
    replay.refresh_from_db()
    return replay


def unfinished() -> list[UUID]:
    """Return the replays that are not carried out yet, the oldest first."""
    waiting = Replay.objects.filter(finished_at=None).order_by("created_at")
    return list(waiting.values_list("id", flat=True))


def carry_out(
    replay_id: UUID,
    *,
    wait: bool = True,
    stopped: Callable[[], bool] = lambda: False,
    progress: Callable[[Replay], object] = lambda replay: None,
) -> Replay | None:
    """
    Carry a replay out, or go on with it, until it is finished or `stopped`.

    Each batch is a transaction that holds the replay's row: of two who are at it,
    one has its turn, and begins where the other ended. Who does not `wait` for the
    turn leaves the replay to whoever has it, and is given None.
    """
    while True:
        replay = _next_batch(replay_id, wait=wait)
        if replay is None:
            return None
        progress(replay)
        if replay.finished_at is not None or stopped():
            return replay


@transaction.atomic
def _next_batch(replay_id: UUID, *, wait: bool) -> Replay | None:
    rows = Replay.objects.select_for_update(skip_locked=not wait)
    replay = rows.filter(id=replay_id).first()
    if replay is None or replay.finished_at is not None:
        return replay
    ids = _due_in(replay)
    _start_anew(ids)
    ended = len(ids) < BATCH
    Replay.objects.filter(id=replay_id).update(
        seen=replay.last if ended else ids[-1],
        replayed=F("replayed") + len(ids),
        finished_at=Now() if ended else None,
    )
    replay.refresh_from_db()
    return replay


def _due_in(replay: Replay) -> list[int]:
    """Return the next ids of a replay, locked."""
    which = matching(
        channel=replay.channel,
        destination=replay.destination,
        event_type=replay.event_type,
    )
    dead = Delivery.objects.select_for_update().filter(
        which,
        status=Status.DEAD,
        finished_at__gte=replay.since,
        finished_at__lte=replay.created_at,
        id__gt=replay.seen,
        id__lte=replay.last,
        channel__in=list(channels()),
    )
    return list(dead.order_by("id").values_list("id", flat=True)[:BATCH])


def _refusal(delivery: Delivery, *, again: bool) -> str:
    """Return why a delivery cannot start anew; "" if it can."""
    channel = channels().get(delivery.channel)
    if delivery.status == Status.PENDING:
        return PENDING
    if channel is None:
        return NO_CHANNEL
    if delivery.status != Status.DELIVERED:
        return ""
    if channel.IN_TRANSACTION:
        return ONCE
    return "" if again else DELIVERED


def _start_anew(ids: Sequence[int]) -> None:
    anew: dict[str, Any] = {
        "status": Status.PENDING,
        "attempts": 0,
        "due_at": Now(),
        "finished_at": None,
        "sending_at": None,
        "error": "",
    }
    if ids:
        Delivery.objects.filter(id__in=ids).update(**anew)
