"""How many queries a request takes: fixed, whatever it shows."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from outbox import sequencer
from outbox.models import Attempt, Delivery

LISTS = {
    "/api/v1/books/": 3,
    "/api/v1/copies/": 3,
    "/api/v1/members/": 4,
    "/api/v1/loans/": 3,
    "/api/v1/holds/": 3,
    "/api/v1/loans/overdue/": 5,
    "/api/v1/members/me/shelf/": 4,
    "/api/v1/activity/top-books/": 4,
    "/api/v1/webhook-endpoints/": 5,
}


@pytest.mark.parametrize("path", LISTS)
def test_a_list_costs_the_same_however_long(
    librarian, a_loan, a_hold, sequenced, django_assert_num_queries, path
):
    for number in range(3):
        a_loan(now=datetime(2026, 1, 1, tzinfo=UTC))
        a_loan(member_id=librarian.member_id)
        a_hold(a_loan().book_id)
        librarian.post(
            "/api/v1/webhook-endpoints/",
            {"url": f"https://example.org/{number}", "event_types": ["book.*"]},
        )
    sequenced()

    with django_assert_num_queries(LISTS[path]):
        answer = librarian.get(path)

    assert answer.json()["count"] >= 3


@pytest.mark.parametrize("things", [0, 3])
def test_an_account_costs_the_same_whatever_is_in_it(
    reader, a_loan, a_hold, django_assert_num_queries, things
):
    for _ in range(things):
        a_loan(member_id=reader.member_id)
        a_hold(a_loan().book_id, member_id=reader.member_id)

    with django_assert_num_queries(9):
        answer = reader.get("/api/v1/members/me/account/")

    assert len(answer.json()["loans"]) == things


def test_deliveries_cost_the_same_however_many(
    librarian, a_book, django_assert_num_queries
):
    given = {"url": "https://example.org/", "event_types": ["book.*"]}
    endpoint = librarian.post("/api/v1/webhook-endpoints/", given).json()
    for _ in range(3):
        a_book()
    sequencer.sequence_all()
    for delivery in Delivery.objects.filter(channel="webhooks"):
        Attempt.objects.create(delivery=delivery, claim=1, outcome="x", worker="w")

    with django_assert_num_queries(5):
        answer = librarian.get(
            f"/api/v1/webhook-endpoints/{endpoint['id']}/deliveries/"
        )

    assert len(answer.json()["results"]) == 3


def test_borrowing_costs_this_much(reader, a_copy, django_assert_num_queries):
    given = {"copy_id": a_copy()}

    with django_assert_num_queries(14):
        answer = reader.post("/api/v1/loans/", given)

    assert answer.status_code == 201


def test_a_key_costs_this_much_more(reader, a_copy, django_assert_num_queries):
    given = {"copy_id": a_copy()}

    with django_assert_num_queries(19):
        answer = reader.keyed("/api/v1/loans/", given, "k1")

    assert answer.status_code == 201


def test_a_repeat_records_nothing(reader, a_copy):
    given = {"copy_id": a_copy()}
    reader.keyed("/api/v1/loans/", given, "k1")

    with CaptureQueriesContext(connection) as queries:
        reader.keyed("/api/v1/loans/", given, "k1")

    assert not [each for each in queries if each["sql"].startswith("INSERT")]
