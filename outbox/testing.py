"""
Signals in the tests of others: a receiver for one test, told before the block ends.

    class LoanTests(TestCase):
        def test_a_borrow_is_heard_of(self):
            with connected(book_borrowed, Mock()) as heard:
                borrow_copy(copy_id=..., member_id=..., now=...)
            heard.assert_called_once()

Receivers run after a commit, in the relay, and in a TestCase nothing commits and no
relay runs: here both are done at the end of the block, as they are in earnest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.dispatch import Signal

from outbox import front, relay, routes, sequencer
from outbox.channels import signals

MOST_ROUNDS = 100  # of receivers that set each other off

Receiver = TypeVar("Receiver", bound=Callable[..., Any])


@contextmanager
def delivering() -> Iterator[None]:
    """
    Tell every receiver what happens in the block, at its end and not before.

    What happened earlier is left out. A block that raises tells nobody anything. A
    receiver that fails is left to be tried again; see `connected` for hearing of it.
    """
    front.forget()  # another test's deliveries, which were rolled back
    sequencer.sequence_all()
    routes.sync_channel(signals)
    yield
    for _ in range(MOST_ROUNDS):
        if not sequencer.sequence_all() + relay.deliver_batch(signals):
            return
    raise RuntimeError(
        f"Receivers have set each other off {MOST_ROUNDS} times. Let one of them "
        "record nothing when there is nothing to change."
    )


@contextmanager
def connected(
    signal: Signal, receiver: Receiver, *, sender: Any = None
) -> Iterator[Receiver]:
    """
    Connect a receiver, a Mock perhaps, for the block; it is told at its end.

    Yields the receiver. What it raises is raised here, when everybody has been told;
    its effect is undone and it stays owed, as in earnest.
    """
    raised: list[Exception] = []
    call = async_to_sync(receiver) if iscoroutinefunction(receiver) else receiver

    def noting(**kwargs: Any) -> None:
        try:
            call(**kwargs)
        except Exception as error:
            raised.append(error)
            raise

    uid = f"{__name__}.connected.{id(noting)}"
    signal.connect(noting, sender=sender, weak=False, dispatch_uid=uid)
    try:
        with delivering():
            yield receiver
    finally:
        signal.disconnect(sender=sender, dispatch_uid=uid)
        routes.sync_channel(signals)
    if raised:
        raise raised[0]
