"""What has to happen at a moment, should something not be over by then."""

from __future__ import annotations

import os
import threading
import time
import warnings

import pytest

from outbox.alarms import Alarms

PATIENCE = 20
SOON = 0.02


@pytest.fixture
def alarms():
    return Alarms("of a test", again_after=0.01)


def test_what_is_not_over_in_time_is_rung(alarms):
    rung = threading.Event()

    with alarms.at(time.monotonic() + SOON, rung.set):
        assert rung.wait(PATIENCE)


def test_it_rings_until_it_is_taken_back_and_then_no_more(alarms):
    rings, thrice = [], threading.Event()

    def ring():
        rings.append(1)
        if len(rings) == 3:
            thrice.set()

    with alarms.at(time.monotonic(), ring):
        assert thrice.wait(PATIENCE)
    counted = len(rings)
    later = threading.Event()
    with alarms.at(time.monotonic() + 0.05, later.set):
        assert later.wait(PATIENCE)

    assert len(rings) == counted


def test_who_takes_one_back_waits_until_it_has_rung(alarms):
    ringing, let_go, left = threading.Event(), threading.Event(), threading.Event()

    def ring():
        ringing.set()
        let_go.wait(PATIENCE)

    alarm = alarms.set(time.monotonic(), ring)
    assert ringing.wait(PATIENCE)
    thread = threading.Thread(target=lambda: alarm.take_back() or left.set())
    thread.start()

    assert not left.wait(0.05)
    let_go.set()
    assert left.wait(PATIENCE)


def test_an_earlier_one_does_not_wait_for_a_later_one(alarms):
    rung, later = threading.Event(), time.monotonic() + 1000

    with alarms.at(later, lambda: None):
        while alarms._wakes_at != later:  # it is not asleep yet
            time.sleep(0.001)
        with alarms.at(time.monotonic() + SOON, rung.set):
            assert rung.wait(PATIENCE)


def test_one_that_fails_does_not_take_the_others_with_it(alarms):
    rung = threading.Event()

    def fail():
        raise OSError

    with alarms.at(0.0, fail), alarms.at(time.monotonic() + SOON, rung.set):
        assert rung.wait(PATIENCE)


def test_all_share_one_thread_and_leave_nothing_behind(alarms):
    before = threading.active_count()

    for _ in range(100):
        with alarms.at(time.monotonic() + 1000, lambda: None):
            assert alarms.waiting() == 1

    assert threading.active_count() == before + 1
    assert alarms.waiting() == 0


def test_a_child_of_this_process_has_alarms_of_its_own(alarms):
    with alarms.at(time.monotonic() + 1000, lambda: None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of newer Pythons
            pid = os.fork()
        if pid == 0:
            rung = threading.Event()
            alarms.set(time.monotonic(), rung.set)
            os._exit(0 if rung.wait(PATIENCE) else 1)
        _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == 0
