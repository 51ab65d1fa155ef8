from __future__ import annotations

import threading

import pytest

from config.urls import api
from outbox import sequencer
from projections import feed, registry, waiting
from projections.waiting import Question
from tests.api.conftest import Client
from tests.api.problems import problem
from tests.threads import in_thread

SHELF = "/api/v1/members/me/shelf/"


def borrow(client, copy_id):
    """Borrow over the API and return the header that a read sends along."""
    answer = client.post("/api/v1/loans/", {"copy_id": str(copy_id)})
    assert answer.status_code == 201, answer.content
    return {"Consistency-Token": answer["Consistency-Token"]}


def test_a_read_with_the_token_of_a_write_waits_for_it(
    committed_db, a_member, a_copy, monkeypatch
):
    reader, copy_id = Client(a_member()), a_copy()
    token = borrow(reader, copy_id)
    looked = threading.Event()
    is_folded = waiting._is_folded

    def look(*what):
        found = is_folded(*what)
        looked.set()
        return found

    def catch_up():
        looked.wait(10)
        sequencer.sequence_all()
        feed.catch_up_all()

    monkeypatch.setattr(waiting, "_is_folded", look)
    monkeypatch.setattr(waiting, "PATIENCE", 30)
    catching_up = in_thread(catch_up)
    shelf = reader.get(SHELF, headers=token)
    catching_up.join()

    assert [each["copy_id"] for each in shelf.json()["results"]] == [str(copy_id)]


def test_a_read_without_a_token_waits_for_nothing(reader, a_copy):
    borrow(reader, a_copy())

    shelf = reader.get(SHELF)

    assert shelf.json()["results"] == []


@pytest.mark.parametrize("placed", [True, False])
def test_a_read_that_would_wait_for_long_is_told_to_come_back(
    reader, a_copy, monkeypatch, placed
):
    monkeypatch.setattr(waiting, "PATIENCE", 0.05)
    token = borrow(reader, a_copy())
    if placed:
        sequencer.sequence_all()

    answer = reader.get(SHELF, headers=token)

    problem(answer, 503, "not_yet_visible")
    assert answer["Retry-After"] == "1"


def test_one_read_model_that_is_behind_is_enough_to_wait(reader, a_copy, monkeypatch):
    monkeypatch.setattr(waiting, "PATIENCE", 0.05)
    token = borrow(reader, a_copy())
    sequencer.sequence_all()
    feed.catch_up(registry.read_models()["shelves"])

    behind = reader.get(SHELF, headers=token)
    feed.catch_up_all()
    level = reader.get(SHELF, headers=token)

    problem(behind, 503, "not_yet_visible")
    assert level.json()["count"] == 1


NOBODYS = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("token", ["", "soon", NOBODYS])
def test_a_token_that_no_write_gave_is_refused(reader, token):
    answer = reader.get(SHELF, headers={"Consistency-Token": token})

    (error,) = problem(answer, 400, "validation_error")["errors"]
    assert error["code"] == "invalid_consistency_token"


def test_every_question_names_the_read_models_that_it_reads():
    views = {pattern.callback.view_class for pattern in api if pattern.callback}
    questions = [view for view in views if issubclass(view, Question)]

    assert len(questions) >= 3
    for view in questions:
        assert view.reads
        assert set(view.reads) <= set(registry.read_models())
