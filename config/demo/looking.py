"""Collecting what has arrived: the ledgers of the world, the tables of receivers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
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
            posts=posts(stage.folder),
            letters=letters(stage.folder),
            ambiguous=questions.ambiguous(
                connection, endpoints=endpoints(stage.folder)
            ),
            imports=[Import(**e) for e in ledger.read(stage.folder, ledger.IMPORTS)],
            killed_in_flight=killed,
            seconds=seconds,
        )


def posts(folder: Path) -> list[Arrival]:
    """Return what the endpoints took."""
    return [_post(entry) for entry in ledger.read(folder, ledger.POSTS) if _took(entry)]


def letters(folder: Path) -> list[Arrival]:
    """Return what the letter box took."""
    entries = ledger.read(folder, ledger.LETTERS)
    return [_letter(entry) for entry in entries if _took(entry)]


def endpoints(folder: Path) -> Mapping[str, str]:
    """Return the name of each endpoint, by its id."""
    told = orjson.loads((folder / "endpoints.json").read_bytes())
    return {endpoint["id"]: name for name, endpoint in told.items()}


def _took(entry: dict[str, Any]) -> bool:
    # The demo's world takes everything; that of a drill says what it did not take.
    return bool(entry.get("took", True))


def _post(entry: dict[str, Any]) -> Arrival:
    post = Post(entry["event"], entry["endpoint"], entry["type"])
    return Arrival(post, entry["body"], entry["wrong"])


def _letter(entry: dict[str, Any]) -> Arrival:
    known = _MESSAGE_ID.fullmatch(entry["id"] or "")
    letter = Letter(known[1], entry["email"]) if known else None
    return Arrival(letter, str(entry["id"]), entry["wrong"])
