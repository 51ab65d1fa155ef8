"""
The library under every sequence of steps Hypothesis can think of.

A tiny model beside it predicts the answer to each step: the event, or the codes of
the refusal. After each step the tables must be what the log adds up to. The world is
small on purpose: in a large one no limit is ever met.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import hypothesis
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from library.catalog import books, copies
from library.lending import holds, loans
from library.members import preferences, users
from library.members.erasing import erase_member
from library.policies import policies
from library.refusals import Refusal
from outbox import sequencer
from outbox.apply import written
from outbox.folds import domain_folds
from outbox.models import Event, Position
from projections import feed, registry
from projections.models import Checkpoint
from projections.rebuild import rebuild
from projections.verify import differences

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "60"))
STEPS = 20

LIMIT = 2
SMALL = {"loan_limit": LIMIT, "hold_limit": 1, "renewal_limit": 1, "pickup_days": 0}
HOUR = timedelta(hours=1)
NOBODY = UUID(int=0)

# One number twice, the second time as older books write it; another; one misread.
ISBN, SAME_ISBN, OTHER_ISBN = "9780306406157", "0-306-40615-2", "9781861972712"
MISREAD_ISBN = "9780306406158"
ISBNS = {ISBN: ISBN, SAME_ISBN: ISBN, OTHER_ISBN: OTHER_ISBN, "": None}

titles = st.sampled_from(["Oʻtkan kunlar"] * 4 + [" "])
isbns = st.sampled_from([ISBN, SAME_ISBN, OTHER_ISBN, MISREAD_ISBN])
barcodes = st.sampled_from(["A1", "a1", "B2", "C3", "D4", "D4 ", "", "D 4"])
languages = st.sampled_from(["en", "uz", "tlh"])
picks = st.integers(0, 11)
wishes = ["borrow", "borrow", "borrow", "give_back", "wait", "wait", "renew", "give_up"]
visits = st.tuples(st.sampled_from(wishes), picks, picks)

# Every answer there is to what is tried here; each must have been met in the end.
EVENTS = {
    "book.borrowed",
    "book.created",
    "book.deleted",
    "book.renewed",
    "book.returned",
    "book.updated",
    "copy.added",
    "copy.removed",
    "hold.cancelled",
    "hold.expired",
    "hold.placed",
    "hold.ready",
    "policy.set",
    "user.erased",
    "user.registered",
    "user.updated",
}
REFUSALS = {
    "already_on_hold",
    "already_on_loan_to_member",
    "already_returned",
    "barcode_taken",
    "copy_not_on_loan",
    "copy_on_loan",
    "hold_closed",
    "hold_limit",
    "hold_not_over",
    "invalid_barcode",
    "invalid_description",
    "invalid_isbn",
    "invalid_member",
    "isbn_taken",
    "loan_limit",
    "nothing_to_hold",
    "on_hold_for_other",
    "renewals_used",
    "still_in_use",
    "unknown_book",
    "unknown_copy",
    "unknown_hold",
    "unknown_loan",
    "unknown_member",
    "username_taken",
}
met: Counter[str] = Counter()
ran: Counter[str] = Counter()


@dataclass
class Book:
    isbn: str | None
    live: bool = True


@dataclass
class Copy:
    book: UUID
    barcode: str
    live: bool = True
    borrower: UUID | None = None
    loan: UUID | None = None


@dataclass
class Hold:
    book: UUID
    member: UUID
    copy: UUID | None = None
    ready_on: date | None = None
    live: bool = True


@dataclass
class Model:
    """What the library should know, in a few dictionaries."""

    books: dict[UUID, Book] = field(default_factory=dict)
    copies: dict[UUID, Copy] = field(default_factory=dict)
    members: dict[UUID, str] = field(default_factory=dict)
    loans: dict[UUID, UUID] = field(default_factory=dict)
    renewals: Counter[UUID] = field(default_factory=Counter)
    holds: dict[UUID, Hold] = field(default_factory=dict)  # as they were placed

    def live_books(self):
        return sum(book.live for book in self.books.values())

    def live_copies(self):
        return sum(copy.live for copy in self.copies.values())

    def has_book(self, book_id):
        return book_id in self.books and self.books[book_id].live

    def has_copy(self, copy_id):
        return copy_id in self.copies and self.copies[copy_id].live

    def copies_of(self, book_id):
        return [c for c in self.copies.values() if c.book == book_id and c.live]

    def against_description(self, title, isbn, besides=None):
        if not title.strip():
            return ["invalid_description"]
        if isbn not in ISBNS:
            return ["invalid_isbn"]
        others = [b for i, b in self.books.items() if b.live and i != besides]
        taken = {other.isbn for other in others} - {None}
        return ["isbn_taken"] if ISBNS[isbn] in taken else []

    def against_barcode(self, barcode):
        barcode = barcode.strip().upper()
        if not barcode or " " in barcode:
            return ["invalid_barcode"]
        taken = {copy.barcode for copy in self.copies.values() if copy.live}
        return ["barcode_taken"] if barcode in taken else []

    def against_removal(self, copy_id):
        if not self.has_copy(copy_id):
            return ["unknown_copy"]
        in_use = self.copies[copy_id].loan or self.kept(copy_id)
        return ["still_in_use"] if in_use else []

    def against_withdrawal(self, book_id):
        if not self.has_book(book_id):
            return ["unknown_book"]
        on_loan = any(copy.loan for copy in self.copies_of(book_id))
        wanted = any(hold.book == book_id for hold in self.open_holds())
        return ["still_in_use"] if on_loan or wanted else []

    def open_holds(self):
        return [hold for hold in self.holds.values() if hold.live]

    def kept(self, copy_id):
        """Return the hold for which a copy is set aside."""
        kept = [hold for hold in self.open_holds() if hold.copy == copy_id]
        return kept[0] if kept else None

    def waiting(self, book_id):
        queue = [hold for hold in self.open_holds() if hold.book == book_id]
        return [hold for hold in queue if hold.copy is None]

    def hold_of(self, member_id, book_id):
        mine = [hold for hold in self.open_holds() if hold.member == member_id]
        mine = [hold for hold in mine if hold.book == book_id]
        return mine[0] if mine else None

    def free(self, book_id):
        return sorted(
            copy_id
            for copy_id, copy in self.copies.items()
            if copy.book == book_id
            and copy.live
            and not copy.loan
            and not self.kept(copy_id)
        )

    def hand_on(self, copy_id, now):
        """Set a free copy aside for the first who waits; return what that records."""
        queue = self.waiting(self.copies[copy_id].book)
        if not queue:
            return []
        queue[0].copy, queue[0].ready_on = copy_id, now.date()
        return ["hold.ready"]

    def against_hold(self, book_id, member_id):
        if member_id not in self.members:
            return ["unknown_member"]
        if not self.has_book(book_id):
            return ["unknown_book"]
        copies = self.copies_of(book_id)
        mine = [hold for hold in self.open_holds() if hold.member == member_id]
        reasons = []
        if not copies:
            reasons.append("nothing_to_hold")
        if any(copy.borrower == member_id for copy in copies):
            reasons.append("already_on_loan_to_member")
        if any(hold.book == book_id for hold in mine):
            reasons.append("already_on_hold")
        if len(mine) >= SMALL["hold_limit"]:
            reasons.append("hold_limit")
        return reasons

    def against_end_of_hold(self, hold_id):
        if hold_id not in self.holds:
            return ["unknown_hold"]
        return [] if self.holds[hold_id].live else ["hold_closed"]

    def against_expiry(self, hold_id, now):
        if against := self.against_end_of_hold(hold_id):
            return against
        ready_on = self.holds[hold_id].ready_on
        over = ready_on is not None and now.date() > ready_on
        return [] if over else ["hold_not_over"]

    def against_renewal(self, loan_id):
        if loan_id not in self.loans:
            return ["unknown_loan"]
        copy = self.copies[self.loans[loan_id]]
        if copy.loan != loan_id:
            return ["already_returned"]
        reasons = []
        if len(self.waiting(copy.book)) > len(self.free(copy.book)):
            reasons.append("on_hold_for_other")
        if self.renewals[loan_id] >= SMALL["renewal_limit"]:
            reasons.append("renewals_used")
        return reasons

    def against_erasure(self, member_id):
        if member_id not in self.members:
            return ["unknown_member"]
        at_home = any(copy.borrower == member_id for copy in self.copies.values())
        waits = any(hold.member == member_id for hold in self.open_holds())
        return ["still_in_use"] if at_home or waits else []

    def against_registration(self, username, language):
        if username in self.members.values():
            return ["username_taken"]
        return ["invalid_member"] if language == "tlh" else []

    def against_preferences(self, member_id, language):
        if member_id not in self.members:
            return ["unknown_member"]
        return ["invalid_member"] if language == "tlh" else []

    def against_loan(self, copy_id, member_id):
        if member_id not in self.members:
            return ["unknown_member"]
        if not self.has_copy(copy_id):
            return ["unknown_copy"]
        reasons = []
        borrower = self.copies[copy_id].borrower
        if borrower is not None:
            mine = borrower == member_id
            reasons.append("already_on_loan_to_member" if mine else "copy_on_loan")
        kept = self.kept(copy_id)
        if kept and kept.member != member_id:
            reasons.append("on_hold_for_other")
        at_home = sum(copy.borrower == member_id for copy in self.copies.values())
        if at_home >= LIMIT:
            reasons.append("loan_limit")
        return reasons

    def against_return(self, copy_id, loan_id):
        if not self.has_copy(copy_id):
            return ["unknown_copy"]
        open_loan = self.copies[copy_id].loan
        if loan_id is not None and loan_id != open_loan:
            return ["already_returned"]
        return [] if open_loan else ["copy_not_on_loan"]


class LendingMachine(RuleBasedStateMachine):
    """The real operations and the model, step by step, in one transaction."""

    def __init__(self):
        super().__init__()
        self.model = Model()
        self.now = datetime(2026, 3, 2, 10, tzinfo=UTC)
        self.recorded = self.compared = self.read = self.replayed = 0
        # Events cannot be deleted, so the whole example is rolled back.
        self.example = ExitStack()
        self.example.enter_context(transaction.atomic())
        self.example.callback(transaction.set_rollback, True)

    def teardown(self):
        self.example.close()
        ran["examples"] += sys.exception() is None  # Hypothesis gives some up

    @initialize(visits=st.lists(visits, min_size=3, max_size=8))
    def two_books_three_copies_two_members_and_a_busy_morning(self, visits):
        small = {"name": "small", **SMALL}
        self.step([], ["policy.set"], policies.set_policy, **small)
        self.add_book("Oʻtkan kunlar", ISBN)
        self.add_book("Oʻtkan kunlar", "")
        for book, barcode in enumerate(["A1", "B2", "C3"]):
            self.add_copy(book % 2, barcode)
        self.register("aziza", "en")
        self.register("bobur", "uz")
        self.serve(visits)

    @rule(title=titles, isbn=isbns)
    def add_book(self, title, isbn):
        against = self.model.against_description(title, isbn)

        added = self.step(
            against, ["book.created"], books.add_book, **described(title, isbn)
        )

        if added:
            self.model.books[added.book_id] = Book(ISBNS[isbn])

    @rule(book=picks, title=titles, isbn=isbns | st.just(""))
    def correct_book(self, book, title, isbn):
        book_id = pick(self.model.books, book)
        against = ["unknown_book"]
        if self.model.has_book(book_id):
            against = self.model.against_description(title, isbn, besides=book_id)

        corrected = self.step(
            against,
            ["book.updated"],
            books.correct_book,
            book_id=book_id,
            **described(title, isbn),
        )

        if corrected:
            self.model.books[book_id].isbn = ISBNS[isbn]

    @precondition(lambda self: self.model.live_books() > 2)
    @rule(book=picks)
    def withdraw_book(self, book):
        book_id = pick(self.model.books, book)
        its_copies = self.model.copies_of(book_id)
        against = self.model.against_withdrawal(book_id)
        facts = ["copy.removed"] * len(its_copies) + ["book.deleted"]

        if self.step(against, facts, books.withdraw_book, book_id=book_id):
            self.model.books[book_id].live = False
            for copy in its_copies:
                copy.live = False

    @rule(book=picks, barcode=barcodes)
    def add_copy(self, book, barcode):
        book_id = pick(self.model.books, book)
        against = ["unknown_book"]
        if self.model.has_book(book_id):
            against = self.model.against_barcode(barcode)
        copy, facts, hold = Copy(book_id, barcode.strip().upper()), ["copy.added"], None
        if not against:
            self.model.copies[NOBODY] = copy  # its id is not known yet
            facts += self.model.hand_on(NOBODY, self.now + HOUR)
            hold = self.model.kept(NOBODY)
            del self.model.copies[NOBODY]

        added = self.step(
            against, facts, copies.add_copy, book_id=book_id, barcode=barcode
        )

        if added:
            self.model.copies[added.copy_id] = copy
        if hold:
            hold.copy = added.copy_id

    @precondition(lambda self: self.model.live_copies() > 2)
    @rule(copy=picks)
    def remove_copy(self, copy):
        copy_id = pick(self.model.copies, copy)
        against = self.model.against_removal(copy_id)

        if self.step(against, ["copy.removed"], copies.remove_copy, copy_id=copy_id):
            self.model.copies[copy_id].live = False

    @rule(
        username=st.sampled_from(["aziza", "bobur", "charos"]),
        language=languages,
    )
    def register(self, username, language):
        against = self.model.against_registration(username, language)

        registered = self.step(
            against,
            ["user.registered"],
            users.register_member,
            username=username,
            email=f"{username}@example.org",
            language=language,
        )

        if registered:
            self.model.members[registered.member_id] = username

    @rule(member=picks, language=languages)
    def change_preferences(self, member, language):
        member_id = pick(self.model.members, member)

        self.step(
            self.model.against_preferences(member_id, language),
            ["user.updated"],
            preferences.change_preferences,
            member_id=member_id,
            language=language,
        )

    @rule(visits=st.lists(visits, min_size=1, max_size=5))
    def serve(self, visits):
        """Serve a few in a row: limits are met only where lending is common."""
        for wish, copy, other in visits:
            getattr(self, wish)(pick(self.model.copies, copy), other)

    def borrow(self, copy_id, member):
        member_id = pick(self.model.members, member)
        against = self.model.against_loan(copy_id, member_id)
        facts = ["book.borrowed"]
        if not against:
            hold = self.model.hold_of(member_id, self.model.copies[copy_id].book)
            self.model.copies[copy_id].loan = NOBODY  # gone, and not to be handed on
            if hold:
                hold.live = False
            if hold and hold.copy not in {None, copy_id}:
                facts += self.model.hand_on(hold.copy, self.now + HOUR)

        borrowed = self.step(
            against,
            facts,
            loans.borrow_copy,
            copy_id=copy_id,
            member_id=member_id,
        )

        if borrowed:
            self.model.loans[borrowed.loan_id] = copy_id
            copy = self.model.copies[copy_id]
            copy.borrower, copy.loan = member_id, borrowed.loan_id

    def give_back(self, copy_id, loan):
        # Every other time it is said which loan is meant.
        loan_id = pick(self.model.loans, loan) if loan % 2 else None
        against = self.model.against_return(copy_id, loan_id)
        facts = ["book.returned"]
        if not against:
            facts += self.model.hand_on(copy_id, self.now + HOUR)

        returned = self.step(
            against,
            facts,
            loans.return_copy,
            copy_id=copy_id,
            loan_id=loan_id,
        )

        if returned:
            copy = self.model.copies[copy_id]
            copy.borrower = copy.loan = None

    def wait(self, copy_id, number):
        member_id = pick(self.model.members, number)
        book_id = pick(self.model.books, number)
        if number % 3 and copy_id in self.model.copies:
            book_id = self.model.copies[copy_id].book
        self.place_hold(book_id, member_id)

    @rule(book=picks, member=picks)
    def wait_for_any_book(self, book, member):
        book_id = pick(self.model.books, book)
        self.place_hold(book_id, pick(self.model.members, member))

    def place_hold(self, book_id, member_id):
        against = self.model.against_hold(book_id, member_id)
        hold, facts = Hold(book_id, member_id), ["hold.placed"]
        if not against:
            self.model.holds[NOBODY] = hold  # its id is not known yet
            for free in self.model.free(book_id):
                facts += self.model.hand_on(free, self.now + HOUR)
            del self.model.holds[NOBODY]

        placed = self.step(
            against, facts, holds.place_hold, book_id=book_id, member_id=member_id
        )

        if placed:
            self.model.holds[placed.hold_id] = hold

    def give_up(self, copy_id, number):
        hold_id = pick(self.model.holds, number)
        against = self.model.against_end_of_hold(hold_id)
        self.end_hold(hold_id, against, "hold.cancelled", holds.cancel_hold)

    @rule(number=picks)
    def expire(self, number):
        hold_id = pick(self.model.holds, number)
        against = self.model.against_expiry(hold_id, self.now + HOUR)
        self.end_hold(hold_id, against, "hold.expired", holds.expire_hold)

    def end_hold(self, hold_id, against, fact, operation):
        facts = [fact]
        if not against:
            hold = self.model.holds[hold_id]
            hold.live = False
            if hold.copy:
                facts += self.model.hand_on(hold.copy, self.now + HOUR)

        self.step(against, facts, operation, hold_id=hold_id)

    def renew(self, copy_id, number):
        loan_id = pick(self.model.loans, number)
        against = self.model.against_renewal(loan_id)

        if self.step(against, ["book.renewed"], loans.renew_loan, loan_id=loan_id):
            self.model.renewals[loan_id] += 1

    @precondition(lambda self: len(self.model.members) > 2)
    @rule(member=picks)
    def erase(self, member):
        member_id = pick(self.model.members, member)
        against = self.model.against_erasure(member_id)

        if self.step(against, ["user.erased"], erase_member, member_id=member_id):
            del self.model.members[member_id]

    @precondition(lambda self: self.recorded > self.read)
    @rule()
    def read_on(self):
        """Positions are dense, and what was read live is what a rebuild makes."""
        self.read = self.recorded
        sequencer.sequence_all()
        allow_pauses()
        positions = Position.objects.order_by("position")
        dense = list(range(1, self.recorded + 1))
        assert list(positions.values_list("position", flat=True)) == dense

        feed.catch_up_all()

        for fold in registry.read_models().values():
            live = rows_of(fold)
            assert Checkpoint.objects.get(name=fold.name).position == self.recorded
            rebuild(fold)
            assert rows_of(fold) == live

    @precondition(lambda self: self.recorded > self.replayed)
    @rule()
    def replay(self):
        """Delete every folded row, replay the log: the same rows."""
        self.replayed = self.recorded
        before = [rows_of(fold) for fold in domain_folds()]

        rebuild(*domain_folds())
        allow_pauses()

        assert [rows_of(fold) for fold in domain_folds()] == before

    @invariant()
    def tables_are_what_the_log_adds_up_to(self):
        if self.recorded > self.compared:  # a step that was refused is rolled back
            assert [str(each) for each in differences(*domain_folds())] == []
            self.compared = self.recorded

    @invariant()
    def nothing_else_is_recorded(self):
        assert Event.objects.count() == self.recorded

    def step(self, against, facts, operation, **arguments):
        """Take a step, and compare the answer with the one that is right."""
        self.now += HOUR
        before = self.recorded
        try:
            event = operation(now=self.now, **arguments)
        except Refusal as refusal:
            said = [reason.code for reason in refusal.reasons]
            event = None
        else:
            latest = Event.objects.order_by("-seq")[: len(facts)]
            said = [fact.type for fact in latest][::-1]
            self.recorded += len(facts)
        assert said == (against or facts), f"after {before} events"
        met.update(said)
        return event


def described(title, isbn):
    return {"title": title, "authors": ["Abdulla Qodiriy"], "isbn": isbn}


def pick(known, number):
    """Return an id: mostly of what is there, at times of what is gone or never was."""
    there = [i for i, each in known.items() if getattr(each, "live", True)]
    gone = [i for i in known if i not in there]
    choices = [*there[-4:], *there[-4:], *gone[-1:], NOBODY]
    return choices[number % len(choices)]


def rows_of(fold):
    rows = written(fold).values_list(*fold.columns, named=True)
    return {fold.key_of(row): row for row in rows}


def allow_pauses():
    # The sequencer bounds its pauses until its transaction ends; here that is the
    # example's, which may pause for as long as Hypothesis thinks.
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")


@pytest.mark.timeout(300 + EXAMPLES)
def test_every_answer_is_predicted_and_every_table_adds_up(
    django_db_setup, django_db_blocker
):
    met.clear()
    ran.clear()

    with django_db_blocker.unblock():
        run_state_machine_as_test(
            LendingMachine,
            settings=hypothesis.settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                derandomize="MACHINE_EXAMPLES" not in os.environ,
                database=None,
                deadline=None,
                # To shrink a failure takes minutes here, and the steps say enough.
                phases=[Phase.generate],
                suppress_health_check=[HealthCheck.too_slow],
            ),
        )

    sys.stdout.write(f"\nexamples={ran['examples']}\n")  # `manage.py proof` adds up
    assert met.keys() == EVENTS | REFUSALS
