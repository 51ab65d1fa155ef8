"""Who is killed comes back, and what one life was told the next one does not know."""

from __future__ import annotations

import sys
import time

import pytest

from config.processes import Child
from tests.chaos.crew import Member

PATIENCE = 30
LIFE = (
    "import os, time; print(os.environ.get('FAULT_AT'), ': ready', sep='', flush=True)"
)


@pytest.fixture
def member(tmp_path):
    child = Child("one", [sys.executable, "-c", f"{LIFE}; time.sleep(60)"], env={})
    made = Member(child)
    made.listen(tmp_path / "log")
    yield made
    made.stop()


def look_after(member, until):
    ends = time.monotonic() + PATIENCE
    while not until():
        assert time.monotonic() < ends, "it never came true"
        member.look_after()
        time.sleep(0.01)


def test_a_member_is_at_work_once_it_says_so(member):
    assert not member.at_work()

    look_after(member, member.at_work)

    assert member.child.running()


def test_who_is_killed_comes_back_and_is_not_ready_at_once(member):
    look_after(member, member.at_work)
    before = member.child.process.pid

    member.kill()
    assert not member.at_work()
    look_after(member, member.child.running)
    look_after(member, member.at_work)

    assert member.child.process.pid != before


def test_who_is_sent_away_stays_away_for_so_long(member):
    look_after(member, member.at_work)
    killed = time.monotonic()

    member.kill(away=0.5)
    look_after(member, member.child.running)

    assert time.monotonic() - killed >= 0.5


def test_one_life_is_armed_and_the_one_after_it_is_not(member, tmp_path):
    look_after(member, member.at_work)
    member.next_life(FAULT_AT="here")
    member.kill()
    look_after(member, member.at_work)
    assert member.armed

    member.kill()
    look_after(member, member.at_work)

    assert not member.armed
    said = (tmp_path / "log").read_text().splitlines()
    assert said == [f"one | {told}: ready" for told in ("None", "here", "None")]


@pytest.mark.parametrize("armed", [True, False])
def test_only_who_is_armed_is_disarmed_by_a_death(member, armed):
    if armed:
        member.next_life(FAULT_AT="here")
    look_after(member, member.at_work)
    before = member.child.process.pid

    member.disarm()
    look_after(member, member.at_work)

    assert (member.child.process.pid != before) == armed
    assert not member.armed


def test_who_is_frozen_stands_still_until_it_is_thawed(member):
    look_after(member, member.at_work)
    assert not member.stands_still()

    member.freeze()
    look_after(member, member.stands_still)
    assert not member.at_work()
    member.thaw()
    look_after(member, lambda: not member.stands_still())

    assert member.at_work()
