"""Killing a relay in the middle of a delivery, and making sure that it was one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import psycopg

from config.demo import ledger, questions
from config.demo.stage import Stage

DIES_WITHIN = 5.0  # seconds


class Killer:
    """
    Kills one relay with SIGKILL while a delivery of its is claimed.

    To be in time for sure, the HTTP receiver is asked to hold an answer back.
    `killed` counts only what was seen to be still claimed by the dead process.
    """

    def __init__(self, stage: Stage, connection: psycopg.Connection[Any]) -> None:
        self.killed = 0
        self._stage = stage
        self._connection = connection
        self._seen = 0
        self._ask = Path(stage.folder, "hold")
        self._ask.touch()

    def look(self) -> None:
        """Kill if an answer is being held back; ask again if it was in vain."""
        held = ledger.read(self._stage.folder, ledger.HELD)
        if self.killed or len(held) == self._seen:
            return
        self._seen = len(held)
        self.killed += self._killed_in_flight(held[-1]["id"].removeprefix("msg_"))
        if not self.killed:
            self._ask.touch()

    def _killed_in_flight(self, event: str) -> bool:
        before = self._claim_on(event)
        if before is None or not self._kill(before.pid):
            return False
        return self._claim_on(event) == before

    def _claim_on(self, event: str) -> questions.Claim | None:
        told = orjson.loads((self._stage.folder / "endpoints.json").read_bytes())
        return questions.claim_on(
            self._connection, event=event, endpoint_id=told["loans"]["id"]
        )

    def _kill(self, pid: int) -> bool:
        """Kill the relay with this process id; return once it is dead."""
        for relay in self._stage.relays:
            process = relay.process
            if process is not None and process.pid == pid:
                process.kill()
                process.wait(DIES_WITHIN)
                return True
        return False
