"""
A desk: one thing after another, each until it has an answer.

The intent is noted before the command is given, the answer after it. Where no answer
came (the connection was lost, the process killed), the same command is given again
under the same id: it must not act twice. What a desk knows, it knows from its
ledgers, so that it goes on where it was killed.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from datetime import datetime
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import orjson
from django.db import Error, connection, transaction
from django.utils import timezone

from config.demo.inside.acting import subject_of
from config.demo.ledger import Ledger
from library.catalog.books import add_book
from library.catalog.copies import add_copy
from library.lending.loans import borrow_copy, return_copy
from library.members.users import register_member
from library.refusals import Refusal
from outbox import commands, log
from outbox.context import acting

MEMBERS, COPIES, LIMIT = 3, 6, 3
PAUSE = 0.05  # seconds before a command is given again
OPERATIONS = {
    operation.__name__: operation
    for operation in (register_member, add_book, add_copy, borrow_copy, return_copy)
}


class Desk:
    """Somebody who lends and takes back, with readers and copies of his own."""

    def __init__(
        self,
        number: int,
        seed: str,
        intents: Ledger,
        answers: Ledger,
        trouble: Ledger,
    ) -> None:
        self.number = number
        self._seed = seed
        self._intents, self._answers, self._trouble = intents, answers, trouble
        self._given: list[dict[str, Any]] = []
        self._emails: dict[str, str] = {}
        self._books: list[str] = []
        self._free: list[str] = []
        self._lent: dict[str, str] = {}

    def remember(
        self, intents: Iterable[dict[str, Any]], answers: Iterable[dict[str, Any]]
    ) -> None:
        """Learn from the ledgers what was done, and do what got no answer."""
        told = {answer["command"]: answer for answer in answers}
        for intent in intents:
            if intent["desk"] != self.number:
                continue
            self._given.append(intent)
            if intent["command"] in told:
                self._learn(intent, told[intent["command"]])

    def unanswered(self, answers: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the intents that nobody has answered yet; one at most."""
        told = {answer["command"] for answer in answers}
        return [intent for intent in self._given if intent["command"] not in told]

    def work(
        self,
        stopping: Event,
        crowded: Event,
        pause: float,
        left: list[dict[str, Any]],
    ) -> None:
        """Go on until asked to stop; what is begun is brought to its answer."""
        for intent in left:
            self._trouble.note(command=intent["command"], what="the driver was killed")
            self._bring(intent)
        while not stopping.wait(pause * random.uniform(0.5, 1.5)):
            if crowded.is_set():
                continue
            intent = self._decide()
            self._intents.note(**intent)
            self._given.append(intent)
            self._bring(intent)
        connection.close()

    def _decide(self) -> dict[str, Any]:
        drawn = random.Random(f"{self._seed}:{self.number}:{len(self._given)}")
        operation, arguments, email = self._next(drawn)
        return {
            "command": str(uuid4()),
            "desk": self.number,
            "operation": operation,
            "arguments": arguments,
            "email": email,
            "now": timezone.now().isoformat(),
        }

    def _next(self, drawn: random.Random) -> tuple[str, dict[str, Any], str]:
        name = f"{self.number}-{len(self._given)}"
        if len(self._emails) < MEMBERS or drawn.random() < 0.02:
            email = f"reader-{name}@demo.example"
            return (
                "register_member",
                {"username": f"chaos-{name}", "email": email},
                email,
            )
        if not self._books or drawn.random() < 0.02:
            return "add_book", {"title": f"Book {name}", "authors": ["A. Nonymous"]}, ""
        if len(self._free) + len(self._lent) < COPIES:
            barcode = f"C{self.number:02}{len(self._given):06}"
            book = drawn.choice(self._books)
            return "add_copy", {"book_id": book, "barcode": barcode}, ""
        may = [one for one in self._emails if [*self._lent.values()].count(one) < LIMIT]
        if self._free and may and (not self._lent or drawn.random() < 0.55):
            member, copy = drawn.choice(may), drawn.choice(self._free)
            arguments = {"copy_id": copy, "member_id": member}
            return "borrow_copy", arguments, self._emails[member]
        copy = drawn.choice([*self._lent])
        return "return_copy", {"copy_id": copy}, self._emails[self._lent[copy]]

    def _bring(self, intent: dict[str, Any]) -> None:
        """Give a command until there is an answer."""
        while True:
            try:
                answer = self._give(intent)
            except Refusal as refusal:
                answer = {"refused": refusal.code}
            except Error as error:  # nobody knows whether it was done
                what = f"{type(error).__name__}: {error}"[:300]
                self._trouble.note(command=intent["command"], what=what)
                connection.close()
                time.sleep(PAUSE)
                continue
            answer = {"command": intent["command"], **answer}
            self._answers.note(**answer)
            self._learn(intent, answer)
            return

    def _give(self, intent: dict[str, Any]) -> dict[str, Any]:
        """Do it once for this command id, as the API does with an Idempotency-Key."""
        name, arguments = intent["operation"], intent["arguments"]
        with transaction.atomic():
            command, fresh = commands.claim(
                UUID(intent["command"]),
                actor=f"desk:{self.number}",
                name=name,
                body=orjson.dumps(arguments),
            )
            if fresh:
                with acting(actor=f"desk:{self.number}") as cause:
                    OPERATIONS[name](
                        now=datetime.fromisoformat(intent["now"]), **_typed(arguments)
                    )
                commands.note(command, cause)
            (event,) = log.by_ids(command.events)
            (event_id,) = command.events
        return {
            "event": event_id.hex,
            "type": event.type,
            "email": intent["email"],
            "about": subject_of(event),
            "repeated": not fresh,
        }

    def _learn(self, intent: dict[str, Any], answer: dict[str, Any]) -> None:
        if "refused" in answer:
            return
        match intent["operation"], intent["arguments"]:
            case "register_member", _:
                self._emails[answer["about"]] = intent["email"]
            case "add_book", _:
                self._books.append(answer["about"])
            case "add_copy", _:
                self._free.append(answer["about"])
            case "borrow_copy", {"copy_id": copy, "member_id": member}:
                self._free.remove(copy)
                self._lent[copy] = member
            case "return_copy", {"copy_id": copy}:
                del self._lent[copy]
                self._free.append(copy)


def _typed(arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        name: UUID(value) if name.endswith("_id") else value
        for name, value in arguments.items()
    }
