"""
The relay under every sequence of steps Hypothesis can think of.

Two workers claim, attempt, freeze and die; the clock goes on; a sweep does what they
leave behind. A tiny model beside them predicts what each claim may return and what
becomes of each delivery. The world is small on purpose: two destinations, one of
them ordered, two streams, two retries, and batches of two.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace

import hypothesis
import pytest
from django.db import OperationalError, connection, transaction
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from outbox import claims, front, outcomes, relay, schedule
from outbox.channels.contract import DELIVERED, Outcome
from outbox.ids import new_id
from outbox.models import Attempt, Delivery, Route, Status

EXAMPLES = int(os.environ.get("RELAY_EXAMPLES", "20"))
STEPS = 25

# In seconds of the machine's clock, which goes on by LEAPS alone; no sum of leaps
# comes near to a wait, so that what is due never depends on how long a step takes.
LEASE, OURS, SILENCE = 3100, 400, 410
RETRIES = (100, 1000)
LEAPS = (150, 450, 1050, 3250)
BATCH, SHARE = 2, 3
ATTEMPTS = len(RETRIES) + 1

ORDERED, FREE = "ordered", "free"
WORKERS = ("first", "second")

workers = st.sampled_from(WORKERS)
manners = st.sampled_from(
    ["succeed", "succeed", "fail", "refuse", "doubt", "hush", "raise", "ours"]
)

OUTCOMES = {
    "succeed": DELIVERED,
    "fail": Outcome(delivered=False, name="http_5xx"),
    "refuse": Outcome(delivered=False, name="gone", final=True),
    "doubt": Outcome(delivered=False, name="reset", ambiguous=True),
    "hush": Outcome(delivered=False, name="connect_error", silent=True),
    "raise": ValueError("by the receiver"),
    "ours": OperationalError("the server went away"),
}
NAMES = {
    how: getattr(each, "name", type(each).__name__) for how, each in OUTCOMES.items()
}

# Everything that may become of a claim; each must have been met in the end.
EVERYTHING = {*NAMES.values(), "fenced", "given back", "lost", "spent"}
met: Counter[str] = Counter()
ran: Counter[str] = Counter()


@dataclass
class Owed:
    """What the model knows of a delivery."""

    id: int
    destination: str
    lane: str | None
    position: int
    due: tuple[int, int]
    status: str = "pending"
    claim: int = 0
    attempts: int = 0
    held: bool = False
    tries: dict[int, tuple[str, bool]] = field(default_factory=dict)

    @property
    def pending(self):
        return self.status == "pending"

    @property
    def retried(self):
        return min(self.attempts, 1)


class RelayMachine(RuleBasedStateMachine):
    """The real relay and the model, step by step, in one transaction."""

    def __init__(self):
        super().__init__()
        self.owed: dict[int, Owed] = {}
        self.hands = {name: [] for name in WORKERS}
        self.now = self.ticks = 0
        self.wire, self.ended = Counter(), []
        self.manner = "succeed"
        front.forget()
        self.example = ExitStack()
        self.example.enter_context(transaction.atomic())
        self.example.callback(transaction.set_rollback, True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT setseed(0.5)")  # the lots that claims draw

    def teardown(self):
        try:
            if sys.exception() is None:
                self.everything_ends_in_the_order_of_its_lane()
                ran["examples"] += 1
        finally:
            self.example.close()

    @initialize(
        inside=st.booleans(),
        owed=st.lists(
            st.tuples(st.booleans(), st.integers(1, 2)), min_size=3, max_size=6
        ),
    )
    def a_channel_and_a_few_deliveries(self, inside, owed):
        self.channel = SimpleNamespace(
            NAME="test",
            DEADLINE=10.0,
            RETRIES=RETRIES,
            IN_TRANSACTION=inside,
            BATCH=BATCH,
            PER_DESTINATION=SHARE,
            WORKERS=SHARE,
            GUARDED=False,
            deliver=self.deliver,
        )
        for ordered, stream in owed:
            self.owe(ordered, stream)

    def deliver(self, delivery, ends):
        outcome = OUTCOMES[self.manner]
        if self.channel.IN_TRANSACTION:
            # Whatever the outcome: what must not stay is to be rolled back.
            effect(delivery)
        elif self.manner in {"succeed", "doubt"}:
            self.wire[delivery.id] += 1
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    # --- steps

    @precondition(lambda self: len(self.owed) < 12)
    @rule(ordered=st.booleans(), stream=st.integers(1, 2))
    def owe(self, ordered, stream):
        made = Delivery.objects.create(
            event_id=new_id(),
            position=len(self.owed) + 1,
            channel="test",
            destination=ORDERED if ordered else FREE,
            lane=f"copy:{stream}" if ordered else None,
        )
        self.owed[made.id] = Owed(
            made.id, made.destination, made.lane, made.position, self.at(0)
        )

    @rule(worker=workers, retried_first=st.booleans())
    def claim(self, worker, retried_first):
        """Claim; what the worker still held is forgotten, as if it had died."""
        may, seen = self.batches(retried_first), claims_so_far()

        batch = relay.claim(self.channel, retried_first=retried_first)

        self.hands[worker] = batch
        assert [each.id for each in batch] == self.claimed(seen, may)

    @precondition(lambda self: any(self.hands.values()))
    @rule(worker=workers, how=manners)
    def attempt(self, worker, how):
        if self.hands[worker]:
            delivery = self.hands[worker].pop(0)
            self.manner = how

            relay.attempt(self.channel, delivery, time.monotonic() + 10)

            self.attempted(delivery.id, delivery.claim, how)

    @precondition(lambda self: any(self.hands.values()))
    @rule(worker=workers, sent=st.booleans())
    def die(self, worker, sent):
        """Lose all claims of a worker, at times after the first has been sent."""
        for delivery in self.hands[worker][:1]:
            if sent and not self.channel.IN_TRANSACTION:
                self.wire[delivery.id] += 1
        self.hands[worker] = []

    @precondition(lambda self: any(self.hands.values()))
    @rule(worker=workers)
    def give_back(self, worker):
        for delivery in self.hands[worker]:
            relay.release(delivery, timedelta(0))
            self.given_back(self.owed[delivery.id], delivery.claim, 0)
        self.hands[worker] = []

    @rule(seconds=st.sampled_from(LEAPS))
    def the_clock_goes_on(self, seconds):
        self.now += seconds
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE outbox_delivery SET due_at = due_at - %s",
                [timedelta(seconds=seconds)],
            )
        front.forget()  # it stands still, and time has passed

    @rule(worker=workers, how=manners)
    def freeze(self, worker, how):
        """Freeze a worker until others have had their turn, then let it go on."""
        self.claim(worker, retried_first=False)
        self.the_clock_goes_on(LEAPS[-1])
        self.claim(WORKERS[1 - WORKERS.index(worker)], retried_first=True)
        self.attempt(worker, how)

    @rule(how=manners, retried_first=st.booleans())
    def sweep(self, how, retried_first):
        """Claim and attempt a batch as a relay does."""
        self.manner = how
        may, seen = self.batches(retried_first), claims_so_far()

        count = relay.deliver_batch(self.channel, retried_first=retried_first)

        going = self.claimed(seen, may)
        assert len(going) == count
        for number, i in enumerate(going):
            if number and how == "hush":
                self.given_back(self.owed[i], self.owed[i].claim, SILENCE)
            else:
                self.attempted(i, self.owed[i].claim, how)

    # --- what the model says

    def at(self, wait):
        """Return a moment, later than one that was asked for earlier."""
        self.ticks += 1
        return (self.now + wait, self.ticks)

    def is_due(self, each):
        if not each.pending or each.due[0] > self.now:
            return False
        return each.lane is None or not any(
            other.pending and other.position < each.position
            for other in self.owed.values()
            if other.lane == each.lane
        )

    def batches(self, retried_first):
        """Return each batch that may be claimed now; by lot it is one of them."""
        sign = -1 if retried_first else 1
        found = []
        for destination in (ORDERED, FREE):
            here = [e for e in self.owed.values() if e.destination == destination]
            held = sum(e.pending and e.held and e.due[0] > self.now for e in here)
            for retried in (0, 1):
                due = sorted(
                    (e for e in here if self.is_due(e) and e.retried == retried),
                    key=lambda each: each.due,
                )[: min(BATCH, SHARE - held)]
                alone = sorted(e.id for e in due if e.held)[:1]
                if due and held < SHARE:
                    key = (sign * retried, held)
                    found.append((key, set(alone or [e.id for e in due])))
        first = min((key for key, _ in found), default=None)
        return [batch for key, batch in found if key == first]

    def claimed(self, seen, may):
        """Take note of a claim, which must be one that may be; return who goes on."""
        ids = [i for i, claim in claims_so_far().items() if claim != seen[i]]
        assert set(ids) in (may or [set()])
        # In which order leases end is the database's affair, and matters later.
        for i in Delivery.objects.filter(id__in=ids).order_by("due_at", "id"):
            self.owed[i.id].due = self.at(LEASE)
        return [i for i in ids if self.is_claimed(self.owed[i])]

    def is_claimed(self, each):
        """Claim in the model; tell whether it is attempted at all."""
        if each.held:
            each.tries[each.claim] = ("lost", not self.channel.IN_TRANSACTION)
            met["lost"] += 1
        each.claim += 1
        if each.attempts == ATTEMPTS:
            met["spent"] += 1
            self.end(each, "dead")
            return False
        each.attempts += 1
        each.held = True
        return True

    def attempted(self, i, claim, how):
        each, outcome = self.owed[i], OUTCOMES[how]
        if not (each.pending and each.claim == claim):
            each.tries[claim] = ("fenced", not self.channel.IN_TRANSACTION)
            met["fenced"] += 1
            return
        met[NAMES[how]] += 1
        each.tries[claim] = (NAMES[how], how == "doubt")
        each.held = False
        if how == "succeed":
            self.end(each, "delivered")
        elif how == "ours":
            each.attempts -= 1
            each.due = self.at(OURS)
        elif how == "refuse" or each.attempts == ATTEMPTS:
            self.end(each, "dead")
        else:
            assert not getattr(outcome, "delivered", False)
            each.due = self.at(RETRIES[each.attempts - 1])

    def given_back(self, each, claim, wait):
        if each.pending and each.claim == claim:
            met["given back"] += 1
            each.attempts -= 1
            each.held = False
            each.due = self.at(wait)

    def end(self, each, status):
        each.status, each.held = status, False
        self.ended.append(each)

    # --- what must be so after each step

    @invariant()
    def every_delivery_stands_where_the_model_says(self):
        rows = Delivery.objects.values_list(
            "id", "status", "claim", "attempts", "worker"
        )
        found = {row[0]: (*row[1:4], bool(row[4])) for row in rows}
        assert found == {
            each.id: (each.status, each.claim, each.attempts, each.held)
            for each in self.owed.values()
        }
        assert all(attempts <= ATTEMPTS for _, _, attempts, _ in found.values())

    @invariant()
    def every_claim_that_ended_has_its_one_row(self):
        rows = Attempt.objects.values_list("delivery", "claim", "outcome", "ambiguous")
        found = {(i, claim): said for i, claim, *said in rows}
        assert len(rows) == len(found)
        assert found == {
            (each.id, claim): list(said)
            for each in self.owed.values()
            for claim, said in each.tries.items()
        }

    @invariant()
    def no_effect_is_there_twice(self):
        effects = Counter(
            map(
                int,
                Route.objects.filter(channel="effect").values_list(
                    "destination", flat=True
                ),
            )
        )
        for each in self.owed.values():
            delivered = each.status == "delivered"
            if getattr(self, "channel", None) and self.channel.IN_TRANSACTION:
                assert effects[each.id] == delivered
            else:
                doubts = sum(doubtful for _, doubtful in each.tries.values())
                assert self.wire[each.id] <= delivered + doubts + each.held

    @invariant()
    def lanes_end_in_order(self):
        ended = Delivery.objects.exclude(status="pending").exclude(lane=None)
        for lane in ("copy:1", "copy:2"):
            of_it = ended.filter(lane=lane).order_by("finished_at")
            positions = list(of_it.values_list("position", flat=True))
            assert positions == sorted(positions)

    def everything_ends_in_the_order_of_its_lane(self):
        """Nothing that is pending is ever out of reach of a sweep."""
        self.hands = {name: [] for name in WORKERS}
        for _ in range(ATTEMPTS * len(self.owed) + 1):
            if not any(each.pending for each in self.owed.values()):
                break
            self.the_clock_goes_on(LEAPS[-1])
            self.sweep("succeed", retried_first=False)
            self.every_delivery_stands_where_the_model_says()
        assert not Delivery.objects.filter(status=Status.PENDING).exists()
        self.lanes_end_in_order()
        self.no_effect_is_there_twice()


def claims_so_far():
    """Return the claim of each delivery, by position."""
    return dict(Delivery.objects.order_by("position").values_list("id", "claim"))


def effect(delivery):
    """Leave a trace in our own database, under the claim it was made under."""
    Route.objects.create(
        channel="effect", destination=str(delivery.id), event_type=str(delivery.claim)
    )


@pytest.fixture
def a_clock_of_leaps(monkeypatch):
    """Have every wait be one of the machine's own, without chance."""
    monkeypatch.setattr(claims, "LEASE", timedelta(seconds=LEASE))
    monkeypatch.setattr(outcomes, "OURS_AGAIN", timedelta(seconds=OURS))
    monkeypatch.setattr(relay, "SILENCE", timedelta(seconds=SILENCE))
    monkeypatch.setattr(schedule, "JITTER", 0)
    monkeypatch.setattr(front, "PART", 0)  # look everywhere, always
    logging.disable()  # of failures there are many
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.timeout(300 + EXAMPLES)
def test_every_claim_is_predicted_and_nothing_is_lost_or_done_twice(
    django_db_setup, django_db_blocker, a_clock_of_leaps
):
    met.clear()
    ran.clear()

    with django_db_blocker.unblock():
        run_state_machine_as_test(
            RelayMachine,
            settings=hypothesis.settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                derandomize="RELAY_EXAMPLES" not in os.environ,
                database=None,
                deadline=None,
                # To shrink a failure takes minutes here, and the steps say enough.
                phases=[Phase.generate],
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )

    assert ran["examples"] > 0
    assert met.keys() == EVERYTHING
