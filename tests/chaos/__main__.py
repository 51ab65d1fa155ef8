"""
`python -m tests.chaos`: faults of every kind, mixed and at random, by a seed.

Its last line is one JSON object: the seven counters (see `judge.py`), copies on the
wire, ambiguous attempts, the faults by kind, seed and duration. It ends with 1 if
anything is lost, doubled, unexpected or slow to recover.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
from pathlib import Path

import orjson

from config.demo.errors import DemoFailed
from tests.chaos.drill import Drill, run

USUAL = {
    "postgresql": "",
    "amqp": os.environ.get("AMQP_URL", "amqp://guest:guest@127.0.0.1:5672"),
    "redis": os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/9"),
}
DURATIONS = (5.0, 86_400.0)
INTERRUPTED = 130  # what a shell says of Ctrl-C


def main(argv: list[str] | None = None) -> int:
    """Run one drill and report."""
    given = _parser().parse_args(argv)
    # Whoever ends this ends it in order: somebody may be frozen just now.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _say(f"seed {given.seed}, {given.duration:g} s, broker {given.broker}")
    drill = Drill(
        duration=given.duration,
        seed=given.seed,
        broker=given.broker,
        broker_url=USUAL[given.broker],
        rate=given.rate,
        keep=given.keep,
    )
    try:
        verdict = run(drill, _say)
    except KeyboardInterrupt:
        _say("interrupted; nothing is left behind")
        return INTERRUPTED
    except DemoFailed as failed:
        _say(str(failed))
        return 1
    for problem in verdict.problems:
        _say(f"PROBLEM: {problem}")
    sys.stdout.write(orjson.dumps(verdict.figures).decode() + "\n")
    return 1 if verdict.problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chaos")
    parser.add_argument("--duration", type=_duration, default=60.0, metavar="SECONDS")
    parser.add_argument("--seed", default=str(secrets.randbelow(1_000_000)))
    parser.add_argument("--broker", choices=USUAL, default="postgresql")
    parser.add_argument("--rate", type=float, default=20.0, help="commands a second")
    parser.add_argument("--keep", type=Path, help="keep ledgers and log in a folder")
    return parser


def _duration(text: str) -> float:
    shortest, longest = DURATIONS
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not shortest <= seconds <= longest:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no duration from {shortest:g} to {longest:g} seconds"
        )
    return seconds


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
