"""
Every hostile receiver, told by a real relay: its attempt is always recorded.

What each costs the relay is printed, and judged by `make proof` alone: how long and
how much is no matter of a test. HOSTILE_DEADLINE says how many seconds the slow ones
have, who would take for ever; the others have as many as they need on a busy machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys

import pytest

from library.catalog.books import add_book
from library.members.models import User
from outbox import sequencer
from outbox.channels.webhooks import endpoints
from outbox.models import Attempt
from tests.outbox.webhooks.certificates import Authority, self_signed, serving
from tests.outbox.webhooks.hostile import HOSTILE, Hostile
from tests.outbox.webhooks.receivers import keep_alive, started

pytestmark = pytest.mark.timeout(600)

NAME = "hooks.test"
DEADLINE = float(os.environ.get("HOSTILE_DEADLINE", "0.3"))  # seconds
LONG = 10.0

SLOW = {name: one for name, one in HOSTILE.items() if one.outcomes == ("deadline",)}
OTHERS = {name: one for name, one in HOSTILE.items() if name not in SLOW}
SOUND = [Hostile(keep_alive, ("ok",)), Hostile(keep_alive, ("ok",), "sound", NAME)]


@pytest.fixture
def certificates(tmp_path):
    """Return the authority, and the server's side of TLS for each kind it may be."""
    authority = Authority(tmp_path)
    kinds = {
        "sound": serving(authority.issue()),
        "expired": serving(authority.issue(ended=True)),
        "self-signed": serving(self_signed(tmp_path / "self.pem")),
    }
    return authority, kinds


@pytest.fixture
def told(committed_db, certificates, tmp_path, settings):
    """Tell receivers of a new book by a relay; return what it says of each attempt."""
    settings.OUTBOX = {**settings.OUTBOX, "PLAIN_HTTP": True}
    authority, kinds = certificates
    owner = User.objects.create_user("owner", is_staff=True)

    def tell(receivers, deadline, now):
        plan = {"deadline": deadline, "authority": str(authority.file)}
        plan["names"] = {
            one.host: one.resolves for one in [*receivers.values(), *SOUND]
        }
        with contextlib.ExitStack() as running:

            def url(one):
                tls = kinds.get(one.certificate)
                server = running.enter_context(started(one.answer, tls=tls))
                scheme = "https" if one.certificate else "http"
                return f"{scheme}://{one.host}:{server.port}/hook"

            def endpoint(one):
                wanted = {"url": url(one), "event_types": ["book.created"]}
                return str(endpoints.create(owner=owner, **wanted)[0].id)

            plan["warm"] = [url(one) for one in SOUND]
            plan["endpoints"] = {endpoint(one): name for name, one in receivers.items()}
            add_book(title="T", authors=["A"], now=now)
            sequencer.sequence_all()
            return _relayed(plan, tmp_path / "plan.json", committed_db)

    return tell


def _relayed(plan, path, database):
    path.write_text(json.dumps(plan))
    ran = subprocess.run(
        [sys.executable, "-m", "tests.outbox.webhooks.measured", str(path)],
        env=os.environ | {"DATABASE_URL": database, "LOG_LEVEL": "ERROR"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=500,
    )
    return [json.loads(line) for line in ran.stdout.splitlines() if line[:1] == "{"]


@pytest.mark.parametrize(
    ("receivers", "deadline"),
    [(SLOW, DEADLINE), (OTHERS, LONG)],
    ids=["slow", "others"],
)
def test_every_hostile_receiver_leaves_its_attempt(told, now, receivers, deadline):
    costs = {cost["name"]: cost for cost in told(receivers, deadline, now)}

    for name, cost in costs.items():
        print("hostile", json.dumps(cost))  # noqa: T201 - `make proof` reads it
        assert cost["outcome"] in HOSTILE[name].outcomes, name
    assert costs.keys() == receivers.keys()
    assert Attempt.objects.values("delivery").distinct().count() == len(receivers)
