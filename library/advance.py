"""
The one door to a write: fold the events into the tables, record them.

Rows are locked and folded first and events recorded after, so that identity
values are handed out only once every lock is held: of two operations on the
same stream, the one whose events come first commits first.
"""

from __future__ import annotations

from outbox import codec, folds, log
from outbox.apply import apply
from outbox.codec import DomainEvent
from outbox.log import Recorded
from outbox.points import point


def advance(*events: DomainEvent) -> list[Recorded]:
    """
    Make the events so: tables, log and outbox together.

    Raises OutsideTransaction where the caller opened no transaction, and
    UnencodableEvent, before anything is written, for what cannot be stored.
    """
    log.check_in_transaction()
    encoded = [codec.encode(event) for event in events]
    apply(folds.domain_folds(), events)
    point("after_rows_before_events")
    return log.record(events, encoded)
