"""
Safeguards taken out, one at a time: SABOTAGE="no_fence".

The suite of faults has to notice each; `make chaos-oracle` shows that it does.
"""

from __future__ import annotations

import time

from django.db import transaction
from django_outbox_pattern.models import Published

from outbox import appending, claims, due, outcomes, relay, sequencer
from outbox.columns import Now
from outbox.models import Delivery, Status
from outbox.points import point
from outbox.sweep import Sweep


def remove(name, patch=setattr):
    """Take a safeguard out of this process; nothing for an empty name."""
    if name:
        SABOTAGES[name](patch)


def no_fence(patch):
    """Write every outcome down, whoever the delivery belongs to by now."""

    def settle(delivery, **outcome):
        return bool(
            Delivery.objects.filter(id=delivery.id).update(worker="", **outcome)
        )

    patch(claims, "settle", settle)
    fence = "AND claim = %(claim)s AND status = 'pending'"
    _replace(patch, outcomes, "_CONCLUDE", fence, "")
    anyhow = "FROM mine ON CONFLICT (delivery_id, claim) DO UPDATE SET at = now()"
    _replace(patch, outcomes, "_CONCLUDE", "FROM mine", anyhow)
    fence = "AND d.claim = told.claim AND d.status = 'pending'"
    _replace(patch, outcomes, "_SUCCEEDED", fence, "")
    anyhow = anyhow.replace("FROM mine", "FROM mine JOIN told USING (id)")
    _replace(patch, outcomes, "_SUCCEEDED", "FROM mine JOIN told USING (id)", anyhow)


def charge_at_the_end(patch):
    """Charge nothing when claiming: what kills its process is never charged."""
    _replace(patch, due, "_CLAIM", "attempts = d.attempts + 1", "attempts = 0")


def acknowledge_before_commit(patch):
    """Say "delivered" first, and do it then."""

    def try_in_transaction(channel, delivery, ends):
        claims.settle(delivery, status=Status.DELIVERED, finished_at=Now())
        return channel.deliver(delivery, ends)

    def try_(channel, delivery, ends, held):
        return try_in_transaction(channel, delivery, ends), False

    patch(relay, "_try", try_)
    patch(relay, "_try_in_transaction", try_in_transaction)


def naive_position(patch):
    """Remember the last number seen, and look only at what is greater."""
    last = "(SELECT coalesce(max(seq), 0) FROM outbox_position)"
    waiting = "WHERE p.status = 1"
    _replace(patch, sequencer, "_SEQUENCE", waiting, f"{waiting} AND e.seq > {last}")


def no_lease_check(patch):
    """Begin an attempt whatever is left of the lease."""
    patch(claims.Lease, "end_of", lambda self, seconds: time.monotonic() + seconds)


def outbox_row_after_commit(patch):
    """Write the outbox row once the event is committed, in another transaction."""

    append = appending.append

    def append_and_wait(facts):
        append(facts)
        rows = Published.objects.filter(id__in=[fact.id for fact in facts])
        kept = list(rows)
        rows.delete()
        transaction.on_commit(lambda: Published.objects.bulk_create(kept))

    patch(appending, "append", append_and_wait)


def no_sweep(patch):
    """Deliver when a message comes, and only then."""

    def run(self, name, bell, sweep):
        self._stopping.wait()

    patch(Sweep, "_run", run)


def effect_outside_transaction(patch):
    """Commit a receiver's effect, and its outcome after that."""

    def try_(channel, delivery, ends):
        started = time.monotonic()
        with transaction.atomic():
            outcome = channel.deliver(delivery, ends)
        point("after_effect_before_settle")
        outcomes.conclude(channel, delivery, outcome, started)
        return outcome

    patch(relay, "_try_in_transaction", try_)


def _replace(patch, module, name, part, other):
    """Change a part of a statement, which has to be there."""
    statement = getattr(module, name)
    if part not in statement:
        raise ValueError(f"{module.__name__}.{name} does not say {part!r} any more")
    patch(module, name, statement.replace(part, other))


SABOTAGES = {
    each.__name__: each
    for each in (
        no_fence,
        charge_at_the_end,
        acknowledge_before_commit,
        naive_position,
        no_lease_check,
        outbox_row_after_commit,
        no_sweep,
        effect_outside_transaction,
    )
}
