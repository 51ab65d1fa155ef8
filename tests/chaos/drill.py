"""
One drill: a library at work, faults by plan, and the wait until all is out.

Everything happens in the main thread, one tick after the other: the kernel watches
over the thread that has started a child.
"""

from __future__ import annotations

import contextlib
import heapq
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import psycopg

from config import embedded, machine
from config.demo import questions
from config.demo.errors import DemoFailed
from config.demo.stage import Stage
from config.processes import Child, Supervisor
from config.state import CHECKOUT, write_private
from tests.chaos import asking
from tests.chaos.crew import Crew
from tests.chaos.faults import Faults
from tests.chaos.judge import Verdict, judge
from tests.chaos.plan import ENDS_AT, Fault, schedule
from tests.chaos.proxy import Proxy, reserved_port

TICK = 0.02
STARTS_WITHIN = 60.0
LONGEST_AWAY = 600.0  # seconds in all in which nobody is at work
PATIENCE = 60.0  # seconds to wait for what will then be called stuck
INSIDE = {
    "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
    "EXTRA_APPS": "config.demo.inside,tests.faults.inside,tests.chaos.inside",
}

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """What is asked for."""

    duration: float
    seed: str
    broker: str
    """Which kind: postgresql, amqp or redis."""
    broker_url: str
    rate: float
    keep: Path | None = None
    """Where ledgers and log are kept for whoever wants to read them."""


def run(drill: Drill, say: Say) -> Verdict:
    """Run the whole drill; return the verdict."""
    with contextlib.ExitStack() as stack:
        proxy, url = _broker(drill, stack)
        server = stack.enter_context(embedded.throwaway(durable=True))
        stage = _stage(server.folder, server.url, url, say)
        stack.callback(_keep, stage, drill.keep)
        ports = _reserve_ports(stage, stack)
        world = _world(stage, drill.seed)
        world.start()
        stack.callback(world.stop)
        _wait_for(stage.folder / "world.json")
        stage.ports = ports
        stage.prepare()
        driver = _driver(stage, drill)
        crew = Crew(
            relays=[machine.relay(number, stage.environment()) for number in (1, 2)],
            driver=driver,
            world=world,
            database=server.child,
        )
        for member in (*crew.relays, crew.driver):
            member.listen(stage.log)
        stack.callback(_stop, crew)
        return _Run(drill, stage, crew, Faults(crew, server.url, proxy), say).run()


class _Run:
    """The time line of one drill."""

    def __init__(
        self, drill: Drill, stage: Stage, crew: Crew, faults: Faults, say: Say
    ) -> None:
        self._drill, self._stage, self._crew = drill, stage, crew
        self._faults, self._say = faults, say
        self._lasting: list[tuple[float, Fault]] = []
        self._began = time.monotonic()
        self._clock = 0.0
        """Seconds in which somebody was at work."""

    def run(self) -> Verdict:
        """Disturb, let it recover, judge."""
        rude = self._stage.folder / "rude"
        rude.touch()
        self._disturb()
        rude.unlink()
        self._say(f"{self._now():6.1f} s  the last fault is over")
        self._stop_driver()
        recovery = self._recover()
        audit = self._audit() if recovery is not None else ["nothing to audit"]
        for relay in self._crew.relays:
            self._crew.dismiss(relay)
        found = asking.evidence(self._stage, audit=audit, recovery=recovery)
        verdict = judge(found)
        verdict.figures |= {
            "events": found.seen.events.total(),
            "faults": dict(sorted(self._faults.injected.items())),
            "broker": self._drill.broker,
            "seed": self._drill.seed,
            "duration": self._drill.duration,
        }
        return verdict

    def _disturb(self) -> None:
        """Go through the plan; return when its time, and its last fault, are over."""
        drill = self._drill
        waiting = schedule(drill.seed, drill.duration, drill.broker)[::-1]
        last = drill.duration * ENDS_AT

        def over() -> bool:
            while waiting and waiting[-1].at <= self._clock:
                self._begin(waiting.pop())
            while self._lasting and self._lasting[0][0] <= self._now():
                self._faults.end(heapq.heappop(self._lasting)[1])
            return self._clock >= last and not self._lasting

        if not self._until(over, drill.duration + LONGEST_AWAY):
            raise DemoFailed("\n".join(["Nobody is at work:", *self._last_words()]))

    def _begin(self, fault: Fault) -> None:
        self._say(f"{self._now():6.1f} s  {fault.kind} {fault.seconds:.1f} s")
        self._faults.begin(fault)
        heapq.heappush(self._lasting, (self._now() + fault.seconds, fault))

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _until(self, done: Callable[[], bool], patience: float | None = None) -> bool:
        """Tick until something is so; tell whether it came to be in time."""
        ends = None if patience is None else self._now() + patience
        while not done():
            if ends is not None and self._now() > ends:
                return False
            self._crew.look_after()
            before = self._now()
            time.sleep(TICK)
            if self._crew.at_work():
                self._clock += self._now() - before
        return True

    def _stop_driver(self) -> None:
        """
        Ask the driver to bring its last commands to their answers.

        One that is killed at this very moment comes back to do so.
        """
        (self._stage.folder / "closing").touch()
        driver = self._crew.driver
        if not self._until(driver.child.ended_well, PATIENCE):
            raise DemoFailed("\n".join(["The driver did not end", *self._last_words()]))
        self._crew.dismiss(driver)
        self._say(f"{self._now():6.1f} s  the driver has all its answers")

    def _recover(self) -> float | None:
        """Wait until nothing is owed; return how long that took."""
        began = self._now()
        if not self._until(self._all_out, PATIENCE):
            self._say("\n".join(["Still owed:", *self._still_owed()]))
            return None
        recovery = round(self._now() - began, 1)
        self._say(f"{self._now():6.1f} s  all is out")
        return recovery

    def _all_out(self) -> bool:
        try:
            with self._stage.connect() as connection:
                return questions.progress(connection).all_out
        except psycopg.Error:
            return False

    def _still_owed(self) -> list[str]:
        with self._stage.connect() as connection:
            return questions.pending(connection) + self._last_words()

    def _last_words(self) -> list[str]:
        return self._stage.last_words()

    def _audit(self) -> list[str]:
        """Ask the commands that are there for it; return what they complain about."""
        complaints = []
        for argv in (("verify_projections",), ("outbox", "audit")):
            child = self._stage.command(*argv)
            child.log = self._stage.folder / f"{argv[-1]}.log"
            if not self._stage.supervisor.run_once(child):
                said = child.log.read_text().splitlines()[-3:]
                complaints.append(f"{' '.join(argv)} is not clean: {' / '.join(said)}")
        return complaints


# --- setting up -----------------------------------------------------------------


def _broker(drill: Drill, stack: contextlib.ExitStack) -> tuple[Proxy | None, str]:
    """Put a wire of ours before a broker that is a server of its own."""
    if drill.broker == "postgresql":
        return None, ""
    parts = urlsplit(drill.broker_url)
    proxy = Proxy(parts.hostname or "", parts.port or 0)
    proxy.start()
    stack.callback(proxy.stop)
    at = f"{parts.username}:{parts.password}@" if parts.username else ""
    return proxy, parts._replace(netloc=f"{at}127.0.0.1:{proxy.port}").geturl()


def _stage(parent: Path, database_url: str, broker_url: str, say: Say) -> Stage:
    folder = parent / "drill"
    folder.mkdir(mode=0o700)
    supervisor = Supervisor(say=say)
    return Stage(folder, supervisor, database_url, broker_url, more=INSIDE)


def _reserve_ports(stage: Stage, stack: contextlib.ExitStack) -> dict[str, int]:
    """Keep two ports for the world, which is away now and then."""
    ports = {}
    for name in ("http", "smtp"):
        kept = stack.enter_context(reserved_port())
        ports[name] = kept.getsockname()[1]
    write_private(stage.folder / "ports.json", orjson.dumps(ports).decode())
    return ports


def _world(stage: Stage, seed: str) -> Child:
    return Child(
        name="world",
        argv=[sys.executable, "-m", "tests.chaos.world", str(stage.folder), seed],
        cwd=CHECKOUT,
        log=stage.log,
        say=stage.supervisor.say,
    )


def _driver(stage: Stage, drill: Drill) -> Child:
    options = (f"--seed={drill.seed}", f"--rate={drill.rate}")
    return stage.command("chaos_drive", str(stage.folder), *options)


def _wait_for(path: Path) -> None:
    ends = time.monotonic() + STARTS_WITHIN
    while not path.exists():
        if time.monotonic() > ends:
            raise DemoFailed("The world outside did not start")
        time.sleep(TICK)


def _stop(crew: Crew) -> None:
    for member in (crew.driver, *crew.relays, crew.world):
        with contextlib.suppress(Exception):
            member.stop()


def _keep(stage: Stage, folder: Path | None) -> None:
    if folder is not None:
        shutil.copytree(stage.folder, folder, dirs_exist_ok=True)
