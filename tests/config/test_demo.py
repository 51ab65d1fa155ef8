"""The demo, tiny but whole; and the judgement it passes on what arrived."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from email.message import Message
from pathlib import Path
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from config.demo import plan, world
from config.demo.inside.acting import rows_in
from config.demo.owed import Answer, Effect, Letter, Post, owed_for
from config.demo.report import Arrival, Import, Seen, compare
from config.demo.stage import Stage
from config.processes import Supervisor
from config.state import CHECKOUT
from outbox import schedule
from outbox.channels.registry import channels
from outbox.channels.webhooks import keys, signing

KEYS = [
    *("books", "members", "borrowed", "returned", "events", "positions"),
    *("killed_in_flight", "signals", "webhooks", "emails"),
    *("ambiguous", "lost", "seconds"),
]


def demo(*arguments, **env):
    return subprocess.Popen(
        [sys.executable, CHECKOUT / "manage.py", "demo", *arguments],
        env=os.environ | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def state():
    """A state folder of the test's own, where nobody else leaves anything."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o711)  # root's PostgreSQL runs as somebody else
    yield folder
    shutil.rmtree(folder)


# --- the whole of it ------------------------------------------------------------


def test_the_demo_shows_the_main_job_from_end_to_end():
    running = demo("--members", "5", "--loans", "8", "--json", LOAN_LIMIT="1")

    out, err = running.communicate()

    assert running.returncode == 0, err
    (line,) = out.splitlines()
    figures = json.loads(line)
    assert list(figures) == KEYS
    assert [figures[name] for name in KEYS[:4]] == [40, 5, 8, 4]
    assert figures["events"] == figures["positions"] == 40 + 8 + 5 + 8 + 4
    assert figures["killed_in_flight"] == 1
    assert figures["signals"] == {"expected": 65, "effects": 65}
    webhooks, emails = figures["webhooks"], figures["emails"]
    assert webhooks["expected"] == webhooks["distinct"] == 65 + 12
    assert emails["expected"] == emails["distinct"] == 5 + 12
    assert webhooks["wire_duplicates"] + emails["wire_duplicates"] >= 1
    assert webhooks["wire_duplicates"] <= figures["ambiguous"]
    assert figures["lost"] == 0


def test_an_interrupted_demo_leaves_nothing_behind(state):
    running = demo("--json", KUTUBXONA_STATE=str(state))
    for line in running.stderr:
        if "relays start" in line:
            break

    running.send_signal(signal.SIGINT)
    out, _ = running.communicate()

    assert running.returncode == 130
    assert out == ""
    assert list((state / "throwaway").iterdir()) == []


@pytest.mark.parametrize("number", ["0", "-1", "many", "²"])
def test_a_demo_takes_no_number_below_1(number):
    with pytest.raises(CommandError, match="no whole number from 1"):
        call_command("demo", "--loans", number)


def test_a_demo_needs_a_file_of_books():
    with pytest.raises(CommandError, match="there is no file"):
        call_command("demo", "--books", "nowhere.csv")


@pytest.mark.parametrize(
    ("lease", "deadline"), [(30.0, 10.0), (15.0, 10.0), (6.0, 4.0)]
)
def test_a_short_lease_shortens_the_deadlines(monkeypatch, lease, deadline):
    monkeypatch.setattr(schedule, "WITHIN_LEASE", lease * 2 / 3)

    assert schedule.deadline(10.0) == deadline


def test_every_deadline_ends_well_within_the_lease():
    for channel in channels().values():
        assert channel.DEADLINE <= schedule.LEASE * 2 / 3


# --- the plan -------------------------------------------------------------------


def ids(first, count):
    return [UUID(int=number) for number in range(first, first + count)]


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("copies", [1, 4, 9])
def test_a_plan_breaks_no_rule_of_lending(members, copies):
    at_home = {}
    lent = 0

    for step in plan.steps(ids(1, members), ids(100, copies), loans=20, limit=2):
        if isinstance(step, plan.Return):
            assert at_home.pop(step.copy_id) == step.member_id
            continue
        assert step.copy_id not in at_home
        assert Counter(at_home.values())[step.member_id] < 2
        at_home[step.copy_id] = step.member_id
        lent += 1

    assert lent == 20


def test_a_number_is_shared_out_whole():
    assert plan.parts(10, 4) == [3, 3, 2, 2]


# --- the judgement --------------------------------------------------------------

ANSWERS = (
    Answer("a" * 32, "book.created", about="book-1"),
    Answer("b" * 32, "book.borrowed", "reader@demo.example", about="loan-1"),
)
BORROWED = ANSWERS[1].event
THANKS = Effect(BORROWED, "thank", "book.borrowed", "loan-1")


@pytest.fixture
def owed():
    return owed_for(ANSWERS)


@pytest.fixture
def seen(owed):
    """Everything, once, as it should be."""
    return Seen(
        events=Counter(owed.recorded),
        positions=2,
        last_position=2,
        effects=Counter(owed.effects),
        posts=[Arrival(post, f"body of {post.event}") for post in owed.posts],
        letters=[Arrival(letter, "<1.b@demo>") for letter in owed.letters],
        ambiguous=Counter(),
        imports=[],
        killed_in_flight=1,
        seconds=1.25,
    )


def test_what_is_owed_follows_from_the_answers_alone(owed):
    assert owed.effects == {
        Effect("a" * 32, "count_created", "book.created", "book-1"),
        Effect(BORROWED, "count_borrowed", "book.borrowed", "loan-1"),
        THANKS,
    }
    assert owed.posts == {
        Post("a" * 32, "all", "book.created"),
        Post(BORROWED, "all", "book.borrowed"),
        Post(BORROWED, "loans", "book.borrowed"),
    }
    assert owed.letters == {Letter(BORROWED, "reader@demo.example")}


def test_all_as_it_should_be_is_no_problem(owed, seen):
    report = compare(owed, seen)

    assert report.problems == []
    assert list(report.figures) == KEYS
    assert report.figures["lost"] == 0


def test_a_doubled_effect_is_a_problem(owed, seen):
    twice = seen.effects + Counter([THANKS])

    report = compare(owed, replace(seen, effects=twice))

    assert report.figures["signals"] == {"expected": 3, "effects": 4}
    assert "1 effects doubled" in report.problems[0]


def test_a_lost_effect_is_a_problem(owed, seen):
    fewer = seen.effects - Counter([THANKS])

    report = compare(owed, replace(seen, effects=fewer))

    assert report.figures["lost"] == 1
    assert "1 effects lost" in report.problems[0]


def test_a_missing_webhook_is_a_problem(owed, seen):
    report = compare(owed, replace(seen, posts=seen.posts[1:]))

    assert report.figures["lost"] == 1
    assert report.figures["webhooks"]["distinct"] == 2
    assert "1 webhooks lost" in report.problems[0]


@pytest.mark.parametrize("stray", [Post("c" * 32, "all", "book.created"), None])
def test_an_unexpected_webhook_is_a_problem(owed, seen, stray):
    posts = [*seen.posts, Arrival(stray, "body")]

    report = compare(owed, replace(seen, posts=posts))

    assert "1 webhooks nobody expected" in report.problems[0]


@pytest.mark.parametrize(("ambiguous", "problems"), [(1, 0), (0, 1)])
def test_a_double_on_the_wire_needs_an_ambiguous_attempt(
    owed, seen, ambiguous, problems
):
    doubled, other, *_ = seen.posts
    posts = [*seen.posts, doubled]
    ambiguous = Counter({doubled.of: ambiguous, other.of: 7})

    report = compare(owed, replace(seen, posts=posts, ambiguous=ambiguous))

    assert report.figures["webhooks"]["wire_duplicates"] == 1
    assert len(report.problems) == problems


def test_a_copy_with_other_bytes_is_a_problem(owed, seen):
    posts = [*seen.posts, replace(seen.posts[0], same="another body")]
    ambiguous = Counter([seen.posts[0].of])

    report = compare(owed, replace(seen, posts=posts, ambiguous=ambiguous))

    assert "1 webhooks whose copies differ" in report.problems[0]


def test_a_wrong_signature_is_a_problem_and_no_arrival(owed, seen):
    posts = [replace(seen.posts[0], wrong="no signature"), *seen.posts[1:]]

    report = compare(owed, replace(seen, posts=posts))

    assert report.figures["lost"] == 1
    assert any("webhooks that are wrong" in problem for problem in report.problems)


def test_a_letter_under_two_message_ids_is_a_problem(owed, seen):
    letters = [*seen.letters, replace(seen.letters[0], same="<2.b@demo>")]
    ambiguous = Counter([seen.letters[0].of])

    report = compare(owed, replace(seen, letters=letters, ambiguous=ambiguous))

    assert "1 emails whose copies differ" in report.problems[0]


def test_a_letter_that_is_wrong_is_a_problem_and_no_arrival(owed, seen):
    letters = [replace(seen.letters[0], wrong="no subject")]

    report = compare(owed, replace(seen, letters=letters))

    assert report.figures["lost"] == 1
    assert any("emails that are wrong" in problem for problem in report.problems)


@pytest.mark.parametrize("told", [{"type": "book.returned"}, {"about": "loan-2"}])
def test_an_effect_of_another_event_is_a_problem(owed, seen, told):
    effects = seen.effects - Counter([THANKS]) + Counter([THANKS._replace(**told)])

    report = compare(owed, replace(seen, effects=effects))

    assert report.figures["lost"] == 1
    assert "1 effects nobody expected" in report.problems[1]


def test_a_lost_letter_is_a_problem(owed, seen):
    report = compare(owed, replace(seen, letters=[]))

    assert report.figures["lost"] == 1
    assert "1 emails lost" in report.problems[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"events": Counter({"book.created": 2, "book.borrowed": 1})},
        {"positions": 1},
        {"last_position": 3},
        {"killed_in_flight": 0},
    ],
)
def test_a_log_that_is_not_what_was_answered_is_a_problem(owed, seen, wrong):
    assert compare(owed, replace(seen, **wrong)).problems


def test_rejected_rows_are_told_and_no_problem(owed, seen):
    imported = Import(
        rows=4, added=1, known=1, rejected=2, reason="line 2: invalid_description"
    )

    report = compare(owed, replace(seen, imports=[imported]))

    assert report.problems == []
    assert list(report.figures) == KEYS
    assert report.remarks == [
        "2 of 4 rows were rejected, first line 2: invalid_description"
    ]


@pytest.mark.parametrize("rows", [2, 4])
def test_a_row_that_came_to_nothing_is_a_problem(owed, seen, rows):
    imported = Import(rows=rows, added=1, known=1, rejected=1)

    report = compare(owed, replace(seen, imports=[imported]))

    assert report.problems == [
        f"{rows} rows in the file, and 1 added, 1 known, 1 rejected"
    ]


def test_rows_are_counted_without_heading_and_blank_lines(tmp_path):
    path = tmp_path / "books.csv"
    path.write_text('title,authors\n"Two\nlines",Oybek\n\n,\n')

    assert rows_in(path) == 2


# --- the world outside ----------------------------------------------------------

EVENT = UUID(int=7)
BODY = b'{"id": "%s", "type": "book.borrowed"}' % str(EVENT).encode()


@pytest.fixture
def secret():
    return keys.new("v1")


@pytest.fixture
def signed(secret):
    """Return the headers our sender would send."""

    def sign(body=BODY, event=EVENT, age=0):
        now = int(time.time()) - age
        return signing.headers([secret], signing.message_id(event), now, body)

    return sign


def test_what_our_sender_signs_is_right(secret, signed):
    assert world.what_is_wrong(secret, signed(), BODY) == ""
    assert world.told(BODY) == (EVENT.hex, "book.borrowed")


@pytest.mark.parametrize(
    "changed", ["webhook-id", "webhook-timestamp", "webhook-signature"]
)
def test_a_header_that_was_changed_is_wrong(secret, signed, changed):
    headers = signed() | {changed: "1"}

    assert world.what_is_wrong(secret, headers, BODY) == "no signature matches"
    assert world.what_is_wrong(secret, {}, BODY) == "no signature matches"


def test_another_body_or_secret_is_wrong(secret, signed):
    other = keys.new("v1")

    assert world.what_is_wrong(secret, signed(), BODY + b" ")
    assert world.what_is_wrong(other, signed(), BODY)
    assert world.what_is_wrong(None, signed(), BODY) == "unknown endpoint"


def test_an_old_signature_is_wrong(secret, signed):
    assert world.what_is_wrong(secret, signed(age=310), BODY) == "not signed now"


def test_a_body_under_another_id_is_wrong(secret, signed):
    headers = signed(event=UUID(int=8))

    assert "not that of msg_" in world.what_is_wrong(secret, headers, BODY)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": 7, "type": ""}'])
def test_a_body_that_is_no_message_is_wrong(secret, signed, body):
    assert "not that of msg_" in world.what_is_wrong(secret, signed(body), body)


@pytest.mark.parametrize(
    ("head", "wrong"),
    [
        ({"Subject": "A loan", "To": "Aziza <reader@demo.example>"}, ""),
        ({"Subject": " ", "To": "reader@demo.example"}, "no subject"),
        ({"To": "reader@demo.example"}, "no subject"),
        ({"Subject": "A loan"}, "To is not reader@demo.example"),
        (
            {"Subject": "A loan", "To": "x@demo.example"},
            "To is not reader@demo.example",
        ),
    ],
)
def test_a_letter_has_a_subject_and_goes_to_its_recipient(head, wrong):
    letter = Message()
    for name, value in head.items():
        letter[name] = value

    assert world.what_is_wrong_with_letter(letter, "reader@demo.example") == wrong


def test_what_is_set_for_a_real_library_makes_no_other_demo(monkeypatch, tmp_path):
    for name in ("RELAY_LEASE", "LOAN_DAYS", "LOAN_LIMIT"):
        monkeypatch.setenv(name, "1")
    stage = Stage(tmp_path, Supervisor(), "postgresql:///x", "", ports={"smtp": 25})

    env = stage.environment()

    assert [env[name] for name in ("RELAY_LEASE", "LOAN_DAYS", "LOAN_LIMIT")] == [
        *("6", "28", "5")
    ]


def test_a_play_without_a_kill_may_do_without(owed, seen):
    assert compare(owed, replace(seen, killed_in_flight=0), kills=0).problems == []
