"""
The claims about what is broken at random: each broker, each safeguard.

The drills stand among the tests, which nothing here may import: they are run as a
person would run them, and their last line is read.
"""

from __future__ import annotations

import os
import socket
import sys
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import orjson

from config.proof.claims import Claim, Finding
from config.proof.running import Ran, environment, run

SEEDS = ("1", "2", "3")
DURATION = 60  # seconds of a drill in which somebody is at work
LONGEST = 600.0  # seconds for one drill, with all its starts and stops

# Where a broker is looked for, as the tests of brokers do it.
BROKERS = {
    "postgresql": "",
    "amqp": os.environ.get("AMQP_URL", "amqp://127.0.0.1:5672"),
    "redis": os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"),
}
USUAL_PORTS = {"amqp": 5672, "redis": 6379}
PROMISED_NONE = ("lost", "unexpected", "duplicated")


def survives(broker: str) -> Finding:
    """Run a drill for each seed; the first that fails ends it."""
    if not is_there(broker):
        required = os.environ.get("REQUIRE_BROKERS") == "1"
        return Finding("not there: not tried", not required)
    drills = []
    for seed in SEEDS:
        ran = drill("--broker", broker, "--seed", seed, "--duration", str(DURATION))
        figures = read(ran)
        if figures is None or not ran.well:
            return Finding(f"seed {seed}: {why(ran)}", False)
        drills.append(figures)
    return judged(drills)


def judged(drills: list[dict[str, Any]]) -> Finding:
    """Return the finding for the figures of several drills."""
    total = {
        name: sum(figures[name] for figures in drills)
        for name in (*PROMISED_NONE, "delivered", "recovered", "wire_duplicates")
    }
    faults = sum(sum(figures["faults"].values()) for figures in drills)
    slowest = max(figures["recovery_seconds"] for figures in drills)
    figure = (
        f"{len(drills)} seeds, {faults} faults, {total['delivered']} delivered, "
        f"{total['lost']} lost, {total['duplicated']} effects doubled, "
        f"{total['recovered']} recovered, {total['wire_duplicates']} doubles on the "
        f"wire, all out after {slowest:g} s"
    )
    sound = not any(total[name] for name in PROMISED_NONE)
    return Finding(figure, sound and bool(total["delivered"]) and bool(faults))


def every_safeguard_is_missed() -> Finding:
    """Take each safeguard out in turn; somebody has to notice."""
    ran = run(
        [sys.executable, "-m", "tests.chaos.oracle"],
        env=environment(),
        seconds=LONGEST,
    )
    figures = read(ran)
    if figures is None:
        return Finding(ran.last_line, False)
    missed = figures["missed"] + figures["not_green"]
    said = f"{figures['caught']} of {figures['of']} noticed"
    return Finding(", not: ".join([said, *missed]), ran.well and not missed)


def drill(*arguments: str) -> Ran:
    """Run one drill as a process of its own."""
    argv = [sys.executable, "-m", "tests.chaos", *arguments]
    return run(argv, env=environment(), seconds=LONGEST)


def why(ran: Ran) -> str:
    """Say what was wrong with a drill: its problems, or else its last words."""
    marked = (line.removeprefix("PROBLEM: ") for line in ran.lines if "PROBLEM" in line)
    return "; ".join(marked) or ran.last_line


def read(ran: Ran) -> dict[str, Any] | None:
    """Return the figures of the last line; None where there are none."""
    try:
        figures: dict[str, Any] = orjson.loads(ran.last_line)
    except orjson.JSONDecodeError:
        return None
    return figures


def is_there(broker: str) -> bool:
    """Tell whether a broker takes connections; the database always does."""
    url = urlsplit(BROKERS[broker])
    if not url.hostname:
        return True
    try:
        address = (url.hostname, url.port or USUAL_PORTS[broker])
        socket.create_connection(address, timeout=2).close()
    except OSError:
        return False
    return True


CLAIMS = (
    *(
        Claim(
            f"nothing is lost or doubled in chaos, {broker}", partial(survives, broker)
        )
        for broker in BROKERS
    ),
    Claim("without a safeguard somebody notices", every_safeguard_is_missed),
)
