"""The claim about letters: one Message-ID each, whatever the mail server drops."""

from __future__ import annotations

import re

import orjson

from config.proof.claims import Claim, Finding
from config.proof.running import Ran, run_tests

LETTERS = 10_000
LONGEST = 1800.0  # seconds

DRILL = "tests/faults/test_letters.py"
_FOUND = re.compile(r"^\.?letters (\{.+\})$", re.MULTILINE)


def none_is_lost_or_made_another() -> Finding:
    """Send many letters to a mail server that hangs up on one in twenty."""
    return counted(run_tests(DRILL, seconds=LONGEST, LETTERS=str(LETTERS)))


def counted(ran: Ran) -> Finding:
    """Return what the mail server has seen; it has to have dropped some."""
    found = _FOUND.search(ran.text)
    if found is None:
        return Finding(ran.last_line, False)
    seen = orjson.loads(found.group(1))
    figure = (
        f"{seen['message_ids']:,} Message-IDs of {seen['expected']:,} letters; "
        f"{seen['dropped']:,} dropped after the final dot, {seen['copies']:,} copies"
    )
    holds = (
        seen["message_ids"] == seen["expected"] >= LETTERS
        and seen["dropped"] >= LETTERS // 20
    )
    return Finding(figure, ran.well and holds)


CLAIMS = (
    Claim(
        "a letter has one Message-ID, however often the answer is lost",
        none_is_lost_or_made_another,
    ),
)
