"""
Erase with an open loan: refused, ids listed. Erase otherwise: the name, e-mail and
barcode are found nowhere in a dump of the database; rebuild and audit still pass.

The dump is pg_dump's: every schema there is, the broker's too.
"""

from __future__ import annotations

import subprocess
from datetime import timedelta

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.test import Client as Browser

from config.postgresql_programs import programs_and_user
from library.members.models import Member, User
from outbox import relay, sequencer
from outbox.audit import audit
from outbox.channels.registry import channels
from outbox.models import Event
from projections import feed
from projections.rebuild import rebuild
from projections.registry import every_fold
from projections.verify import differences
from tests.api.conftest import Client
from tests.api.problems import problem

API = "/api/v1"
PASSWORD = "correct-horse-battery"
PERSON = {
    "username": "zulfiya-the-reader",
    "first_name": "Zulfiya",
    "last_name": "Isroilova",
    "email": "zulfiya@isroilova.example",
    "card_barcode": "CARD-9917",
}


def registered_by(librarian):
    """Register somebody at the desk, and return who that is."""
    who = {**PERSON, "password": PASSWORD}
    made = librarian.keyed(f"{API}/members/", who, "desk-29")
    assert made.status_code == 201, made.content
    return made.json()["id"]


def dump(url):
    """Return the database as pg_dump writes it, in small letters."""
    program = programs_and_user()[0] / "pg_dump"
    ran = subprocess.run(
        [program, url], capture_output=True, text=True, check=True, timeout=60
    )
    return ran.stdout.lower()


def traces(url):
    """Return which of what is known of the person the dump contains."""
    text = dump(url)
    return {each for each in PERSON.values() if each.lower() in text}


def live_a_little(librarian, person, a_copy, a_loan):
    """Log in, look around, borrow, wait, owe, be written to and corrected."""
    token = Browser().post(
        f"{API}/tokens/",
        {"username": PERSON["username"], "password": PASSWORD},
        content_type="application/json",
    )
    assert token.status_code in {200, 201}, token.content
    reader = Client()
    reader.credentials(HTTP_AUTHORIZATION=f"Token {token.json()['token']}")
    assert reader.patch(f"{API}/members/me/", {"language": "uz"}).status_code == 200
    loan = reader.post(f"{API}/loans/", {"copy_id": str(a_copy())}).json()
    hold = reader.post(f"{API}/holds/", {"book_id": str(a_loan().book_id)}).json()
    LogEntry.objects.create(
        user_id=librarian.member_id,
        content_type=ContentType.objects.get_for_model(User),
        object_id=person,
        object_repr=PERSON["username"],
        action_flag=CHANGE,
    )
    sequencer.sequence_all()
    for name in ("letters", "emails"):
        relay.drain(channels()[name])  # nobody listens: each letter fails once
    return reader, loan, hold


def test_with_an_open_loan_it_is_refused_and_the_ids_are_listed(
    librarian, a_copy, a_loan
):
    person = registered_by(librarian)
    _, loan, hold = live_a_little(librarian, person, a_copy, a_loan)

    answer = librarian.delete(f"{API}/members/{person}/")

    facts = problem(answer, 409, "still_in_use")["facts"]
    assert facts["blockers"] == [loan["id"], hold["id"]]
    assert User.objects.filter(id=person).exists()


def test_otherwise_nothing_is_found_and_everything_adds_up(
    committed_db, a_librarian, a_copy, a_loan, now
):
    librarian = a_librarian()  # what `librarian` does would be rolled back
    person = registered_by(librarian)
    reader, loan, hold = live_a_little(librarian, person, a_copy, a_loan)
    assert reader.post(f"{API}/holds/{hold['id']}/cancel/", {}).status_code == 200
    back = librarian.post(f"{API}/loans/{loan['id']}/return/", {})
    assert back.status_code == 200
    before = Event.objects.count()
    assert traces(committed_db) == {*PERSON.values()}

    erased = librarian.delete(f"{API}/members/{person}/")

    assert erased.status_code == 204
    assert traces(committed_db) == set()
    assert Event.objects.count() == before + 1
    assert Member.objects.get(id=person).erased_at > now - timedelta(days=1)
    sequencer.sequence_all()
    feed.catch_up_all()
    assert [str(each) for each in differences(*every_fold().values())] == []
    for fold in every_fold().values():
        assert rebuild(fold).corrected in {0, None}
    assert traces(committed_db) == set()
    assert audit() == []
