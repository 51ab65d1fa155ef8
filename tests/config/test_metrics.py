"""The web's answer to a scrape: who gets one, and that it always comes."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from rest_framework.test import APIClient

from config import machine
from config.state import CHECKOUT
from library.members.models import User
from outbox import gauges, metrics
from outbox.channels import signals
from outbox.channels.contract import DELIVERED
from tests.scrapes import samples

OPERATIONS = CHECKOUT / "docs" / "operations.md"
TOKEN = "twenty-characters-at-least"


@pytest.fixture
def a_client(a_member):
    def make(**more):
        member_id = a_member()
        User.objects.filter(id=member_id).update(**more)
        client = APIClient()
        client.force_login(User.objects.get(id=member_id))
        return client

    return make


def scrape(client=None, **headers):
    return (client or APIClient()).get("/metrics", headers=headers)


def test_staff_may_look(db, a_client):
    answer = scrape(a_client(is_staff=True))

    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    found = samples(answer.content.decode())
    assert found["outbox_database_up",] == 1
    assert ("projections_lag_events", "due_loans") in found


def test_readers_may_not(db, a_client):
    assert scrape(a_client()).status_code == 403


@pytest.mark.parametrize("given", ["", f"Bearer {TOKEN}", "Bearer ", "Bearer"])
def test_without_a_token_of_its_own_nobody_gets_in_by_one(db, settings, given):
    settings.METRICS_TOKEN = ""

    assert scrape(Authorization=given).status_code == 401


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer ", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "é"],
)
def test_another_token_is_none(db, settings, given):
    settings.METRICS_TOKEN = TOKEN

    assert scrape(Authorization=given).status_code == 401


def test_the_token_opens_this_door_only(db, settings):
    settings.METRICS_TOKEN = TOKEN

    answer = APIClient().get(
        "/api/v1/members/", headers={"Authorization": f"Bearer {TOKEN}"}
    )

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
        ("text/plain;version=0.0.4", "text/plain"),
        ("text/html", "text/plain"),
    ],
)
def test_a_scraper_gets_the_format_it_asks_for(db, settings, accept, content_type):
    settings.METRICS_TOKEN = TOKEN

    answer = scrape(Authorization=f"Bearer {TOKEN}", Accept=accept)

    assert answer.status_code == 200
    assert answer["Content-Type"].startswith(content_type)


def test_a_database_that_is_away_is_a_number_and_no_error(settings, monkeypatch):
    def away():
        raise OperationalError("connection refused")

    settings.METRICS_TOKEN = TOKEN
    monkeypatch.setattr(gauges, "connection", SimpleNamespace(ensure_connection=away))

    answer = scrape(Authorization=f"Bearer {TOKEN}")

    assert answer.status_code == 200
    assert samples(answer.content.decode())["outbox_database_up",] == 0


# --- Counting together ----------------------------------------------------------


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("KUTUBXONA_STATE", str(tmp_path / "state"))
    machine.counting_folder.cache_clear()
    yield tmp_path / "state"
    machine.counting_folder.cache_clear()


def test_the_children_of_a_machine_count_in_one_folder_empty_at_first(state):
    first = machine.counting_folder()
    (first / "counter_7.db").touch()
    machine.counting_folder.cache_clear()  # as if started again, as the same process

    env = machine.environment()

    assert env["PROMETHEUS_MULTIPROC_DIR"] == str(first)
    assert first.parent == state / "metrics"
    assert list(first.iterdir()) == []


def test_folders_of_machines_that_are_gone_are_cleared_away(state):
    gone = state / "metrics" / str(2**22 + 1)  # more than a process id can be
    running = state / "metrics" / "1"
    for folder in (gone, running):
        folder.mkdir(parents=True)
    state.chmod(0o700)
    running.parent.chmod(0o700)

    machine.counting_folder()

    assert not gone.exists()
    assert running.exists()


# --- The document ---------------------------------------------------------------


def test_the_document_of_operations_has_every_metric_with_its_labels(db, a_book):
    (section,) = re.findall(
        r"^## Metrics\n(.+?)^## ",
        OPERATIONS.read_text(),
        flags=re.MULTILINE | re.DOTALL,
    )
    rows = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \|", section, flags=re.MULTILINE)
    told = {name.removesuffix("_total"): labels for name, labels in rows}

    metrics.ended(signals, DELIVERED, 0.0)
    a_book()
    shown = {each.name: each for each in gauges.shown().collect()}

    assert set(told) == set(shown)
    for name, metric in shown.items():
        for each in metric.samples:
            labels = [label for label in each.labels if label != "le"]
            assert ", ".join(labels) == told[name].replace("none", "")
