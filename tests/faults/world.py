"""
The world that the relay tells: a webhook, letters, a receiver; and what it has seen.

What was seen is noted outside of our tables, before anything is answered. The
promises are checked against the log: each event told once, and on the wire again
only after an attempt of which nobody knows how it ended.
"""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q
from django_outbox_pattern.models import Published
from werkzeug import Response

from library.lending.models import Loan
from outbox import relay, sequencer
from outbox.channels.registry import channels
from outbox.channels.webhooks.signing import message_id
from outbox.columns import Now
from outbox.context import current
from outbox.folds import domain_folds
from outbox.models import Delivery, Event, Position, Status
from projections.verify import differences

WITH_SIGNAL = ("book.created", "book.borrowed", "book.returned")
WITH_LETTER = ("user.registered", "book.borrowed", "book.returned")


def leave_a_row(event, **kwargs):
    """Be a receiver whose effect can be counted: nothing would refuse a second one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO effect (event_id) VALUES (%s)", [current().causation_id]
        )


def a_turn():
    """Do all that a relay does, once: positions, then every channel."""
    sequencer.sequence_all()
    for channel in channels().values():
        while relay.deliver_batch(channel):
            pass


class World:
    """What arrived out there."""

    def __init__(self, sink):
        self.posts = []
        self._sink = sink
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE effect (event_id uuid NOT NULL)")

    def take(self, request):
        """Answer a webhook, having noted it."""
        self.posts.append((request.headers["webhook-id"], request.data))
        return Response("thanks")

    def posts_of(self, delivery):
        """Return the bytes of each post that a delivery was."""
        name = message_id(delivery.event_id)
        return [body for webhook_id, body in self.posts if webhook_id == name]

    def letters(self):
        """Return the Message-ID and the bytes of each letter."""
        return [(each["Message-ID"], bytes(each)) for each in self._sink.messages]

    def effects(self):
        """Return how often the receiver's row is there, by event."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT event_id, count(*) FROM effect GROUP BY event_id")
            return dict(cursor.fetchall())

    def finish(self):
        """Let every lease be over, and a relay that nobody troubles do what is left."""
        waiting = Delivery.objects.filter(status=Status.PENDING)
        for _ in range(20):
            a_turn()
            if not waiting.exists():
                return
            waiting.update(due_at=Now())
        raise AssertionError(f"stuck: {[str(each) for each in waiting]}")

    def check(self, acknowledged=()):
        """Check the promises of the relay, for everything there is in the log."""
        events = dict(Event.objects.values_list("id", "type"))
        assert {UUID(each) for each in acknowledged} <= set(events)
        self._check_places(events)
        self._check_state()

        failed = Delivery.objects.exclude(status=Status.DELIVERED)
        assert [f"{each} {each.error}" for each in failed] == []
        assert self.effects() == dict.fromkeys(of(events, WITH_SIGNAL), 1)
        self._check_posts(events)
        self._check_letters(events)

    def _check_places(self, events):
        placed = list(Position.objects.order_by("position").values_list("position"))
        assert placed == [(number,) for number in range(1, len(events) + 1)]
        assert not Published.objects.exclude(status=2).exists()

    def _check_state(self):
        assert differences(*domain_folds()) == []
        assert (
            Loan.objects.count() == Event.objects.filter(type="book.borrowed").count()
        )

    def _check_posts(self, events):
        assert {name for name, _ in self.posts} == set(map(message_id, events))
        assert len(set(self.posts)) == len(events)  # every copy has the same bytes
        copies = Counter(name for name, _ in self.posts)
        for owed in _with_doubts("webhooks"):
            assert copies[message_id(owed.event_id)] <= 1 + owed.doubts

    def _check_letters(self, events):
        copies = Counter(name for name, _ in self.letters())
        told = {UUID(name.split(".")[1].partition("@")[0]) for name in copies}
        assert told == set(of(events, WITH_LETTER))
        assert len(copies) == len(told)  # one Message-ID each
        for owed in _with_doubts("emails"):
            assert copies[owed.message_id] <= 1 + owed.doubts


def of(events, types):
    """Return the ids of the events of these types."""
    return [each for each, event_type in events.items() if event_type in types]


def _with_doubts(channel):
    return Delivery.objects.filter(channel=channel).annotate(
        doubts=Count("tries", filter=Q(tries__ambiguous=True))
    )
