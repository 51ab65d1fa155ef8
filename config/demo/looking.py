"""Collecting what has arrived: the ledgers of the world, the tables of receivers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from config.demo import ledger, questions
from config.demo.owed import Answer, Letter, Owed, Post, owed_for
from config.demo.report import Arrival, Import, Seen
from config.demo.stage import Stage

# A Message-ID tells delivery and event: <17.0197f0….@domain>.
_MESSAGE_ID = re.compile(r"<\d+\.([0-9a-f]{32})@[^@>]+>")


def owed(stage: Stage) -> Owed:
    """Return what the answers so far oblige the relay to."""
    entries = ledger.read(stage.folder, ledger.ANSWERS)
    return owed_for(Answer(**entry) for entry in entries)


def seen(stage: Stage, *, killed: int, seconds: float) -> Seen:
    """Return what is there."""
    with stage.connect() as connection:
        positions, last = questions.positions(connection)
        return Seen(
            events=questions.events(connection),
            positions=positions,
            last_position=last,
            effects=questions.effects(connection),
            posts=[_post(e) for e in ledger.read(stage.folder, ledger.POSTS)],
            letters=[_letter(e) for e in ledger.read(stage.folder, ledger.LETTERS)],
            ambiguous=questions.ambiguous(connection, endpoints=_endpoints(stage)),
            imports=[Import(**e) for e in ledger.read(stage.folder, ledger.IMPORTS)],
            killed_in_flight=killed,
            seconds=seconds,
        )


def _post(entry: dict[str, Any]) -> Arrival:
    post = Post(entry["event"], entry["endpoint"], entry["type"])
    return Arrival(post, entry["body"], entry["wrong"])


def _letter(entry: dict[str, Any]) -> Arrival:
    known = _MESSAGE_ID.fullmatch(entry["id"] or "")
    letter = Letter(known[1], entry["email"]) if known else None
    return Arrival(letter, str(entry["id"]), entry["wrong"])


def _endpoints(stage: Stage) -> Mapping[str, str]:
    told = orjson.loads((stage.folder / "endpoints.json").read_bytes())
    return {endpoint["id"]: name for name, endpoint in told.items()}
