"""
The library under every sequence of steps Hypothesis can think of.

A tiny model beside it (`lending_model.py`) predicts the answer to each step: the facts,
or the codes of all reasons of the refusal. After each step the tables must be what the
log adds up to, and the queues as predicted. The world is small on purpose: in a large
one no limit is ever met.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
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
from library.lending import holds, loans, turns
from library.lending.models import Hold as HoldRow
from library.members import categories, membership, preferences, users
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
from tests.machines.lending_model import (
    ALLOWED,
    ISBN,
    ISBNS,
    MISREAD_ISBN,
    OTHER_ISBN,
    SAME_ISBN,
    SMALL,
    Book,
    Copy,
    Hold,
    Loan,
    Member,
    Model,
    today_of,
)

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "80"))
STEPS = 14

HOUR = timedelta(hours=1)
NOBODY = UUID(int=0)

titles = st.sampled_from(["Oʻtkan kunlar"] * 4 + [" "])
isbns = st.sampled_from([ISBN, SAME_ISBN, OTHER_ISBN, MISREAD_ISBN])
barcodes = st.sampled_from(["D4", "", "D4 ", "A1", "a1", "B2", "C3", "D 4"])
languages = st.sampled_from(["en", "uz", "tlh"])
known_categories = st.sampled_from(["researcher", "researcher", "reader", "teacher"])
picks = st.integers(0, 11)
wishes = ["borrow", "borrow", "borrow", "give_back", "wait", "wait", "renew", "give_up"]
wishes += ["wait_for_it", "suspend", "resume", "resume_in_time", "expire"]
visits = st.tuples(st.sampled_from(wishes), picks, picks)

# Every answer there is to what is tried here; each must have been met in the end.
EVENTS = {
    "book.borrowed",
    "book.created",
    "book.deleted",
    "book.renewed",
    "book.returned",
    "book.updated",
    "category.described",
    "copy.added",
    "copy.removed",
    "hold.cancelled",
    "hold.expired",
    "hold.moved",
    "hold.placed",
    "hold.ready",
    "hold.resumed",
    "hold.suspended",
    "policy.set",
    "user.blocked",
    "user.erased",
    "user.extended",
    "user.registered",
    "user.unblocked",
    "user.updated",
}
REFUSALS = {
    "already_blocked",
    "already_on_hold",
    "already_on_loan_to_member",
    "already_returned",
    "barcode_taken",
    "copy_not_on_loan",
    "copy_on_loan",
    "hold_closed",
    "hold_has_copy",
    "hold_limit",
    "hold_needs_an_end",
    "hold_not_over",
    "hold_not_suspended",
    "hold_there_already",
    "invalid_barcode",
    "invalid_description",
    "invalid_hold",
    "invalid_isbn",
    "invalid_member",
    "isbn_taken",
    "loan_limit",
    "member_blocked",
    "member_expired",
    "no_gain",
    "not_blocked",
    "nothing_to_hold",
    "on_hold_for_other",
    "overdue_limit",
    "renewals_used",
    "restricted",
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

    @initialize(member=picks, visits=st.lists(visits, min_size=3, max_size=8))
    def three_books_three_copies_three_members_and_a_busy_morning(self, member, visits):
        small = {"name": "small", **SMALL}
        self.step([], ["policy.set"], policies.set_policy, **small)
        researchers = {**small, "category": "researcher", **ALLOWED}
        self.step([], ["policy.set"], policies.set_policy, **researchers)
        self.add_book("Oʻtkan kunlar", ISBN)
        for title, isbn in [("Oʻtkan kunlar", ""), (" ", ""), ("?", MISREAD_ISBN)]:
            self.add_book(title, isbn)
        self.add_book("Oʻtkan kunlar", "")
        self.add_copy(0, " ", restricted=False)
        for book, barcode in enumerate(["A1", "B2", "C3"]):
            self.add_copy(book % 2, barcode, restricted=barcode == "C3")
        self.register("aziza", "en")
        self.register("bobur", "uz")
        self.register("charos", "en")
        self.somebody_changes_his_mind()
        self.extend(member)
        self.carry_home(member)
        self.serve(visits)

    def somebody_changes_his_mind(self):
        """A hold is ready, moved in vain, and given up; a loan there is not renewed."""
        self.place_hold(list(self.model.books)[1], list(self.model.members)[-1])
        self.move(0, 1)
        self.give_up(None, 0)
        self.renew_loan(NOBODY)

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

    @rule(book=picks, barcode=barcodes, restricted=st.booleans())
    def add_copy(self, book, barcode, restricted):
        book_id = pick(self.model.books, book)
        against = ["unknown_book"]
        if self.model.has_book(book_id):
            against = self.model.against_barcode(barcode)
        copy = Copy(book_id, barcode.strip().upper(), restricted)
        facts, hold = ["copy.added"], None
        if not against:
            self.model.copies[NOBODY] = copy  # its id is not known yet
            facts += self.model.hand_on(NOBODY, self.next_day())
            hold = self.model.kept(NOBODY)
            del self.model.copies[NOBODY]

        added = self.step(
            against,
            facts,
            copies.add_copy,
            book_id=book_id,
            barcode=barcode,
            restricted=restricted,
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
        username=st.sampled_from(["aziza", "charos", "davron"]),
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
            self.model.members[registered.member_id] = Member(username)

    @rule(member=picks, language=languages, category=st.none() | known_categories)
    def change_preferences(self, member, language, category):
        member_id = pick(self.model.members, member)

        changed = self.step(
            self.model.against_preferences(member_id, language, category),
            ["user.updated"],
            preferences.change_preferences,
            member_id=member_id,
            language=language,
            category=category,
        )

        if changed and category:
            self.model.members[member_id].category = category

    @rule(code=st.sampled_from(["teacher", "teacher", "staff", "a b"]))
    def describe_category(self, code):
        against = self.model.against_category(code)

        if self.step(
            against,
            ["category.described"],
            categories.describe_category,
            code=code,
            name=code,
        ):
            self.model.categories.add(code)

    @rule(
        visits=st.lists(visits, min_size=1, max_size=5),
        days=st.sampled_from([0, 0, 0, 1, 2, 4]),
    )
    def serve(self, visits, days=0):
        """Serve a few in a row: limits are met only where lending is common."""
        for wish, copy, other in visits:
            getattr(self, wish)(pick(self.model.copies, copy), other)
        self.now += timedelta(days=days)

    @rule(member=picks)
    def carry_home(self, member):
        """Somebody takes whatever there is."""
        for copy_id in list(self.model.copies):
            self.borrow(copy_id, member)
        member_id = pick(self.model.members, member)
        for copy in list(self.model.copies.values()):
            if copy.borrower == member_id:
                self.renew_loan(copy.loan)

    @rule(copy=picks, number=picks, visits=st.lists(visits, max_size=2))
    def queue_up(self, copy, number, visits):
        """Everybody waits for one book; somebody is moved, and pauses for a while."""
        copy_id = pick(self.model.copies, copy)
        self.borrow(copy_id, number)
        if copy_id in self.model.copies:
            for member_id in list(self.model.members):
                self.place_hold(self.model.copies[copy_id].book, member_id)
        self.wait_for_it(copy_id, number)
        for position in (2, 1, 0):
            self.move(number, position)
        self.suspend(copy_id, number)
        self.serve(visits, days=number % 4)
        self.resume(copy_id, number)
        self.expire(copy_id, number)

    @rule(member=picks, visits=st.lists(visits, min_size=1, max_size=2))
    def block_for_a_while(self, member, visits):
        for _ in range(2):
            self.block(None, member)
        self.carry_home(member)
        self.serve(visits)
        for _ in range(2):
            self.unblock(None, member)

    @rule(member=picks, visits=st.lists(visits, min_size=1, max_size=2))
    def let_a_membership_end(self, member, visits):
        """Soon, mostly; then it goes on, without an end."""
        self.extend(member)
        self.carry_home(member)
        self.serve(visits, days=member % 5)
        self.carry_home(member)
        self.extend(0 if member % 2 else member)

    def borrow(self, copy_id, member):
        member_id = pick(self.model.members, member)
        today = self.next_day()
        against = self.model.against_loan(copy_id, member_id, today)
        facts = ["book.borrowed"]
        if not against:
            hold = self.model.hold_for(member_id, copy_id)
            self.model.copies[copy_id].loan = NOBODY  # gone, and not to be handed on
            if hold:
                hold.live = False
            if hold and hold.copy not in {None, copy_id}:
                facts += self.model.hand_on(hold.copy, today)

        borrowed = self.step(
            against,
            facts,
            loans.borrow_copy,
            copy_id=copy_id,
            member_id=member_id,
        )

        if borrowed:
            loan = Loan(copy_id, member_id, self.model.due_on(member_id, today))
            assert today_of(borrowed.due_at) == loan.due_on
            self.model.loans[borrowed.loan_id] = loan
            copy = self.model.copies[copy_id]
            copy.borrower, copy.loan = member_id, borrowed.loan_id

    def give_back(self, copy_id, loan):
        # Every other time it is said which loan is meant.
        loan_id = pick(self.model.loans, loan) if loan % 2 else None
        against = self.model.against_return(copy_id, loan_id)
        facts = ["book.returned"]
        if not against:
            copy = self.model.copies[copy_id]
            copy.borrower = copy.loan = None
            facts += self.model.hand_on(copy_id, self.next_day())

        self.step(
            against,
            facts,
            loans.return_copy,
            copy_id=copy_id,
            loan_id=loan_id,
        )

    def wait(self, copy_id, number):
        member_id = pick(self.model.members, number)
        book_id = pick(self.model.books, number)
        if number % 3 and copy_id in self.model.copies:
            book_id = self.model.copies[copy_id].book
        self.place_hold(book_id, member_id)

    def wait_for_it(self, copy_id, number):
        """Wait for this very copy, mostly; how long is drawn from the number, too."""
        member_id = pick(self.model.members, number)
        book_id = pick(self.model.books, number)
        if number % 6 and copy_id in self.model.copies:
            book_id = self.model.copies[copy_id].book
        days, open_ended = [(1, False), (None, False), (None, True), (0, False)][
            number // 3
        ]
        self.place_hold(
            book_id, member_id, copy_id=copy_id, days=days, open_ended=open_ended
        )

    @rule(book=picks, member=picks)
    def wait_for_any_book(self, book, member):
        book_id = pick(self.model.books, book)
        self.place_hold(book_id, pick(self.model.members, member))

    def place_hold(
        self, book_id, member_id, *, copy_id=None, days=None, open_ended=False
    ):
        today = self.next_day()
        against = self.model.against_hold(
            book_id, member_id, copy_id, days, open_ended, today
        )
        facts, hold = ["hold.placed"], None
        if not against:
            waits = timedelta(days=days or SMALL["hold_days"])
            hold = Hold(
                book_id,
                member_id,
                self.model.new_number(book_id),
                wanted=copy_id,
                ends_on=None if open_ended else today + waits,
            )
            self.model.holds[NOBODY] = hold  # its id is not known yet
            facts += self.model.hand_out(book_id, today)
            del self.model.holds[NOBODY]

        placed = self.step(
            against,
            facts,
            holds.place_hold,
            book_id=book_id,
            member_id=member_id,
            copy_id=copy_id,
            days=days,
            open_ended=open_ended,
        )

        if placed:
            self.model.holds[placed.hold_id] = hold

    def give_up(self, copy_id, number):
        hold_id = pick(self.model.holds, number)
        against = self.model.against_end_of_hold(hold_id)
        self.end_hold(hold_id, against, "hold.cancelled", holds.cancel_hold)

    def expire(self, copy_id, number):
        hold_id = pick(self.model.holds, number)
        against = self.model.against_expiry(hold_id, self.next_day())
        self.end_hold(hold_id, against, "hold.expired", holds.expire_hold)

    def end_hold(self, hold_id, against, fact, operation):
        facts = [fact]
        if not against:
            hold = self.model.holds[hold_id]
            hold.live = False
            if hold.copy:
                facts += self.model.hand_on(hold.copy, self.next_day())

        self.step(against, facts, operation, hold_id=hold_id)

    def suspend(self, copy_id, number):
        hold_id, today = pick(self.model.holds, number), self.next_day()
        until = None if number % 3 == 0 else today + timedelta(days=number % 3 - 1)
        against = self.model.against_suspension(hold_id, until, today)

        if self.step(
            against,
            ["hold.suspended"],
            turns.suspend_hold,
            hold_id=hold_id,
            until=until,
        ):
            hold = self.model.holds[hold_id]
            hold.suspended, hold.resumes_on = True, until

    def resume(self, copy_id, number):
        self.take_up(number, in_time=False)

    def resume_in_time(self, copy_id, number):
        self.take_up(number, in_time=True)

    def take_up(self, number, *, in_time):
        hold_id, today = pick(self.model.holds, number), self.next_day()
        against = self.model.against_resuming(hold_id, today, in_time=in_time)
        facts = ["hold.resumed"]
        if not against:
            hold = self.model.holds[hold_id]
            hold.suspended, hold.resumes_on = False, None
            facts += self.model.hand_out(hold.book, today)

        operation = turns.resume_in_time if in_time else turns.resume_hold
        self.step(against, facts, operation, hold_id=hold_id)

    def move(self, number, position):
        hold_id = pick(self.model.holds, number)
        against = self.model.against_move(hold_id, position)
        facts = [] if against else self.model.move(hold_id, position)

        self.step(against, facts, turns.move_hold, hold_id=hold_id, position=position)

    def renew(self, copy_id, number):
        self.renew_loan(pick(self.model.loans, number))

    def renew_loan(self, loan_id):
        today = self.next_day()
        against = self.model.against_renewal(loan_id, today)

        renewed = self.step(
            against, ["book.renewed"], loans.renew_loan, loan_id=loan_id
        )

        if renewed:
            loan = self.model.loans[loan_id]
            loan.due_on = self.model.renewed_on(loan, today)
            loan.renewals += 1
            assert today_of(renewed.due_at) == loan.due_on

    def block(self, copy_id, number):
        member_id = pick(self.model.members, number)
        reason = ["fees", "other", "He shouts."][number % 3]
        against = self.model.against_block(member_id, reason)

        if self.step(
            against,
            ["user.blocked"],
            membership.block_member,
            member_id=member_id,
            reason=reason,
        ):
            self.model.members[member_id].blocked.add(reason)

    def unblock(self, copy_id, number):
        member_id = pick(self.model.members, number)
        reason = [None, None, "fees"][number % 3]
        against = self.model.against_unblock(member_id, reason)

        if self.step(
            against,
            ["user.unblocked"],
            membership.unblock_member,
            member_id=member_id,
            reason=reason,
        ):
            blocked = self.model.members[member_id].blocked
            blocked -= {reason} if reason else {*blocked}

    def extend(self, number):
        member_id, today = pick(self.model.members, number), self.next_day()
        until = today + timedelta(days=number - 1) if number % 4 else None
        against = self.model.against_extension(member_id, until, today)

        if self.step(
            against,
            ["user.extended"],
            membership.extend_membership,
            member_id=member_id,
            until=until,
        ):
            self.model.members[member_id].expires_on = until

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
    def queues_are_as_predicted(self):
        rows = HoldRow.objects.open().with_positions()
        places = {row.id: (row.copy_id, row.position) for row in rows}
        assert places == self.model.queue()

    @invariant()
    def nothing_else_is_recorded(self):
        assert Event.objects.count() == self.recorded

    def next_day(self):
        """Return which day it is when the next step is taken."""
        return today_of(self.now + HOUR)

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


@pytest.mark.timeout(600 + EXAMPLES)
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

    # `manage.py proof` adds up.
    sys.stdout.write(f"\nexamples={ran['examples']} of=lending\n")
    assert met.keys() ^ (EVENTS | REFUSALS) == set()
