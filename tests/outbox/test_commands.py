from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django_outbox_pattern.models import Published

from library.catalog.books import add_book
from outbox import retention, standing, subcommands
from outbox.columns import Now
from outbox.ids import new_id
from outbox.models import Attempt, Delivery, Replay, Status
from tests.outbox.owing import change, ended, owe

ROOT = Path(__file__).resolve().parent.parent.parent


def ask(*arguments):
    """Run a subcommand; return what it prints. Refusals raise CommandError."""
    said = StringIO()
    call_command("outbox", *map(str, arguments), stdout=said, stderr=StringIO())
    return said.getvalue()


def lines(*arguments):
    """Run a subcommand with --json; return its objects."""
    return [json.loads(line) for line in ask(*arguments, "--json").splitlines()]


def failure(*arguments):
    """Run a subcommand that fails; return the status and what it says."""
    with pytest.raises(CommandError) as failed:
        ask(*arguments)
    return failed.value.returncode, str(failed.value)


# --- status -----------------------------------------------------------------------


def test_status_counts_what_is_owed_and_what_has_failed(db, now):
    owe(
        now, due_at=Now() - timedelta(seconds=90), created_at=Now() - timedelta(hours=2)
    )
    owe(now, due_at=Now() + timedelta(hours=1), attempts=1, error="http_5xx: later")
    ended(now, Status.DEAD)
    ended(now, Status.UNKNOWN, channel="emails", destination="receipt")
    ended(now, Status.DELIVERED, channel="letters")

    [said] = lines("status")

    by_name = {each["channel"]: each for each in said["channels"]}
    assert set(by_name) == {"signals", "webhooks", "letters", "emails"}
    webhooks = by_name["webhooks"]
    assert [webhooks[name] for name in ("pending", "due", "dead")] == [2, 1, 1]
    assert 7190 < webhooks["oldest"] < 7260
    assert 89 < webhooks["late"] < 150
    assert by_name["emails"]["unknown"] == 1
    assert by_name["letters"]["oldest"] is None
    troubled = [(each["channel"], each["retried"]) for each in said["destinations"]]
    assert troubled == [("emails", 0), ("webhooks", 1)]


def test_status_counts_events_without_a_position_and_replays(db, now):
    add_book(title="T", authors=["A"], now=now)
    Replay.objects.create(since=now, last=1)

    [said] = lines("status")

    assert (said["waiting"], said["replays"]) == (1, 1)
    assert said["waiting_for"] >= 0


def test_status_for_people_names_channel_destination_and_reason(db, now):
    ended(now, destination="0190-shop")

    said = ask("status")

    assert "webhooks" in said
    assert "0190-shop" in said
    assert "http_5xx: try later" in said
    assert "events without a position: 0" in said


def test_status_costs_four_queries(db, now, django_assert_num_queries):
    for destination in ("a", "b", "c"):
        ended(now, destination=destination)

    with django_assert_num_queries(4):
        ask("status")


@pytest.mark.parametrize(("bound", "fails"), [(60, True), (600, False)])
def test_status_fails_over_a_bound(db, now, bound, fails):
    owe(now, due_at=Now() - timedelta(seconds=300))

    if fails:
        code, said = failure("status", "--fail-over", bound)
        assert code == 1
        assert "manage.py relay" in said
    else:
        assert "webhooks" in ask("status", "--fail-over", bound)


def test_status_fails_over_an_event_without_a_position(db, now, monkeypatch):
    add_book(title="T", authors=["A"], now=now)
    waits = standing._WAITING.replace("clock_timestamp()", "clock_timestamp() + '1 h'")
    monkeypatch.setattr(standing, "_WAITING", waits)

    assert failure("status", "--fail-over", 60)[0] == 1


def test_what_waits_in_its_lane_for_a_retry_is_not_late(db, now):
    first = owe(now, lane="copy:1", attempts=1, due_at=Now() + timedelta(hours=1))
    behind = owe(now, lane="copy:1", due_at=Now() - timedelta(hours=1))

    [said] = lines("status", "--fail-over", 60)
    assert said["late"] == 0.0

    change(first, status=Status.DEAD, finished_at=Now())
    assert failure("status", "--fail-over", 60)[0] == 1
    assert behind.id


def test_a_strangers_answer_moves_no_cursor(db, now):
    ended(now, error="\x1b[2Jgone [bold]\u202e")

    said = ask("status")

    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "[2Jgone [bold]" in said


# --- list and show ----------------------------------------------------------------


def test_list_shows_the_latest_first(db, now):
    first, second, third = ended(now), ended(now), ended(now)

    said = lines("list", "--limit", 2)

    assert [each["id"] for each in said] == [third.id, second.id]
    assert said[0]["type"] == "book.created"
    assert str(first.id) in ask("list")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--status", "dead"),
        ("--channel", "emails"),
        ("--destination", "office"),
        ("--since", "2h"),
    ],
)
def test_list_shows_what_was_asked_for(db, now, option, value):
    ended(now, Status.DELIVERED, created_at=Now() - timedelta(days=2))
    wanted = ended(now, Status.DEAD, channel="emails", destination="office")

    assert [each["id"] for each in lines("list", option, value)] == [wanted.id]


def test_list_by_type(db, now):
    owed = ended(now)

    assert [row["id"] for row in lines("list", "--type", "book.created")] == [owed.id]
    assert lines("list", "--type", "book.deleted") == []
    assert "no such deliveries" in ask("list", "--type", "book.deleted")


def test_list_costs_one_query(db, now, django_assert_num_queries):
    for _ in range(5):
        ended(now)

    with django_assert_num_queries(1):
        lines("list")


def test_show_tells_the_event_and_every_attempt_and_nobodys_name(db, a_loan, now):
    owed = ended(now)
    for number in (1, 2):
        Attempt.objects.create(
            delivery=owed, claim=number, outcome="http_5xx", http_status=503, worker="w"
        )

    [said] = lines("show", owed.id)

    assert said["position"] == owed.position
    assert said["event"]["type"] == "book.created"
    assert said["event"]["stream"].startswith("book:")
    assert "data" not in said["event"]
    assert [each["claim"] for each in said["tries"]] == [1, 2]
    for word in ("book.created", "503", str(owed.event_id), "try later"):
        assert word in ask("show", owed.id)


def test_show_costs_three_queries(db, now, django_assert_num_queries):
    owed = ended(now)

    with django_assert_num_queries(3):
        ask("show", owed.id)


def test_show_says_that_a_delivery_may_have_been_pruned(db):
    code, said = failure("show", 10**12)

    assert code == 1
    assert "pruned" in said


# --- retry and replay -------------------------------------------------------------


def test_retry_says_what_it_did_about_each(db, now):
    dead, waiting = ended(now), owe(now)

    code, said = failure("retry", dead.id, waiting.id)

    assert (code, said) == (1, "1 of 2 did not start anew.")
    dead.refresh_from_db()
    assert dead.status == Status.PENDING
    assert lines("retry", ended(now).id)[0]["started"] is True


def test_retry_again_sends_what_was_delivered(db, now):
    owed = ended(now, Status.DELIVERED)

    assert failure("retry", owed.id)[0] == 1
    assert "starts anew" in ask("retry", owed.id, "--again")


def test_replay_starts_what_has_died_anew(db, now):
    owed = ended(now)

    [said] = lines("replay", "--since", "1d", "--destination", "shop")

    assert (said["replayed"], said["finished"]) == (1, True)
    owed.refresh_from_db()
    assert owed.status == Status.PENDING
    assert "0 dead deliveries" in ask("replay", "--since", "2026-03-02T10:00Z")


def test_replay_goes_on_with_what_was_not_finished(db, now):
    ended(now)
    last = Delivery.objects.latest("id").id
    Replay.objects.create(since=now - timedelta(days=9), last=last)

    assert lines("replay", "--resume")[0]["replayed"] == 1
    assert "no replay is unfinished" in ask("replay", "--resume")


def test_replay_sends_one_event_to_one_destination(db, now):
    owed = ended(now)

    assert f"{owed.id}: starts anew" in ask("replay", owed.event_id, "--to", "shop")
    assert failure("replay", owed.event_id, "--to", "office")[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--since", "1d", "--resume"),
        (new_id(),),
        (new_id(), "--to", "shop", "--since", "1d"),
        ("--to", "shop", "--resume"),
    ],
)
def test_replay_wants_to_know_what_is_meant(db, arguments):
    code, said = failure("replay", *arguments)

    assert code == 2
    assert "--help" in said


# --- prune and audit --------------------------------------------------------------


def test_prune_keeps_what_the_settings_say_or_what_it_is_told(db, now, settings):
    settings.OUTBOX = {**settings.OUTBOX, "KEEP_DAYS": 30}
    ended(now, days_ago=20)
    Published.objects.update(added=Now() - timedelta(days=20))

    assert lines("prune")[0]["deliveries"] == 0
    assert "1 deliveries of 1 events" in ask("prune", "--days", 10, "--dry-run")
    assert lines("prune", "--days", 10)[0]["deliveries"] == 1


def test_the_window_is_thirty_days_by_default():
    assert retention.window() == timedelta(days=30)


def test_audit_says_that_all_is_well(committed_db, now):
    ended(now)

    assert "all 10 checks passed" in ask("audit")
    assert lines("audit") == []


def test_audit_fails_with_what_it_found(committed_db, now):
    owed = ended(now)
    Delivery.objects.all().delete()

    code, said = failure("audit")

    assert code == 1
    assert "docs/operations.md" in said
    output = StringIO()
    with pytest.raises(CommandError):
        call_command("outbox", "audit", "--json", stdout=output)
    found = [json.loads(line) for line in output.getvalue().splitlines()]
    assert {each["code"] for each in found} == {"owed_sum", "owed_event"}
    assert str(owed.event_id) in output.getvalue()


def test_audit_repairs_a_forgotten_event(committed_db, now):
    add_book(title="T", authors=["A"], now=now)
    Published.objects.all().delete()

    assert failure("audit")[0] == 1
    assert "all 10 checks passed" in ask("audit", "--repair")
    assert Published.objects.count() == 1


# --- What is not understood -------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("sing",),
        ("show", "0"),
        ("show", "first"),
        ("retry",),
        ("list", "--status", "lost"),
        ("list", "--channel", "pigeons"),
        ("list", "--since", "yesterday"),
        ("list", "--since", "999999d"),
        ("list", "--limit", "0"),
        ("prune", "--days", "0"),
        ("prune", "--days", "36501"),
        ("status", "--fail-over", "-1"),
        ("replay", "not-an-id", "--to", "shop"),
    ],
)
def test_what_is_not_understood_is_refused(arguments):
    with pytest.raises(CommandError, match="Error: "):
        ask(*arguments)


def test_exit_statuses_and_streams_of_the_real_command(committed_db, now):
    owe(now, due_at=Now() - timedelta(minutes=5))
    runs = {
        arguments: subprocess.run(
            [sys.executable, "manage.py", "outbox", *arguments],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": committed_db},
            capture_output=True,
            text=True,
            check=False,
        )
        for arguments in (
            ("audit", "--json"),
            ("status", "--json", "--fail-over", "1"),
            ("list", "--status", "lost"),
        )
    }

    assert [run.returncode for run in runs.values()] == [0, 1, 2]
    late = runs["status", "--json", "--fail-over", "1"]
    assert json.loads(late.stdout)["late"] > 290
    assert "late" in late.stderr
    assert "Traceback" not in "".join(run.stderr for run in runs.values())


def test_a_database_that_is_away_is_said_without_a_traceback():
    asked = subprocess.run(
        [sys.executable, "manage.py", "outbox", "status"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert asked.returncode == 1
    assert "DATABASE_URL" in asked.stderr
    assert "Traceback" not in asked.stderr


@pytest.mark.parametrize("name", subcommands.SUBCOMMANDS)
def test_every_subcommand_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("outbox", name, "--help")

    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out
