"""The claims about folds: made anew unnoticed, verified, looked back at, and fast."""

from __future__ import annotations

import re
import secrets
from functools import cache, partial
from typing import Any

import orjson

from config.proof.claims import Claim, Finding
from config.proof.running import Ran, run_tests
from config.proof.speed import measured

REBUILDS = 20
A_SECOND = 50  # borrows
LONGEST = 3600.0  # seconds
TAKE_OVER, REBUILD = 100, 150  # milliseconds, for 99 of 100 operations

CELLS = POINTS = 1000

DRILL = "tests/faults/test_rebuild_drill.py"
VERIFY = (
    "tests/projections/test_verify.py::"
    "test_each_changed_cell_is_found_and_only_those_are_repaired"
)
AS_OF = "tests/projections/test_as_of.py"

_DRILLED = re.compile(r"^\.?rebuilds (\{.+\})$", re.MULTILINE)
_VERIFIED = re.compile(
    r"seed=(\w+) changed=(\d+) found=(\d+) repaired=(\d+) tables=(\d+) columns=(\d+)"
)
_LOOKED = re.compile(r"(\w+): points=(\d+) tables=(\d+)")


@cache
def drill() -> Ran:
    """Rebuild all tables while books are lent; both claims read what came of it."""
    return run_tests(
        DRILL, seconds=LONGEST, REBUILDS=str(REBUILDS), LENT_A_SECOND=str(A_SECOND)
    )


def nobody_notices() -> Finding:
    """Return what a drill came to: nothing failed, nothing is other than it must."""
    return unnoticed(drill())


def unnoticed(ran: Ran) -> Finding:
    """Return whether all was well throughout a drill, and how much was done."""
    found = _drilled(ran)
    if found is None:
        return Finding(ran.last_line, False)
    wrong = {name: len(found[name]) for name in ("failed", "unequal", "differing")}
    figure = (
        f"{found['rebuilds']} rebuilds of {found['tables']} tables, {found['killed']} "
        f"killed; {wrong['failed']} of {found['operations']:,} operations failed "
        f"({found['a_second']} borrows/s); {wrong['unequal']} tables unequal to a "
        f"replay, {wrong['differing']} rows by verify"
    )
    enough = found["rebuilds"] >= REBUILDS and found["killed"] >= REBUILDS / 2
    return Finding(figure, ran.well and enough and not any(wrong.values()))


def nobody_waits_long() -> Finding:
    """Return how long operations took in a drill."""
    return soon(drill())


def soon(ran: Ran) -> Finding:
    """Return whether 99 of 100 operations were soon done, however busy it was."""
    found = _drilled(ran)
    if found is None:
        return Finding(ran.last_line, False)
    met, whole = found["take_over_ms"], found["rebuild_ms"]
    figure = (
        f"p99 {met} ms at a take-over (must be < {TAKE_OVER}), {whole} ms over all of "
        f"a rebuild (must be < {REBUILD}), at {found['a_second']} borrows/s"
    )
    return Finding(figure, bool(met and met < TAKE_OVER and whole < REBUILD))


def every_changed_cell_is_found() -> Finding:
    """Scribble over cells by lot, and verify."""
    drawn = {"VERIFY_CELLS": str(CELLS), "VERIFY_SEED": secrets.token_hex(4)}
    return verified(run_tests(VERIFY, seconds=LONGEST, **drawn))


def verified(ran: Ran) -> Finding:
    """Return how many of the changed cells were found and repaired."""
    said = _VERIFIED.search(ran.text)
    if said is None:
        return Finding(ran.last_line, False)
    changed, found, repaired, tables, columns = map(int, said.groups()[1:])
    figure = (
        f"{found:,} of {changed:,} changed cells found, {repaired:,} rows rewritten, "
        f"in {columns} columns of {tables} tables, seed {said.group(1)}"
    )
    return Finding(figure, ran.well and changed == found == repaired >= CELLS)


def the_past_is_a_replay() -> Finding:
    """Look back from a thousand points, at rows and at what somebody had."""
    return looked_back(run_tests(AS_OF, seconds=LONGEST, AS_OF_POINTS=str(POINTS)))


def looked_back(ran: Ran) -> Finding:
    """Return at how many points rows, and owners' rows, were looked at."""
    said = {what: (int(n), int(of)) for what, n, of in _LOOKED.findall(ran.text)}
    figure = "; ".join(
        f"{what}: {n:,} points in {of} tables" for what, (n, of) in said.items()
    )
    enough = len(said) > 1 and all(n >= POINTS for n, _ in said.values())
    return Finding(figure or ran.last_line, ran.well and enough)


def _drilled(ran: Ran) -> dict[str, Any] | None:
    said = _DRILLED.search(ran.text)
    return orjson.loads(said.group(1)) if said else None


CLAIMS = (
    Claim("tables are made anew and nobody notices", nobody_notices),
    Claim("nobody waits long for a table that is made anew", nobody_waits_long),
    Claim(
        "verify finds each changed cell and repairs only those",
        every_changed_cell_is_found,
    ),
    Claim("the past is what a replay to there makes", the_past_is_a_replay),
    Claim("folding from nothing is fast", partial(measured, "rebuild", quick=False)),
)
