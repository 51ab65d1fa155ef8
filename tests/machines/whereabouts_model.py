"""
Where copies are, who waits and who owes what: the rules of the page, in a few lists.

A step has two halves: `against_…` says with which codes it is refused, and the method
of its name changes the model and says what is recorded for it, in order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)

POLICY = {
    "loan_days": 1,
    "loan_limit": 2,
    "hold_limit": 1,
    "pickup_days": 0,
    "overdue_limit": 0,
    "fee_per_day": 1,
    "lost_price": 100,
    "lost_fee": 10,
}
LOST_COSTS = POLICY["lost_price"] + POLICY["lost_fee"]
MARKS = ("", "missing", "damaged")


@dataclass(eq=False)
class Copy:
    """A copy; `to` is the branch that it is under way to."""

    home: UUID | None
    condition: str = ""
    to: UUID | None = None


@dataclass(eq=False)
class Loan:
    """A copy with a member, open while it has no outcome."""

    copy: Copy
    member: UUID
    borrowed_at: datetime
    due_at: datetime
    outcome: str = ""
    claimed: bool = False

    @property
    def live(self):
        return not self.outcome


@dataclass(eq=False)
class Hold:
    """A wish; with a copy that is on no way, it is ready at `branch` until a day."""

    member: UUID
    pickup: UUID | None
    copy: Copy | None = None
    branch: UUID | None = None
    last_day: date | None = None
    live: bool = True


@dataclass(eq=False)
class Fee:
    """What a loan costs: what is owed of it, and how that came about."""

    loan: Loan
    kind: str
    amount: int
    owed: int
    waived: bool = False
    reversed: bool = False

    @property
    def live(self):
        return self.owed != 0


@dataclass
class Model:
    """What the library should know. Holds stand in the order of the queue."""

    branches: list[UUID] = field(default_factory=list)
    copies: dict[UUID, Copy] = field(default_factory=dict)
    members: list[UUID] = field(default_factory=list)
    loans: dict[UUID, Loan] = field(default_factory=dict)
    holds: dict[UUID, Hold] = field(default_factory=dict)
    fees: list[Fee] = field(default_factory=list)

    # What is so.

    def loan_of(self, copy):
        """Return the open loan of a copy."""
        loans = self.loans.values()
        return next((each for each in loans if each.live and each.copy is copy), None)

    def hold_for(self, copy):
        """Return the hold that a copy is set aside or under way for."""
        holds = self.holds.values()
        return next((each for each in holds if each.live and each.copy is copy), None)

    def hold_of(self, member):
        holds = self.holds.values()
        return next((h for h in holds if h.live and h.member == member), None)

    def waiting(self):
        return [h for h in self.holds.values() if h.live and h.copy is None]

    def free(self):
        """Return the sound copies that stand on their shelves."""
        return [
            copy
            for _, copy in sorted(self.copies.items())
            if not (copy.condition or copy.to)
            and not self.loan_of(copy)
            and not self.hold_for(copy)
        ]

    def where(self, copy_id):
        """Return the status of a copy, the branch where it belongs, and its hold."""
        copy = self.copies[copy_id]
        if self.loan_of(copy):
            return "on_loan", None, None
        hold = self.hold_for(copy)
        hold_id = next((i for i, each in self.holds.items() if each is hold), None)
        if copy.to:
            return "in_transit", copy.to, hold_id
        if hold:
            return "ready", hold.branch, hold_id
        return copy.condition or "on_shelf", copy.home, None

    def balance(self, member):
        return sum(fee.owed for fee in self.fees if fee.loan.member == member)

    # Where a copy goes that somebody has in hand, or that may be lent now.

    def hand_over(self, copy, hold, at, now):
        """Set a copy aside for a hold, or send it to where it is wanted."""
        hold.copy = copy
        if hold.pickup not in {None, at}:
            copy.to = hold.pickup
            return ["copy.sent"]
        hold.branch, hold.last_day = at, now.date()
        return ["hold.ready"]

    def put_away(self, copy, at, now):
        """Give a copy to the first who waits; else it goes home, or to the shelf."""
        if copy.condition:
            return []
        for hold in self.waiting():
            return self.hand_over(copy, hold, at, now)
        if copy.home in {None, at}:
            return []
        copy.to = copy.home
        return ["copy.sent"]

    def hand_out(self, now):
        """Give what is free to those who wait, first what is where it is wanted."""
        facts = []
        for hold in self.waiting():
            near = sorted(self.free(), key=lambda copy: copy.home != hold.pickup)
            for copy in near[:1]:
                facts += self.hand_over(copy, hold, copy.home, now)
        return facts

    # Borrow and return.

    def against_borrowing(self, copy_id, member):
        if member not in self.members:
            return ["unknown_member"]
        if copy_id not in self.copies:
            return ["unknown_copy"]
        copy, reasons = self.copies[copy_id], []
        loan, hold = self.loan_of(copy), self.hold_for(copy)
        if copy.condition:
            reasons.append("not_for_loan")
        if loan:
            mine = loan.member == member
            reasons.append("already_on_loan_to_member" if mine else "copy_on_loan")
        if hold and hold.member != member:
            reasons.append("on_hold_for_other")
        loans = [each for each in self.loans.values() if each.live]
        if sum(each.member == member for each in loans) >= POLICY["loan_limit"]:
            reasons.append("loan_limit")
        return reasons

    def borrow(self, loan_id, copy, member, now):
        due_at = day_after(now.date() + POLICY["loan_days"] * DAY) - SECOND
        self.loans[loan_id] = Loan(copy, member, now, due_at)
        copy.to = None
        facts, hold = ["book.borrowed"], self.hold_of(member)
        if hold:
            hold.live = False
            if hold.copy not in {None, copy} and not hold.copy.to:
                facts += self.put_away(hold.copy, hold.branch, now)
        return facts

    def against_return(self, copy_id, at, stated):
        if copy_id not in self.copies:
            return ["unknown_copy"]
        if at not in {None, *self.branches}:
            return ["unknown_branch"]
        loan = self.loan_of(self.copies[copy_id])
        if not loan:
            return ["copy_not_on_loan"]
        early = stated is not None and stated < loan.borrowed_at
        return ["returned_too_early"] if early else []

    def give_back(self, copy, at, stated, now):
        loan = self.loan_of(copy)
        late = self.late(loan, min(stated or now, now))
        loan.outcome = "returned"
        return ["book.returned", *late, *self.put_away(copy, at or copy.home, now)]

    def late(self, loan, ended_at):
        """Charge for each day that a loan was late."""
        days = (ended_at.date() - loan.due_at.date()).days
        return self.charge(loan, "overdue", max(days, 0) * POLICY["fee_per_day"])

    def charge(self, loan, kind, amount):
        if not amount:
            return []
        self.fees.append(Fee(loan, kind, amount, amount))
        return ["fee.charged"]

    # Scan, mark and move.

    def against_scan(self, copy_id, at):
        if copy_id not in self.copies:
            return ["unknown_copy"]
        return [] if at in {None, *self.branches} else ["unknown_branch"]

    def scan(self, copy, at, now):
        at, facts = at or copy.home, []
        hold = self.hold_for(copy)
        if self.loan_of(copy):
            return []
        if copy.condition in ("missing", "lost"):
            facts += self.change(copy, "")
        if copy.to:
            return self.scan_on_its_way(copy, hold, at, now)
        return facts if hold else facts + self.put_away(copy, at, now)

    def scan_on_its_way(self, copy, hold, at, now):
        """It arrives where it was sent or, if nobody is to have it, at home."""
        home = None if hold else copy.home
        if at is None or at not in {copy.to, home}:
            return []
        copy.to = None
        if hold:
            return ["copy.arrived", *self.hand_over(copy, hold, at, now)]
        return ["copy.arrived", *self.put_away(copy, at, now)]

    def against_mark(self, copy_id, condition):
        if copy_id not in self.copies:
            return ["unknown_copy"]
        if condition not in MARKS:
            return ["invalid_condition"]
        copy = self.copies[copy_id]
        if copy.condition == condition or (copy.condition, condition) == (
            "lost",
            "missing",
        ):
            return ["already_marked"]
        return ["still_in_use"] if self.loan_of(copy) else []

    def mark(self, copy, condition, now):
        facts, hold = [], self.hold_for(copy)
        if hold:
            hold.copy = hold.branch = hold.last_day = None
            facts.append("hold.requeued")
        copy.to = None
        return facts + self.change(copy, condition) + self.hand_out(now)

    def change(self, copy, condition):
        """Change what is wrong with a copy; a lost one that is back costs nothing."""
        before, copy.condition = copy.condition, condition
        lost = [f for f in self.fees if f.kind == "lost" and f.loan.copy is copy]
        if before != "lost" or lost[-1].waived or lost[-1].reversed:
            return ["copy.marked"]
        lost[-1].reversed = True
        lost[-1].owed -= lost[-1].amount
        return ["copy.marked", "fee.reversed"]

    def against_move(self, copy_id, home):
        return self.against_scan(copy_id, home)

    def move(self, copy, home, now):
        copy.home = home
        return ["copy.moved", *self.hand_out(now)]

    # Holds.

    def against_hold(self, member, pickup):
        if member not in self.members:
            return ["unknown_member"]
        if pickup not in {None, *self.branches}:
            return ["unknown_branch"]
        reasons = []
        if all(copy.condition for copy in self.copies.values()):
            reasons.append("nothing_to_hold")
        if any(each.live and each.member == member for each in self.loans.values()):
            reasons.append("already_on_loan_to_member")
        if self.hold_of(member):
            reasons += ["already_on_hold", "hold_limit"]  # there is one book
        return reasons

    def place_hold(self, hold_id, member, pickup, now):
        self.holds[hold_id] = Hold(member, pickup)
        return ["hold.placed", *self.hand_out(now)]

    def against_cancelling(self, hold_id):
        if hold_id not in self.holds:
            return ["unknown_hold"]
        return [] if self.holds[hold_id].live else ["hold_closed"]

    def against_expiry(self, hold_id, now):
        if against := self.against_cancelling(hold_id):
            return against
        last_day = self.holds[hold_id].last_day
        return [] if last_day and last_day < now.date() else ["hold_not_over"]

    def end_hold(self, hold, fact, now):
        hold.live = False
        if hold.copy and not hold.copy.to:
            return [fact, *self.put_away(hold.copy, hold.branch, now)]
        return [fact]

    # Lost, claimed, paid.

    def against_end_of_loan(self, loan_id):
        if loan_id not in self.loans:
            return ["unknown_loan"]
        outcome = self.loans[loan_id].outcome
        return [f"already_{outcome}"] if outcome else []

    def against_claim(self, loan_id):
        if against := self.against_end_of_loan(loan_id):
            return against
        return ["already_claimed"] if self.loans[loan_id].claimed else []

    def claim(self, loan):
        loan.claimed = True
        return ["return.claimed"]

    def lose(self, loan, now):
        late = self.late(loan, now)
        loan.outcome = loan.copy.condition = "lost"
        return [
            "book.lost",
            *late,
            "copy.marked",
            *self.charge(loan, "lost", LOST_COSTS),
        ]

    def against_settling(self, fee, how):
        if fee is None:
            return ["unknown_fee"]
        if not fee.owed:
            return ["fee_closed"]
        ways = ("paid", "waived") if fee.owed > 0 else ("refunded",)
        return [] if how in ways else ["invalid_fee"]

    def settle(self, fee, how):
        fee.owed, fee.waived = 0, how == "waived"
        return ["fee.settled"]


def day_after(day):
    return datetime.combine(day + DAY, time(), UTC)
