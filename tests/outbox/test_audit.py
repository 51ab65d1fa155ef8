from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import F
from django_outbox_pattern.models import Published

from library.catalog.books import add_book
from outbox import audit as auditing
from outbox import claims, relay, retention, sequencer
from outbox.audit import audit, repair
from outbox.channels.letters import CHILDREN
from outbox.channels.registry import channels
from outbox.columns import Now
from outbox.models import Delivery, Position, Route, Status, Tally
from tests.outbox.owing import change, ended, owe, route
from tests.threads import in_thread

PATIENCE = 20
ALLOWED = claims.attempts_allowed(channels()["webhooks"])


def codes():
    return [finding.code for finding in audit()]


def found(code):
    return next(finding for finding in audit() if finding.code == code)


def lettered(now, letters=2):
    """Owe a letter that was expanded to so many."""
    parent = ended(now, Status.DELIVERED, channel="letters", children=letters)
    for number in range(letters):
        Delivery.objects.create(
            event_id=parent.event_id,
            position=parent.position,
            channel=CHILDREN,
            destination="loan_receipt",
            recipient=str(number),
            status=Status.DELIVERED,
            finished_at=Now(),
        )
    return parent


def test_an_empty_outbox_is_sound(committed_db):
    assert audit() == []


def test_an_outbox_at_work_is_sound(committed_db, now):
    ended(now, Status.DEAD)
    ended(now, Status.UNKNOWN)
    lettered(now)
    claimed = owe(now)
    claims.claim(channels()["webhooks"])
    Route.objects.update(active=False)
    add_book(title="Nobody wants to know", authors=["A"], now=now)
    sequencer.sequence_all()
    add_book(title="Not placed yet", authors=["A"], now=now)
    claimed.refresh_from_db()
    assert claimed.worker

    assert audit() == []


def test_what_was_pruned_stays_in_the_sums(committed_db, now):
    lettered(now)
    ended(now)
    retention.prune(keep=timedelta(0))
    assert not Delivery.objects.exists()

    assert audit() == []

    Tally.objects.filter(channel="webhooks").update(deliveries=F("deliveries") + 1)
    assert codes() == ["owed_sum"]


def test_a_tally_without_its_children_is_found(committed_db, now):
    lettered(now)
    retention.prune(keep=timedelta(0))
    Tally.objects.filter(channel="letters").update(children=1)

    assert codes() == ["children_sum"]


# --- Events and positions ---------------------------------------------------------


def test_a_forgotten_event_is_found_and_repaired(committed_db, now):
    route()
    add_book(title="T", authors=["A"], now=now)
    kept = Published.objects.values("id", "destination", "version", "headers").get()
    Published.objects.all().delete()

    assert (found("event_forgotten").count, found("event_forgotten").example) == (
        1,
        str(kept["id"]),
    )
    assert repair() == 1
    assert audit() == []
    sequencer.sequence_all()

    assert Delivery.objects.get().event_id == kept["id"]
    again = Published.objects.values("id", "destination", "version", "headers").get()
    assert again == kept
    assert repair() == 0


def test_an_outbox_row_that_lost_its_turn_is_found_and_repaired(committed_db, now):
    add_book(title="T", authors=["A"], now=now)
    body = Published.objects.get().body
    Published.objects.update(status=2)

    assert codes() == ["event_forgotten"]
    repair()
    sequencer.sequence_all()

    assert Position.objects.count() == 1
    assert Published.objects.get().body == body
    assert audit() == []


def test_a_repair_leaves_what_has_its_place(committed_db, now):
    ended(now)
    retention.prune(keep=timedelta(0))
    owe(now)

    assert repair() == 0
    assert list(Published.objects.values_list("status", flat=True)) == [2]


def test_a_repair_waits_for_the_sequencer(committed_db, now):
    add_book(title="T", authors=["A"], now=now)
    Published.objects.update(status=2)
    repaired = threading.Event()

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [sequencer.SEQUENCER])
        waiting = in_thread(lambda: repair() and repaired.set())
        assert not repaired.wait(0.5)
    waiting.join(PATIENCE)

    assert repaired.is_set()


def test_an_event_that_would_be_placed_twice_is_found(committed_db, now):
    owed = owe(now)
    Published.objects.update(status=1)

    assert codes() == ["event_waits_twice"]
    assert audit()[0].example == str(owed.event_id)


@pytest.mark.parametrize(
    ("moved", "example"), [({1: 4}, "2"), ({2: 4}, "3"), ({3: 4}, "4"), ({1: 0}, "0")]
)
def test_a_gap_in_the_positions_is_found(committed_db, now, moved, example):
    for _ in range(3):
        owe(now)
    for old, new in moved.items():
        Position.objects.filter(position=old).update(position=new)

    assert codes() == ["position_gap"]
    assert audit()[0].example == example


# --- Deliveries -------------------------------------------------------------------


def test_a_delivery_that_vanished_is_found(committed_db, now):
    owed = owe(now)
    Delivery.objects.filter(id=owed.id).delete()

    assert codes() == ["owed_sum", "owed_event"]
    assert found("owed_event").example == str(owed.event_id)


def test_one_too_few_here_and_one_too_many_there_is_no_comfort(committed_db, now):
    here, there = owe(now), owe(now)
    change(here, event_id=there.event_id, destination="office")

    assert codes() == ["owed_event"]
    assert found("owed_event").count == 2


def test_a_letter_that_vanished_is_found(committed_db, now):
    parent = lettered(now)
    Delivery.objects.filter(recipient="1").delete()

    assert codes() == ["children_sum", "children_event"]
    assert found("children_event").example == str(parent.event_id)


def test_a_delivery_without_its_text_is_found(committed_db, now):
    owed = ended(now)
    Published.objects.all().delete()

    assert codes() == ["message_missing"]
    assert audit()[0].example == str(owed.id)


@pytest.mark.parametrize(
    ("status", "attempts", "expected"),
    [
        (Status.PENDING, ALLOWED, []),
        (Status.PENDING, ALLOWED + 1, ["attempts_over_limit"]),
        (Status.DEAD, ALLOWED, []),
        (Status.DEAD, ALLOWED + 1, ["attempts_over_limit"]),
    ],
)
def test_more_attempts_than_allowed_are_found(
    committed_db, now, status, attempts, expected
):
    ended(now, status, attempts=attempts)

    assert codes() == expected


def test_what_was_lost_to_the_end_is_within_the_limit(committed_db, now):
    owed = owe(now)
    for _ in range(ALLOWED + 1):
        claims.claim(channels()["webhooks"])
        Delivery.objects.update(due_at=Now())

    owed.refresh_from_db()
    assert owed.status == Status.DEAD
    assert audit() == []


@pytest.mark.parametrize(("leases", "expected"), [(0.9, []), (1.1, ["claim_stale"])])
def test_a_claim_nobody_takes_over_is_found(committed_db, now, leases, expected):
    owe(now, worker="gone", attempts=1, due_at=Now() - claims.LEASE * leases)

    assert codes() == expected


# --- One moment -------------------------------------------------------------------


def test_every_question_is_about_the_same_moment(committed_db, now):
    owed = owe(now)
    meddled = []

    def meddle(execute, sql, params, many, context):
        answer = execute(sql, params, many, context)
        if "outbox_event e" in sql and not meddled:
            meddled.append(sql)
            in_thread(Delivery.objects.filter(id=owed.id).delete).join(PATIENCE)
        return answer

    with connection.execute_wrapper(meddle):
        assert audit() == []
    assert meddled
    assert codes() == ["owed_sum", "owed_event"]


def test_an_audit_finds_nothing_while_a_relay_is_at_it(committed_db, now, monkeypatch):
    webhooks = channels()["webhooks"]
    monkeypatch.setattr(webhooks, "deliver", lambda *_: relay.Outcome(delivered=True))
    route()
    done = threading.Event()

    def work():
        for number in range(20):
            add_book(title=f"T{number}", authors=["A"], now=now)
            sequencer.sequence_all()
            relay.deliver_batch(webhooks)
            retention.prune(keep=timedelta(0))
        done.set()

    worker = in_thread(work)
    findings = []
    while worker.is_alive():
        findings += audit()
    worker.join(PATIENCE)

    assert done.is_set()
    assert findings == audit() == []
    assert Tally.objects.get().deliveries == 20


def test_every_check_has_a_code_of_its_own():
    checks = [check.code for check in auditing.CHECKS]

    assert len(set(checks)) == len(checks) == 10
