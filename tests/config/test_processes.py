"""The supervisor, with real processes; each says by its lines what it does."""

from __future__ import annotations

import os
import queue
import select
import signal
import sys
import threading

import pytest

from config.processes import FIRST_WAIT, Child, Supervisor

READY = "print('ready', os.getpid(), flush=True)"
STAY = f"import os, signal; {READY}; signal.pause()"
STUBBORN = (
    "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    f"{READY}\nwhile True: signal.pause()"
)


@pytest.fixture
def said():
    """Every line that the supervisor and its children say, in order."""
    return queue.Queue()


@pytest.fixture
def a_child(said):
    """Make children of Python programs; none is left when the test ends."""
    made = []

    def make(program, name="child", **more):
        argv = [sys.executable, "-c", program]
        made.append(Child(name=name, argv=argv, say=said.put, **more))
        return made[-1]

    yield make

    for child in made:
        child.grace = 0
        child.stop()


@pytest.fixture
def supervised(said):
    """Run a supervisor in the background; it ends with the test."""
    supervisor = Supervisor(say=said.put)
    thread = threading.Thread(target=supervisor.run)

    def run(*children):
        for child in children:
            supervisor.add(child)
        thread.start()
        return supervisor

    yield run

    supervisor.ask_to_stop()
    if thread.ident:
        thread.join(10)
    assert not thread.is_alive()


def pid_said(said, name="child"):
    """Wait until the child says that it is ready; return its process id."""
    while True:
        line = said.get(timeout=20)
        if line.startswith(f"{name} | ready "):
            return int(line.split()[-1])


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_lines_are_passed_on_after_the_childs_name(a_child, said):
    child = a_child("print('good morning')", name="web")

    child.start()

    assert said.get(timeout=20) == "web | good morning"


def test_a_child_with_a_log_writes_there_and_says_nothing(a_child, said, tmp_path):
    log = tmp_path / "log"
    child = a_child("print('good morning')", log=log)

    child.start()
    child.process.wait(20)

    assert log.read_text() == "good morning\n"
    assert said.empty()


def test_a_killed_child_comes_back(a_child, said, supervised):
    supervised(a_child(STAY))
    first = pid_said(said)

    os.kill(first, signal.SIGKILL)

    assert pid_said(said) != first


def test_each_further_death_doubles_the_wait(a_child, said, supervised):
    supervised(a_child("pass"))

    assert said.get(timeout=20) == f"child | ended; starts again in {FIRST_WAIT:g} s"
    assert (
        said.get(timeout=20) == f"child | ended; starts again in {FIRST_WAIT * 2:g} s"
    )


def test_a_child_that_stayed_up_starts_again_soon(a_child, said, supervised):
    child = a_child(STAY)
    child.wait = 8.0
    supervised(child)
    first = pid_said(said)

    child.started_at -= 60
    while child.wait != FIRST_WAIT:
        threading.Event().wait(0.01)
    os.kill(first, signal.SIGKILL)

    assert said.get(timeout=20) == f"child | ended; starts again in {FIRST_WAIT:g} s"


def test_a_child_that_was_stopped_does_not_come_back(a_child, said, supervised):
    child = a_child(STAY)
    supervisor = supervised(child)
    pid = pid_said(said)

    supervisor.ask_to_stop()
    supervisor.stop([child])

    assert not alive(pid)


def test_children_stop_in_the_order_given(a_child, said):
    supervisor = Supervisor(say=said.put)
    children = [a_child(STAY, name=name) for name in ("web", "relay", "database")]
    for child in children:
        supervisor.add(child)
        pid_said(said, child.name)

    supervisor.stop(children)

    assert [said.get(timeout=20) for _ in children] == [
        "web | stopping",
        "relay | stopping",
        "database | stopping",
    ]
    assert not any(child.running() for child in children)


def test_a_child_that_ignores_the_signal_is_killed_after_its_grace(a_child, said):
    child = a_child(STUBBORN, grace=0.1)
    child.start()
    pid = pid_said(said)

    child.stop()

    assert not alive(pid)
    assert said.get(timeout=20) == "child | did not stop within 0.1 s: killed"


def test_a_childs_own_children_go_with_it(a_child, said):
    child = a_child(
        f"import subprocess, sys, signal; subprocess.Popen([sys.executable, '-c', "
        f"{STUBBORN!r}]); signal.pause()"
    )
    child.start()
    grandchild = os.pidfd_open(pid_said(said))

    child.stop()

    ended, _, _ = select.select([grandchild], [], [], 20)
    os.close(grandchild)
    assert ended


def test_children_do_not_outlive_a_killed_parent(a_child, said):
    parent = a_child(
        "import sys, signal; from config.processes import Child; "
        f"Child(name='inner', argv=[sys.executable, '-c', {STAY!r}]).start(); "
        "signal.pause()"
    )
    parent.start()
    orphan = os.pidfd_open(int(said.get(timeout=20).split()[-1]))

    parent.process.kill()

    ended, _, _ = select.select([orphan], [], [], 20)
    os.close(orphan)
    assert ended


def test_running_once_answers_whether_it_ended_well(a_child, said):
    supervisor = Supervisor(say=said.put)

    assert supervisor.run_once(a_child("pass"))
    assert not supervisor.run_once(a_child("raise SystemExit(3)"))


def test_running_once_ends_early_when_asked_to_stop(a_child, said):
    supervisor = Supervisor(say=said.put)
    child = a_child(STAY)

    supervisor.ask_to_stop()

    assert not supervisor.run_once(child)
    assert not child.running()
