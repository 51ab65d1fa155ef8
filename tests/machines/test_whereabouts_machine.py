"""
Where three copies are, under every sequence of steps Hypothesis can think of.

The model beside it predicts the answer to each step, and after each where every copy
is and what every member owes. The tables must be what the log adds up to.
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
from django.db import transaction
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from library.accounts import fees
from library.accounts.models import Fee
from library.catalog import books, branches, copies
from library.lending import conditions, holds, loans, lost, transits, whereabouts
from library.members import users
from library.policies import policies
from library.refusals import Refusal
from outbox.folds import domain_folds
from outbox.models import Event
from projections.verify import differences
from tests.machines.whereabouts_model import DAY, POLICY, Copy, Model

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "30"))
STEPS = 15

HOUR = timedelta(hours=1)
NOBODY = UUID(int=0)

WISHES = [
    *["borrow", "borrow", "borrow", "give_back", "give_back", "scan", "scan", "scan"],
    *["mark", "mark", "wait", "wait", "wait", "cancel", "expire", "move"],
    *["declare_lost", "claim_returned", "settle", "settle", "days_pass"],
]
MARKS = ["", "", "missing", "damaged", "eaten"]
WAYS_TO_SETTLE = ["paid", "paid", "waived", "refunded"]

picks = st.integers(0, 11)
places = st.sampled_from([0, 0, 1, 1, 1, 2, 2, 2, 3])  # home, North, South, nowhere
visits = st.tuples(st.sampled_from(WISHES), picks, picks, places)

# Every answer there is to what is tried here; each must have been met in the end.
EVENTS = {
    "book.borrowed",
    "book.created",
    "book.lost",
    "book.returned",
    "branch.described",
    "copy.added",
    "copy.arrived",
    "copy.marked",
    "copy.moved",
    "copy.sent",
    "fee.charged",
    "fee.reversed",
    "fee.settled",
    "hold.cancelled",
    "hold.expired",
    "hold.placed",
    "hold.ready",
    "hold.requeued",
    "policy.set",
    "return.claimed",
    "user.registered",
}
REFUSALS = {
    "already_claimed",
    "already_lost",
    "already_marked",
    "already_on_hold",
    "already_on_loan_to_member",
    "already_returned",
    "copy_not_on_loan",
    "copy_on_loan",
    "fee_closed",
    "hold_closed",
    "hold_limit",
    "hold_not_over",
    "invalid_condition",
    "invalid_fee",
    "loan_limit",
    "not_for_loan",
    "nothing_to_hold",
    "on_hold_for_other",
    "returned_too_early",
    "still_in_use",
    "unknown_branch",
    "unknown_copy",
    "unknown_fee",
    "unknown_hold",
    "unknown_loan",
    "unknown_member",
}
met: Counter[str] = Counter()
ran: Counter[str] = Counter()


class WhereaboutsMachine(RuleBasedStateMachine):
    """The real operations and the model, step by step, in one transaction."""

    def __init__(self):
        super().__init__()
        self.model = Model()
        self.now = datetime(2026, 3, 2, 10, tzinfo=UTC)
        self.recorded = self.compared = 0
        # Events cannot be deleted, so the whole example is rolled back.
        self.example = ExitStack()
        self.example.enter_context(transaction.atomic())
        self.example.callback(transaction.set_rollback, True)

    def teardown(self):
        self.example.close()
        ran["examples"] += sys.exception() is None  # Hypothesis gives some up

    @initialize(visits=st.lists(visits, min_size=1, max_size=4))
    def two_branches_one_book_three_copies_and_two_members(self, visits):
        self.step([], ["policy.set"], policies.set_policy, name="small", **POLICY)
        for name in ("North", "South"):
            described = self.step(
                [],
                ["branch.described"],
                branches.describe_branch,
                name=name,
                time_zone="UTC",
            )
            self.model.branches.append(described.branch_id)
        book = self.step(
            [],
            ["book.created"],
            books.add_book,
            title="Oʻtkan kunlar",
            authors=["Abdulla Qodiriy"],
            isbn="",
        )
        for barcode, home in zip("ABC", [*self.model.branches, None], strict=True):
            self.add_copy(book.book_id, barcode, home)
        for username in ("aziza", "bobur"):
            self.register(username)
        self.book_id = book.book_id
        self.serve(visits)

    def add_copy(self, book_id, barcode, home):
        added = self.step(
            [],
            ["copy.added"],
            copies.add_copy,
            book_id=book_id,
            barcode=barcode,
            branch_id=home,
        )
        self.model.copies[added.copy_id] = Copy(home)

    def register(self, username):
        registered = self.step(
            [],
            ["user.registered"],
            users.register_member,
            username=username,
            email=f"{username}@example.org",
            language="uz",
        )
        self.model.members.append(registered.member_id)

    @rule(visits=st.lists(visits, min_size=2, max_size=6))
    def serve(self, visits):
        """Serve a few in a row: most of them meet what another has left."""
        for wish, *visit in visits:
            getattr(self, wish)(*visit)
            self.every_copy_is_where_it_should_be()
            self.every_member_owes_what_they_should()
            self.nothing_else_is_recorded()

    def borrow(self, copy, member, _):
        copy_id = pick(self.model.copies, copy)
        member_id = pick(dict.fromkeys(self.model.members), member)

        borrowed = self.step(
            self.model.against_borrowing(copy_id, member_id),
            lambda: self.model.borrow(
                NOBODY, self.model.copies[copy_id], member_id, self.now
            ),
            loans.borrow_copy,
            copy_id=copy_id,
            member_id=member_id,
        )

        if borrowed:
            self.model.loans[borrowed.loan_id] = self.model.loans.pop(NOBODY)

    def give_back(self, copy, number, place):
        copy_id, at = self.on_loan(copy), self.branch(place)
        stated = self.moment(number, copy_id)

        self.step(
            self.model.against_return(copy_id, at, stated),
            lambda: self.model.give_back(
                self.model.copies[copy_id], at, stated, self.now
            ),
            loans.return_copy,
            copy_id=copy_id,
            at=at,
            returned_at=stated,
        )

    def scan(self, copy, _, place):
        copy_id, at = pick(self.model.copies, copy), self.branch(place)

        where = self.step(
            self.model.against_scan(copy_id, at),
            lambda: self.model.scan(self.model.copies[copy_id], at, self.now),
            transits.scan_copy,
            copy_id=copy_id,
            at=at,
        )

        assert where is None or where == whereabouts.of(copy_id)

    def mark(self, copy, number, _):
        copy_id = pick(self.model.copies, copy)
        condition = MARKS[number % len(MARKS)]

        self.step(
            self.model.against_mark(copy_id, condition),
            lambda: self.model.mark(self.model.copies[copy_id], condition, self.now),
            conditions.mark_copy,
            copy_id=copy_id,
            condition=condition,
        )

    def move(self, copy, _, place):
        copy_id, home = pick(self.model.copies, copy), self.branch(place)

        self.step(
            self.model.against_move(copy_id, home),
            lambda: self.model.move(self.model.copies[copy_id], home, self.now),
            copies.move_copy,
            copy_id=copy_id,
            branch_id=home,
        )

    def wait(self, member, _, place):
        member_id = pick(dict.fromkeys(self.model.members), member)
        pickup = self.branch(place)

        placed = self.step(
            self.model.against_hold(member_id, pickup),
            lambda: self.model.place_hold(NOBODY, member_id, pickup, self.now),
            holds.place_hold,
            book_id=self.book_id,
            member_id=member_id,
            pickup_branch_id=pickup,
        )

        if placed:
            self.model.holds[placed.hold_id] = self.model.holds.pop(NOBODY)

    def cancel(self, hold, *_):
        hold_id = pick(self.model.holds, hold)

        self.step(
            self.model.against_cancelling(hold_id),
            lambda: self.model.end_hold(
                self.model.holds[hold_id], "hold.cancelled", self.now
            ),
            holds.cancel_hold,
            hold_id=hold_id,
        )

    def expire(self, hold, number, _):
        self.now += number % 2 * DAY
        hold_id = pick(self.model.holds, hold)

        self.step(
            self.model.against_expiry(hold_id, self.now + HOUR),
            lambda: self.model.end_hold(
                self.model.holds[hold_id], "hold.expired", self.now
            ),
            holds.expire_hold,
            hold_id=hold_id,
        )

    def declare_lost(self, loan, *_):
        loan_id = pick(self.model.loans, loan)

        self.step(
            self.model.against_end_of_loan(loan_id),
            lambda: self.model.lose(self.model.loans[loan_id], self.now),
            lost.declare_lost,
            loan_id=loan_id,
        )

    def claim_returned(self, loan, *_):
        loan_id = pick(self.model.loans, loan)

        self.step(
            self.model.against_claim(loan_id),
            lambda: self.model.claim(self.model.loans[loan_id]),
            lost.claim_returned,
            loan_id=loan_id,
        )

    def settle(self, fee, number, _):
        how = WAYS_TO_SETTLE[number % len(WAYS_TO_SETTLE)]
        number = pick(dict(enumerate(self.model.fees)), fee)
        known = None if number == NOBODY else self.model.fees[number]

        self.step(
            self.model.against_settling(known, how),
            lambda: self.model.settle(known, how),
            fees.settle_fee,
            fee_id=self.fee_id(known),
            how=how,
        )

    def days_pass(self, _, days, __):
        self.now += days % 3 * DAY

    def every_copy_is_where_it_should_be(self):
        for copy_id in self.model.copies:
            where = whereabouts.of(copy_id)
            said = (where.status, where.branch_id, where.hold_id)
            assert said == self.model.where(copy_id)

    def every_member_owes_what_they_should(self):
        for member_id in self.model.members:
            owed = Fee.objects.filter(member=member_id).balance()
            assert owed == self.model.balance(member_id)

    @invariant()
    def tables_are_what_the_log_adds_up_to(self):
        if self.recorded > self.compared:  # a step that was refused is rolled back
            assert [str(each) for each in differences(*domain_folds())] == []
            self.compared = self.recorded

    def nothing_else_is_recorded(self):
        assert Event.objects.count() == self.recorded

    def step(self, against, facts, operation, **arguments):
        """Take a step, and compare the answer with the one that is right."""
        self.now += HOUR
        if not against and callable(facts):
            facts = facts()
        before = self.recorded
        try:
            answer = operation(now=self.now, **arguments)
        except Refusal as refusal:
            said = [reason.code for reason in refusal.reasons]
            answer = None
        else:
            latest = Event.objects.order_by("seq")[before:]
            said = [fact.type for fact in latest]
            self.recorded += len(said)
        assert said == (against or facts), f"after {before} events"
        met.update(said)
        return answer

    def branch(self, place):
        """Return a branch: none is said, North, South, or one that is none."""
        return [None, *self.model.branches, NOBODY][place]

    def on_loan(self, number):
        """Return a copy's id: mostly of one that is on loan."""
        there = {i: c for i, c in self.model.copies.items() if self.model.loan_of(c)}
        return pick(
            there or self.model.copies if number % 4 else self.model.copies, number
        )

    def moment(self, number, copy_id):
        """Return the time at which it is said that a copy came back."""
        copy = self.model.copies.get(copy_id)
        loan = copy and self.model.loan_of(copy)
        began = loan.borrowed_at if loan else self.now
        now = self.now + HOUR
        times = [None, None, now - HOUR, began - HOUR, now + DAY]
        return times[number % len(times)]

    def fee_id(self, known):
        """Return the id of a fee: the only one of its kind for a loan."""
        if known is None:
            return NOBODY
        loans = self.model.loans.items()
        loan_id = next(i for i, loan in loans if loan is known.loan)
        return Fee.objects.get(loan_id=loan_id, kind=known.kind).id


def pick(known, number):
    """Return an id: mostly of what is there, at times of what is gone or never was."""
    there = [i for i, each in known.items() if getattr(each, "live", True)]
    gone = [i for i in known if i not in there]
    choices = [*there[-4:], *there[-4:], *there[-4:], *gone[-1:], NOBODY]
    return choices[number % len(choices)]


@pytest.mark.timeout(300 + 5 * EXAMPLES)
def test_every_answer_is_predicted_and_every_copy_is_where_it_should_be(
    django_db_setup, django_db_blocker
):
    met.clear()
    ran.clear()

    with django_db_blocker.unblock():
        run_state_machine_as_test(
            WhereaboutsMachine,
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
    sys.stdout.write(f"\nexamples={ran['examples']} of=whereabouts\n")
    assert met.keys() == EVENTS | REFUSALS
