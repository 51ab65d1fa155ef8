"""What each kind of fault does, at its beginning and at its end."""

from __future__ import annotations

import random
import signal
from collections import Counter
from contextlib import suppress
from typing import Any

import psycopg

from outbox import points
from tests.chaos.crew import Crew, Member
from tests.chaos.plan import Fault
from tests.chaos.proxy import Proxy

STATEMENT = 5000  # milliseconds: whoever is frozen may hold what a fault is to break

OF_DRIVER = (
    "after_rows_before_events",
    "after_outbox_rows_before_commit",
    "before_nudge",
)
NOT_HERE = ("after_prune_before_commit", *OF_DRIVER)
OF_RELAY = tuple(name for name in points.POINTS if name not in NOT_HERE)


class Faults:
    """Does what the plan says, to a crew, a database and a broker."""

    def __init__(self, crew: Crew, database_url: str, proxy: Proxy | None) -> None:
        self.injected: Counter[str] = Counter()
        self._crew, self._url, self._proxy = crew, database_url, proxy
        self._held: dict[Fault, Any] = {}

    def begin(self, fault: Fault) -> None:
        """Begin a fault; one that finds nothing to break is not counted."""
        with suppress(psycopg.OperationalError):  # the database is down just now
            getattr(self, f"_{fault.kind}")(fault)
            self.injected[fault.kind] += 1

    def end(self, fault: Fault) -> None:
        """End one that lasts."""
        with suppress(psycopg.Error):
            getattr(self, f"_end_{fault.kind}", self._over)(fault)

    def _relay(self, fault: Fault) -> Member:
        return self._crew.relays[fault.pick % len(self._crew.relays)]

    def _over(self, fault: Fault) -> None:
        pass

    # --- relays ---

    def _kill_relay(self, fault: Fault) -> None:
        self._relay(fault).kill()

    def _roll_relay(self, fault: Fault) -> None:
        self._relay(fault).send(signal.SIGTERM)

    def _freeze_relay(self, fault: Fault) -> None:
        self._relay(fault).freeze()

    def _end_freeze_relay(self, fault: Fault) -> None:
        self._relay(fault).thaw()

    def _die_at_point(self, fault: Fault) -> None:
        """Die at a point in the next life, which begins now."""
        self._arm(fault, "kill")

    def _end_die_at_point(self, fault: Fault) -> None:
        self._relay(fault).disarm()

    def _freeze_at_point(self, fault: Fault) -> None:
        """Stand still at a point in the next life, which begins now."""
        self._arm(fault, "stop")

    def _end_freeze_at_point(self, fault: Fault) -> None:
        relay = self._relay(fault)
        if relay.stands_still():
            relay.next_life()  # which shall be a calm one; this one goes on
            relay.thaw()
        else:
            relay.disarm()

    def _arm(self, fault: Fault, action: str) -> None:
        relay, drawn = self._relay(fault), random.Random(fault.pick)
        point, number = drawn.choice(OF_RELAY), drawn.randint(1, 20)
        relay.next_life(FAULT_AT=f"{point}:{number}:{action}")
        relay.send(signal.SIGTERM)

    # --- the driver and the world ---

    def _kill_driver(self, fault: Fault) -> None:
        self._crew.driver.kill()

    def _driver_dies_at_point(self, fault: Fault) -> None:
        drawn = random.Random(fault.pick)
        point, number = drawn.choice(OF_DRIVER), drawn.randint(1, 10)
        self._crew.driver.next_life(FAULT_AT=f"{point}:{number}:kill")
        self._crew.driver.kill()

    def _end_driver_dies_at_point(self, fault: Fault) -> None:
        self._crew.driver.disarm()

    def _world_down(self, fault: Fault) -> None:
        self._crew.world.kill(away=fault.seconds)

    # --- the database ---

    def _restart_postgresql(self, fault: Fault) -> None:
        self._crew.database.kill()

    def _terminate_sessions(self, fault: Fault) -> None:
        self._terminate("application_name <> 'kutubxona-chaos'", fault.pick)

    def _idle_transaction(self, fault: Fault) -> None:
        idle = self._connect(autocommit=False)
        idle.execute("SELECT pg_current_xact_id()")
        self._held[fault] = idle

    def _end_idle_transaction(self, fault: Fault) -> None:
        if fault in self._held:
            self._held.pop(fault).close()

    # --- the broker ---

    def _broker_cut(self, fault: Fault) -> None:
        if self._proxy:
            self._proxy.cut()
        else:
            self._terminate("application_name = 'kutubxona-broker'", None)

    def _broker_forgets(self, fault: Fault) -> None:
        self._execute("DELETE FROM dramatiq.queue")

    def _broker_doubles(self, fault: Fault) -> None:
        self._execute(_DOUBLE)

    def _broker_refuses(self, fault: Fault) -> None:
        if self._proxy:
            self._proxy.refuse()

    def _broker_mute(self, fault: Fault) -> None:
        if self._proxy:
            self._proxy.mute()

    def _restore_broker(self, fault: Fault) -> None:
        if self._proxy:
            self._proxy.restore()

    _end_broker_refuses = _end_broker_mute = _restore_broker

    # --- how ---

    def _terminate(self, which: str, pick: int | None) -> None:
        """End about a third of the sessions, or all."""
        third = "" if pick is None else f"AND hashint4(pid + {pick}) % 3 = 0"
        self._execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE backend_type = 'client backend' AND {which} {third}"
        )

    def _execute(self, statement: str) -> None:
        with self._connect(autocommit=True) as connection:
            connection.execute(statement)

    def _connect(self, *, autocommit: bool) -> psycopg.Connection[Any]:
        return psycopg.connect(
            self._url,
            autocommit=autocommit,
            connect_timeout=2,
            application_name="kutubxona-chaos",
            options=f"-c statement_timeout={STATEMENT}",
        )


_DOUBLE = """
INSERT INTO dramatiq.queue (message_id, queue_name, state, message)
SELECT id, queue_name, 'queued', jsonb_set(message, '{message_id}', to_jsonb(id::text))
FROM (
    SELECT gen_random_uuid() AS id, queue_name, message FROM dramatiq.queue
    ORDER BY mtime DESC LIMIT 50
) latest
"""
