"""The table of claims and how it ends; the claims themselves take minutes."""

from __future__ import annotations

import signal
import socket
import sys

import orjson
import pytest
from django.core.management import call_command

from config.demo.errors import DemoFailed
from config.proof import (
    brokers,
    demos,
    folds,
    latency,
    lending,
    letters,
    machines,
    main_job,
    registry,
    webhooks,
)
from config.proof.claims import Claim, Finding
from config.proof.latency import Times
from config.proof.running import Ran, run


@pytest.fixture
def claims(monkeypatch):
    """Replace the registry with one of the test's own."""

    def make(*checks):
        named = [Claim(f"claim {n}", check) for n, check in enumerate(checks, 1)]
        monkeypatch.setattr(registry, "CLAIMS", {"main-job": named, "relay": []})

    return make


def proof(*what):
    """Return the exit status."""
    with pytest.raises(SystemExit) as ended:
        call_command("proof", *what)
    return ended.value.code


def holding():
    return Finding("0 of 10 lost", True)


def failing():
    return Finding("1 of 10 lost", False)


def impossible():
    raise DemoFailed("no database")


def broken():
    raise ValueError("oops")


@pytest.mark.parametrize("what", ["relay", "nonsense"])
def test_a_what_without_claims_exits_2(claims, capsys, what):
    claims(holding)

    assert proof(what) == 2

    assert "There is: main-job" in capsys.readouterr().err


def test_claims_that_hold_end_well(claims, capsys):
    claims(holding, holding)

    assert proof("main-job") == 0

    out = capsys.readouterr().out
    assert "claim 1" in out
    assert "0 of 10 lost" in out
    assert out.splitlines()[-1] == "2 claims, 0 failed"


@pytest.mark.parametrize("fails", [failing, impossible, broken])
def test_one_claim_that_fails_is_enough(claims, capsys, fails):
    claims(fails, holding)

    assert proof("main-job") == 1

    out = capsys.readouterr().out
    assert "FAILS" in out
    assert out.splitlines()[-1] == "2 claims, 1 failed"


def test_without_a_what_everything_is_checked(claims, capsys):
    claims(holding)

    assert proof() == 0

    assert capsys.readouterr().out.splitlines()[-1] == "1 claims, 0 failed"


def test_there_are_claims_about_the_main_job():
    assert registry.CLAIMS["main-job"] == main_job.CLAIMS


@pytest.mark.parametrize(("mute", "holds"), [(0.014, True), (0.016, False)])
def test_a_borrow_may_take_half_as_long_again_and_no_longer(mute, holds):
    live, slow = Times(0.010, 0.030), Times(mute, 0.030)

    assert latency.judged(live=live, closed=live, mute=slow).holds is holds
    assert latency.judged(live=live, closed=slow, mute=live).holds is holds


@pytest.mark.parametrize(
    ("live", "slowest", "holds"),
    [(0.03, 0.74, True), (0.03, 0.76, False), (0.4, 0.89, True), (0.4, 0.91, False)],
)
def test_a_single_borrow_that_waits_for_a_broker_is_enough(live, slowest, holds):
    usual = Times(0.010, live)

    finding = latency.judged(live=usual, closed=usual, mute=Times(0.010, slowest))

    assert finding.holds is holds
    assert f"10.0 ms (slowest {slowest * 1000:.0f} ms) at a mute" in finding.figure


def test_a_demo_that_failed_tells_its_last_line():
    ran = Ran(False, ['{"lost": 3}', "CommandError: The demo failed:", "3 lost", ""])

    assert demos.finding(ran) == Finding("3 lost", False)


def test_a_demo_that_ended_well_is_summed_up():
    figures = (
        '{"signals":{"expected":3,"effects":3},'
        '"webhooks":{"expected":2,"distinct":2,"wire_duplicates":1},'
        '"emails":{"expected":1,"distinct":1,"wire_duplicates":0},'
        '"lost":0,"killed_in_flight":1,"seconds":9.6}'
    )

    assert demos.finding(Ran(True, ["on the way", figures])) == Finding(
        "0 of 6 lost, 1 doubles on the wire, 1 killed in flight, 10 s", True
    )


def test_what_pytest_found_is_the_figure():
    both = ["examples=1000 of=lending", "examples=1000 of=whereabouts"]
    well = Ran(True, [*both, ".", "==== 1 passed in 3.14s ===="])
    badly = Ran(False, ["F", "==== 1 failed in 2.71s ===="])

    assert machines.finding([well, badly]) == Finding(
        "1000 of 2000 examples: 1 passed in 3.14s; 1 failed in 2.71s", False
    )
    assert machines.finding([well, well]).holds


def test_fewer_examples_than_asked_prove_less():
    other = "examples=1000 of=whereabouts"
    enough = Ran(True, ["examples=1000 of=lending", other, "1 passed"])
    fewer = Ran(True, ["examples=999 of=lending", other, "1 passed"])

    finding = machines.finding([enough, fewer])

    assert finding == Finding("1999 of 2000 examples: 1 passed; 1 passed", False)


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ("urls=100000 connections=9 forbidden=0", True),
        ("urls=100000 connections=9 forbidden=1", False),
        ("urls=99999 connections=9 forbidden=0", False),
        ("urls=100000 connections=0 forbidden=0", False),
        ("1 error", False),
    ],
)
def test_the_guard_holds_when_only_public_addresses_were_reached(said, holds):
    assert webhooks.guarded(Ran(True, [said])).holds is holds
    assert not webhooks.guarded(Ran(False, [said])).holds


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ("messages=1000 verified=1050 of=1050", True),
        ("messages=1000 verified=1049 of=1050", False),
        ("messages=999 verified=999 of=999", False),
        ("1 passed", False),
    ],
)
def test_messages_are_verified_when_each_signature_of_enough_of_them_was(said, holds):
    assert webhooks.verified(Ran(True, [said])).holds is holds
    assert not webhooks.verified(Ran(False, [said])).holds


@pytest.mark.parametrize(
    ("late", "grown", "count", "holds"),
    [
        (250, 8192, 40, True),
        (251, 0, 40, False),
        (0, 8193, 40, False),
        (0, 0, 39, False),
    ],
)
def test_hostile_receivers_are_afforded_up_to_a_bound(late, grown, count, holds):
    said = [f'hostile {{"name": "a", "late": {late}, "grown": {grown}}}'] * count

    assert webhooks.afforded(Ran(True, said)).holds is holds
    assert not webhooks.afforded(Ran(False, said)).holds


def test_without_pytest_the_claim_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(machines.importlib.util, "find_spec", lambda name: None)

    finding = machines.replay_equals_tables()

    assert not finding.holds
    assert "pytest is missing" in finding.figure


def test_a_command_that_takes_too_long_is_stopped():
    argv = [sys.executable, "-c", "import time; time.sleep(99)"]

    ran = run(argv, env={}, seconds=0.5)

    assert not ran.well
    assert ran.last_line == "stopped after 0.5 s"


def test_a_command_that_is_stopped_can_clean_up():
    script = (
        "import time\n"
        "try: print('here', flush=True); time.sleep(99)\n"
        "finally: print('cleaned up')"
    )

    ran = run([sys.executable, "-c", script], env={}, seconds=1)

    assert ran.lines[0] == "here"
    assert "cleaned up" in ran.lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_proof_that_is_stopped_says_so_and_checks_nothing_more(
    claims, capsys, number
):
    claims(lambda: signal.raise_signal(number), broken)

    assert proof() == 130

    assert "interrupted" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_closed_port_refuses():
    with brokers.closed_port() as url, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port_of(url)), timeout=1)


def test_a_black_hole_accepts_and_says_nothing():
    with (
        brokers.black_hole() as url,
        socket.create_connection(("127.0.0.1", port_of(url)), 0.2) as caller,
        pytest.raises(TimeoutError),
    ):
        caller.recv(1)


def port_of(url):
    return int(url.rpartition(":")[2])


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        ({}, True),
        ({"message_ids": 9_999}, False),
        ({"message_ids": 10_001}, False),
        ({"dropped": 3}, False),
        ({"expected": 60, "message_ids": 60}, False),
    ],
)
def test_letters_hold_if_each_has_one_message_id_and_some_were_dropped(found, holds):
    said = {
        "expected": 10_000,
        "message_ids": 10_000,
        "copies": 10_526,
        "dropped": 526,
        **found,
    }
    lines = [f".letters {orjson.dumps(said).decode()}", "1 passed"]

    finding = letters.counted(Ran(True, lines))

    assert finding.holds == holds
    assert "dropped after the final dot" in finding.figure
    assert not letters.counted(Ran(False, lines)).holds
    assert not letters.counted(Ran(True, ["no letters"])).holds


@pytest.mark.parametrize(
    ("wrong", "holds"),
    [
        ({}, True),
        ({"again": 1}, False),
        ({"books": 41}, False),
        ({"events": 39}, False),
        ({"records": 41}, False),
    ],
)
def test_an_import_has_to_bring_every_book_once(wrong, holds):
    figures = {"records": 40, "added": 40, "warnings": 3, "rejected": 0, "again": 0}
    figures |= {"known": 40, "books": 40, "events": 40, **wrong}
    said = f".imported {orjson.dumps(figures).decode()}"

    assert lending.imported(Ran(True, ["", said])).holds is holds
    assert not lending.imported(Ran(False, [said])).holds
    assert not lending.imported(Ran(True, ["1 skipped"])).holds


@pytest.mark.parametrize(
    ("found", "unnoticed", "soon"),
    [
        ({}, True, True),
        ({"rebuilds": 19}, False, True),
        ({"killed": 9}, False, True),
        ({"failed": ["IntegrityError"]}, False, True),
        ({"unequal": ["shelves"]}, False, True),
        ({"differing": ["shelves 1: missing"]}, False, True),
        ({"take_over_ms": 100.0}, True, False),
        ({"rebuild_ms": 150.0}, True, False),
        ({"take_over_ms": None}, True, False),
    ],
)
def test_a_rebuild_is_unnoticed_if_nothing_fails_or_differs_and_nobody_waits_long(
    found, unnoticed, soon
):
    said = {
        "rebuilds": 20,
        "killed": 10,
        "tables": 19,
        "operations": 9000,
        "failed": [],
        "unequal": [],
        "differing": [],
        "a_second": 50.0,
        "take_over_ms": 99.9,
        "rebuild_ms": 149.9,
        **found,
    }
    ran = Ran(True, [f".rebuilds {orjson.dumps(said).decode()}", "1 passed"])

    assert folds.unnoticed(ran).holds is unnoticed
    assert folds.soon(ran).holds is soon
    assert not folds.unnoticed(Ran(False, ran.lines)).holds
    assert not folds.soon(Ran(True, ["1 error"])).holds


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ("changed=1000 found=1000 repaired=1000", True),
        ("changed=1000 found=999 repaired=1000", False),
        ("changed=1000 found=1000 repaired=1001", False),
        ("changed=300 found=300 repaired=300", False),
    ],
)
def test_verify_holds_if_each_of_enough_cells_is_found_and_no_other(said, holds):
    ran = Ran(True, [f"seed=6 {said} tables=18 columns=96"])

    assert folds.verified(ran).holds is holds
    assert not folds.verified(Ran(False, ran.lines)).holds


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        (["rows: points=1000 tables=9", "owners: points=1000 tables=8"], True),
        (["rows: points=1000 tables=9", "owners: points=999 tables=8"], False),
        (["rows: points=1000 tables=9"], False),
        (["1 error"], False),
    ],
)
def test_the_past_holds_if_rows_and_owners_were_asked_at_enough_points(said, holds):
    assert folds.looked_back(Ran(True, said)).holds is holds
    assert not folds.looked_back(Ran(False, said)).holds
