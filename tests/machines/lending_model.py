"""
A tiny library that predicts what the real one answers: one branch, by UTC, always open.

Each `against_…` returns the codes of all reasons against a step, in their order; none:
it is done. What it changes besides, `hand_on` and `hand_out` say, with the facts that
are recorded.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

LIMIT = 2
SMALL = {
    "loan_days": 3,
    "loan_limit": LIMIT,
    "renewal_limit": 1,
    "hold_limit": 1,
    "hold_days": 2,
    "pickup_days": 0,
    "overdue_limit": 1,
}
ALLOWED = {"restricted": True, "open_ended": True}  # of researchers, besides
ALWAYS = ("reader", "student", "researcher", "staff")
BLOCKS = ("fees", "other")
LANGUAGES = ("en", "uz")

# One number twice, the second time as older books write it; another; one misread.
ISBN, SAME_ISBN, OTHER_ISBN = "9780306406157", "0-306-40615-2", "9781861972712"
MISREAD_ISBN = "9780306406158"
ISBNS = {ISBN: ISBN, SAME_ISBN: ISBN, OTHER_ISBN: OTHER_ISBN, "": None}


@dataclass
class Book:
    isbn: str | None
    live: bool = True


@dataclass
class Copy:
    book: UUID
    barcode: str
    restricted: bool = False
    live: bool = True
    borrower: UUID | None = None
    loan: UUID | None = None


@dataclass
class Member:
    username: str
    category: str = "reader"
    blocked: set[str] = field(default_factory=set)
    expires_on: date | None = None

    def over(self, today):
        return self.expires_on is not None and self.expires_on < today

    def against(self, today):
        expired = ["member_expired"] * self.over(today)
        return expired + ["member_blocked"] * bool(self.blocked)


@dataclass
class Loan:
    copy: UUID
    member: UUID
    due_on: date
    renewals: int = 0


@dataclass
class Hold:
    book: UUID
    member: UUID
    number: int
    wanted: UUID | None = None
    ends_on: date | None = None
    suspended: bool = False
    resumes_on: date | None = None
    copy: UUID | None = None
    ready_on: date | None = None
    live: bool = True

    def is_over(self, today):
        if self.copy:
            return today > self.ready_on
        return self.ends_on is not None and today > self.ends_on


@dataclass
class Model:
    """What the library should know, in a few dictionaries."""

    books: dict[UUID, Book] = field(default_factory=dict)
    copies: dict[UUID, Copy] = field(default_factory=dict)
    members: dict[UUID, Member] = field(default_factory=dict)
    loans: dict[UUID, Loan] = field(default_factory=dict)
    holds: dict[UUID, Hold] = field(default_factory=dict)
    categories: set[str] = field(default_factory=set)
    numbers: Counter[UUID] = field(default_factory=Counter)

    # --- Books and copies -----------------------------------------------------

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
        wanted = any(hold.wanted == copy_id for hold in self.open_holds())
        in_use = self.copies[copy_id].loan or self.kept(copy_id) or wanted
        return ["still_in_use"] if in_use else []

    def against_withdrawal(self, book_id):
        if not self.has_book(book_id):
            return ["unknown_book"]
        on_loan = any(copy.loan for copy in self.copies_of(book_id))
        wanted = any(hold.book == book_id for hold in self.open_holds())
        return ["still_in_use"] if on_loan or wanted else []

    # --- Members --------------------------------------------------------------

    def researches(self, member_id):
        return self.members[member_id].category == "researcher"

    def against_registration(self, username, language):
        if username in {member.username for member in self.members.values()}:
            return ["username_taken"]
        return [] if language in LANGUAGES else ["invalid_member"]

    def against_preferences(self, member_id, language, category):
        if member_id not in self.members:
            return ["unknown_member"]
        known = category in {None, *ALWAYS, *self.categories}
        return [] if known and language in LANGUAGES else ["invalid_member"]

    def against_category(self, code):
        return ["invalid_member"] if code in ALWAYS or " " in code else []

    def against_block(self, member_id, reason):
        if member_id not in self.members:
            return ["unknown_member"]
        if reason not in BLOCKS:
            return ["invalid_member"]
        known = reason in self.members[member_id].blocked
        return ["already_blocked"] if known else []

    def against_unblock(self, member_id, reason):
        if member_id not in self.members:
            return ["unknown_member"]
        blocked = self.members[member_id].blocked
        there = bool(blocked) if reason is None else reason in blocked
        return [] if there else ["not_blocked"]

    def against_extension(self, member_id, until, today):
        if member_id not in self.members:
            return ["unknown_member"]
        over = until is not None and until < today
        return ["invalid_member"] if over else []

    def against_erasure(self, member_id):
        if member_id not in self.members:
            return ["unknown_member"]
        at_home = any(copy.borrower == member_id for copy in self.copies.values())
        waits = any(hold.member == member_id for hold in self.open_holds())
        return ["still_in_use"] if at_home or waits else []

    # --- Loans ----------------------------------------------------------------

    def late(self, member_id, today):
        """Return how many loans a member should have brought back."""
        mine = [c.loan for c in self.copies.values() if c.borrower == member_id]
        return sum(self.loans[loan].due_on < today for loan in mine)

    def due_on(self, member_id, start):
        """Return the last day of a loan that is counted from a day."""
        due_on = start + timedelta(days=SMALL["loan_days"])
        expires_on = self.members[member_id].expires_on
        return due_on if expires_on is None else min(due_on, expires_on)

    def against_loan(self, copy_id, member_id, today):
        if member_id not in self.members:
            return ["unknown_member"]
        if not self.has_copy(copy_id):
            return ["unknown_copy"]
        copy, kept = self.copies[copy_id], self.kept(copy_id)
        reasons = self.members[member_id].against(today)
        if copy.restricted and not self.researches(member_id):
            reasons.append("restricted")
        if copy.borrower is not None:
            mine = copy.borrower == member_id
            reasons.append("already_on_loan_to_member" if mine else "copy_on_loan")
        if kept and kept.member != member_id:
            reasons.append("on_hold_for_other")
        at_home = sum(each.borrower == member_id for each in self.copies.values())
        if at_home >= LIMIT:
            reasons.append("loan_limit")
        if self.late(member_id, today) >= SMALL["overdue_limit"]:
            reasons.append("overdue_limit")
        return reasons

    def against_return(self, copy_id, loan_id):
        if not self.has_copy(copy_id):
            return ["unknown_copy"]
        open_loan = self.copies[copy_id].loan
        if loan_id is not None and loan_id != open_loan:
            return ["already_returned"]
        return [] if open_loan else ["copy_not_on_loan"]

    def against_renewal(self, loan_id, today):
        if loan_id not in self.loans:
            return ["unknown_loan"]
        loan = self.loans[loan_id]
        if self.copies[loan.copy].loan != loan_id:
            return ["already_returned"]
        member = self.members[loan.member]
        reasons = member.against(today)
        if self.wanted_by_others(loan, today):
            reasons.append("on_hold_for_other")
        if loan.renewals >= SMALL["renewal_limit"]:
            reasons.append("renewals_used")
        if not member.over(today) and self.renewed_on(loan, today) <= loan.due_on:
            reasons.append("no_gain")
        return reasons

    def renewed_on(self, loan, today):
        return self.due_on(loan.member, max(loan.due_on, today))

    def wanted_by_others(self, loan, today):
        """Return whether somebody would want this copy, who can have no other."""
        book_id = self.copies[loan.copy].book
        free = self.free(book_id)
        for hold in self.in_turn(book_id, today):
            if hold.member == loan.member:
                continue
            fitting = [copy_id for copy_id in free if self.suits(copy_id, hold)]
            if fitting:
                free.remove(fitting[0])
            elif self.suits(loan.copy, hold):
                return True
        return False

    # --- Holds ----------------------------------------------------------------

    def open_holds(self):
        return [hold for hold in self.holds.values() if hold.live]

    def kept(self, copy_id):
        """Return the hold for which a copy is set aside."""
        kept = [hold for hold in self.open_holds() if hold.copy == copy_id]
        return kept[0] if kept else None

    def waiting(self, book_id):
        queue = [hold for hold in self.open_holds() if hold.book == book_id]
        queue = [hold for hold in queue if hold.copy is None]
        return sorted(queue, key=lambda hold: hold.number)

    def in_turn(self, book_id, today):
        queue = self.waiting(book_id)
        return [h for h in queue if not h.suspended and not h.is_over(today)]

    def hold_for(self, member_id, copy_id):
        """Return the member's hold that ends when they borrow this copy."""
        book_id = self.copies[copy_id].book
        mine = [hold for hold in self.open_holds() if hold.member == member_id]
        mine = [hold for hold in mine if hold.book == book_id]
        return next((h for h in mine if h.wanted in {None, copy_id}), None)

    def free(self, book_id):
        return sorted(
            copy_id
            for copy_id, copy in self.copies.items()
            if copy.book == book_id
            and copy.live
            and not copy.loan
            and not self.kept(copy_id)
        )

    def suits(self, copy_id, hold):
        allowed = not self.copies[copy_id].restricted or self.researches(hold.member)
        return allowed and hold.wanted in {None, copy_id}

    def hand_on(self, copy_id, today):
        """Set a free copy aside for the first who may have it; return the facts."""
        for hold in self.in_turn(self.copies[copy_id].book, today):
            if self.suits(copy_id, hold):
                hold.copy, hold.ready_on = copy_id, today
                return ["hold.ready"]
        return []

    def hand_out(self, book_id, today):
        """Set the free copies of a book aside; return the facts."""
        free, facts = self.free(book_id), []
        for hold in self.in_turn(book_id, today):
            fitting = [copy_id for copy_id in free if self.suits(copy_id, hold)]
            if fitting:
                hold.copy, hold.ready_on = fitting[0], today
                free.remove(fitting[0])
                facts.append("hold.ready")
        return facts

    def new_number(self, book_id):
        self.numbers[book_id] += 1
        return self.numbers[book_id]

    def against_hold(self, book_id, member_id, copy_id, days, open_ended, today):
        if member_id not in self.members:
            return ["unknown_member"]
        if not self.has_book(book_id):
            return ["unknown_book"]
        stock = self.copies_of(book_id)
        if copy_id is not None:
            stock = [copy for copy in stock if copy is self.copies.get(copy_id)]
            if not stock:
                return ["unknown_copy"]
        if days is not None and (open_ended or days < 1):
            return ["invalid_hold"]
        return [
            *self.members[member_id].against(today),
            *self.against_stock(stock, member_id, today),
            *self.against_another_hold(book_id, member_id),
            *["hold_needs_an_end"] * (open_ended and not self.researches(member_id)),
        ]

    def against_stock(self, stock, member_id, today):
        if not stock:
            return ["nothing_to_hold"]
        if all(copy.restricted for copy in stock) and not self.researches(member_id):
            return ["restricted"]
        late = self.late(member_id, today) >= SMALL["overdue_limit"]
        return ["overdue_limit"] if late else []

    def against_another_hold(self, book_id, member_id):
        mine = [hold for hold in self.open_holds() if hold.member == member_id]
        reasons = []
        if any(copy.borrower == member_id for copy in self.copies_of(book_id)):
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

    def against_expiry(self, hold_id, today):
        if against := self.against_end_of_hold(hold_id):
            return against
        return [] if self.holds[hold_id].is_over(today) else ["hold_not_over"]

    def against_turn(self, hold_id):
        """Return what speaks against changing the turn of a hold at all."""
        if against := self.against_end_of_hold(hold_id):
            return against
        return ["hold_has_copy"] if self.holds[hold_id].copy else []

    def against_suspension(self, hold_id, until, today):
        if against := self.against_turn(hold_id):
            return against
        over = until is not None and until <= today
        return ["invalid_hold"] if over else []

    def against_resuming(self, hold_id, today, *, in_time):
        if against := self.against_turn(hold_id):
            return against
        hold = self.holds[hold_id]
        due = hold.resumes_on is not None and hold.resumes_on <= today
        return [] if hold.suspended and (due or not in_time) else ["hold_not_suspended"]

    def against_move(self, hold_id, position):
        if against := self.against_turn(hold_id):
            return against
        hold = self.holds[hold_id]
        queue = self.waiting(hold.book)
        if not 1 <= position <= len(queue):
            return ["invalid_hold"]
        there = queue.index(hold) == position - 1
        return ["hold_there_already"] if there else []

    def move(self, hold_id, position):
        """Give a hold another place; return the facts."""
        hold = self.holds[hold_id]
        others = [each for each in self.waiting(hold.book) if each is not hold]
        moved = [hold, *others[position - 1 :]]
        for each in moved:
            each.number = self.new_number(hold.book)
        return ["hold.moved"] * len(moved)

    def queue(self):
        """Return each open hold's copy, or its place in the queue of its book."""
        found = {}
        for hold_id, hold in self.holds.items():
            if hold.live:
                queue = self.waiting(hold.book)
                place = None if hold.copy else queue.index(hold) + 1
                found[hold_id] = (hold.copy, place)
        return found


def today_of(moment: datetime) -> date:
    """Return the day it is in the only branch there is."""
    return moment.date()
