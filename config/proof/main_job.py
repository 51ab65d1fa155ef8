"""The claims about the main job: lend books, and tell the world, each event once."""

from __future__ import annotations

from config.proof import brokers, demos
from config.proof.claims import Claim, Finding
from config.proof.latency import a_borrow_takes_no_longer
from config.proof.machines import replay_equals_tables


def everything_arrives_once() -> Finding:
    """Play the demo on BOOKS."""
    return demos.finding(demos.demo_on_books())


def a_rolled_back_borrow_is_not_told() -> Finding:
    """Borrow in vain and in earnest, in turn; only the latter may be heard of."""
    played = demos.scene("rolled_back")
    in_vain = {note["rolled_back"] for note in played.notes}
    told = [effect.event for effect in played.seen.effects.elements()]
    told += [
        arrival.of.event
        for arrival in (*played.seen.posts, *played.seen.letters)
        if arrival.of
    ]
    wrong = demos.problems(played)
    about_them = sum(event in in_vain for event in told)
    figure = f"{len(in_vain)} rolled back, {about_them} of {len(told)} messages of them"
    sound = bool(in_vain) and not about_them and not wrong
    return Finding("; ".join([figure, *wrong]), sound)


def a_receiver_does_not_set_itself_off() -> Finding:
    """Let a receiver record an event of the very type it hears of."""
    played = demos.scene("answered_back")
    calls = sum(
        effect.receiver == "answer_back" for effect in played.seen.effects.elements()
    )
    recorded = played.seen.events["user.updated"]
    return Finding(f"{recorded} events, {calls} call", (recorded, calls) == (2, 1))


def nothing_is_lost_at_a_closed_port() -> Finding:
    """Play the demo with a broker that refuses every connection."""
    with brokers.closed_port() as url:
        return demos.finding(demos.demo("--broker", url, *demos.SMALL))


def nothing_is_lost_at_a_black_hole() -> Finding:
    """Play the demo with a broker that accepts and never answers."""
    with brokers.black_hole() as url:
        return demos.finding(demos.demo("--broker", url, *demos.SMALL))


CLAIMS = (
    Claim("everything owed arrives, effects once", everything_arrives_once),
    Claim("replaying the log makes the same tables", replay_equals_tables),
    Claim("a rolled-back borrow is not told", a_rolled_back_borrow_is_not_told),
    Claim("a receiver does not set itself off", a_receiver_does_not_set_itself_off),
    Claim(
        "all arrives with the broker's port closed", nothing_is_lost_at_a_closed_port
    ),
    Claim("all arrives with a broker that is mute", nothing_is_lost_at_a_black_hole),
    Claim("a borrow takes no longer without a broker", a_borrow_takes_no_longer),
)
