"""
A relay that delivers webhooks until nothing is due, and says what each has cost it.

    python -m tests.outbox.webhooks.measured <plan.json>

Prints a JSON object for each batch: how long this thread was held (milliseconds past
the deadline), and how far the process's memory rose above what it was before (KiB).
The names of the plan are resolved as it says, and its authority is trusted.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import django

django.setup()

from outbox import front, relay  # noqa: E402
from outbox.channels.webhooks import channel, transport  # noqa: E402
from outbox.channels.webhooks.addresses import AddressPolicy  # noqa: E402
from outbox.models import Attempt  # noqa: E402


def kibibytes(field):
    status = Path("/proc/self/status").read_text()
    return int(status.partition(field + ":")[2].split()[0])


def deliver_one():
    """Deliver a batch; return what it cost, or None if nothing was due."""
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    before, began = kibibytes("VmRSS"), time.monotonic()
    if not relay.deliver_batch(channel):
        return None
    held = time.monotonic() - began - channel.DEADLINE
    return {"late": held * 1000, "grown": kibibytes("VmHWM") - before}


def resolver(names):
    def resolve(host, port):
        answer = names.get(host, host)
        if answer == "stall":
            time.sleep(60)  # in a daemon thread, which ends with this process
        return answer.split()

    return resolve


def main(plan):
    channel.DEADLINE = plan["deadline"]
    policy = AddressPolicy(
        allow_http=True,
        resolve=resolver(plan["names"]),
        allows=lambda address: address.is_loopback,
        allows_port=lambda port: True,
    )
    session_of = transport.session_of

    def trusting(endpoint_id):
        session = session_of(endpoint_id)
        session.verify = plan["authority"]
        return session

    channel.policy = lambda: policy
    transport.session_of = trusting
    for url in plan["warm"]:  # what is loaded at first need is no receiver's doing
        transport.post(
            url, b"{}", {}, deadline=5, session=trusting("warm"), policy=policy
        )
    front.PART = 0  # each claim looks everywhere, though a busy machine makes it dear
    left = dict(plan["endpoints"])  # each is told once here, however it ends
    while left and (cost := deliver_one()):
        last = Attempt.objects.select_related("delivery").latest("id")
        if name := left.pop(last.delivery.destination, None):
            said = {"name": name, "outcome": last.outcome, **cost}
            print(json.dumps(said), flush=True)  # noqa: T201 - it is what we are for


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
