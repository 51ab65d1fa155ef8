"""The claims about webhooks: their signatures, where they go, what receivers cost."""

from __future__ import annotations

import re
import secrets

import orjson

from config.proof.claims import Claim, Finding
from config.proof.running import Ran, run_tests

URLS = 100_000
LONGEST = 1800.0  # seconds

GUARD = (
    "tests/outbox/webhooks/test_public.py::"
    "test_no_made_up_url_reaches_a_forbidden_address"
)

HOSTILE = "tests/outbox/webhooks/test_hostile.py"
DEADLINE = 2.0  # seconds, of an attempt in this proof
FEWEST = 40  # hostile receivers
LATEST = 250.0  # milliseconds past the deadline
MOST_MEMORY = 8 * 1024  # KiB

VERIFIED = (
    "tests/outbox/webhooks/test_rotation.py::"
    "test_every_message_is_verified_by_others_while_secrets_are_rotated"
)
MESSAGES = 1000

_VERIFIED = re.compile(r"messages=(\d+) verified=(\d+) of=(\d+)")
_COST = re.compile(r"hostile (\{.+\})$", re.MULTILINE)
_REACHED = re.compile(r"urls=(\d+) connections=(\d+) forbidden=(\d+)")  # it says so


def no_forbidden_address_is_reached() -> Finding:
    """Run the test of the made-up URLs with many of them."""
    ran = run_tests(
        GUARD, seconds=LONGEST, GUARD_URLS=str(URLS), GUARD_SEED=secrets.token_hex(4)
    )
    return guarded(ran)


def guarded(ran: Ran) -> Finding:
    """Return what came of the made-up URLs: some were public, and went through."""
    found = _REACHED.search(ran.text)
    if found is None:
        return Finding(ran.last_line, False)
    urls, connections, forbidden = map(int, found.groups())
    figure = f"{forbidden} forbidden addresses reached over {urls:,} URLs"
    plain = f"{connections:,} connections to public ones"
    holds = ran.well and urls >= URLS and connections > 0 and forbidden == 0
    return Finding(f"{figure} ({plain})", holds)


def hostile_receivers_cost_little() -> Finding:
    """Let a relay tell every hostile receiver, each attempt with its own deadline."""
    return afforded(run_tests(HOSTILE, seconds=LONGEST, HOSTILE_DEADLINE=str(DEADLINE)))


def afforded(ran: Ran) -> Finding:
    """Return what the dearest of the attempts have cost; each has to be recorded."""
    costs = [orjson.loads(found) for found in _COST.findall(ran.text)]
    if not costs:
        return Finding(ran.last_line, False)
    late = max(cost["late"] for cost in costs)
    grown = max(cost["grown"] for cost in costs)
    figure = (
        f"{len(costs)} receivers: {late:.0f} ms past the deadline and "
        f"{grown / 1024:.1f} MiB at most"
    )
    if not ran.well:
        figure = f"{figure}; {ran.last_line}"
    cheap = late <= LATEST and grown <= MOST_MEMORY
    return Finding(figure, ran.well and len(costs) >= FEWEST and cheap)


def others_verify_every_message() -> Finding:
    """Have a library that is not ours verify messages while secrets are rotated."""
    return verified(
        run_tests(VERIFIED, seconds=LONGEST, VERIFIED_MESSAGES=str(MESSAGES))
    )


def verified(ran: Ran) -> Finding:
    """Return how many messages were verified: with every secret of that moment."""
    found = _VERIFIED.search(ran.text)
    if found is None:
        return Finding(ran.last_line, False)
    messages, good, of = map(int, found.groups())
    holds = ran.well and messages >= MESSAGES and good == of >= messages
    return Finding(f"{good:,} of {of:,} signatures of {messages:,} messages", holds)


CLAIMS = (
    Claim("the package standardwebhooks verifies it", others_verify_every_message),
    Claim(
        "no URL leads a webhook to a forbidden address", no_forbidden_address_is_reached
    ),
    Claim(
        "a hostile receiver costs a worker its deadline and no memory, and leaves "
        "its attempt",
        hostile_receivers_cost_little,
    ),
)
