"""What the desk's API takes and shows."""

from __future__ import annotations

from rest_framework import serializers

from library.catalog.shapes import CopyShown
from library.lending.shapes import HoldShown, LoanShown
from library.members.shapes import MemberShown
from outbox.api.given import Given

LONGEST_CODE = 64


class NewScan(Given):
    """What was scanned: the barcode of a copy, or of a member's card."""

    code = serializers.CharField(max_length=LONGEST_CODE)


class CopyScannedShown(serializers.Serializer[object]):
    """
    A copy, its open loan, or the hold that it is for, and what can be done.

    `status` is on_loan, in_transit, ready, on_shelf, or what is wrong with it;
    `branch_id` where it belongs now: where it waits, stands or is under way to. `can`
    has return and renew (of the loan), or lend: to `lend_to`, or to anybody.
    """

    copy = CopyShown()
    title = serializers.CharField(source="copy.book.title")
    status = serializers.CharField(source="place.status")
    branch_id = serializers.UUIDField(source="place.branch_id", allow_null=True)
    loan = LoanShown(allow_null=True)
    hold = HoldShown(allow_null=True)
    can = serializers.ListField(child=serializers.CharField())
    lend_to = serializers.UUIDField(allow_null=True)


class MemberScannedShown(serializers.Serializer[object]):
    """A member, and what can be done: lend, renew_all."""

    member = MemberShown()
    can = serializers.ListField(child=serializers.CharField())


class ScanShown(serializers.Serializer[object]):
    """What was scanned: a copy, a member, or, where two labels say the same, both."""

    copy = CopyScannedShown(allow_null=True)
    member = MemberScannedShown(allow_null=True)


class SheetQuery(Given):
    """Which day's sheet; left out: today's, by the clocks of the branch."""

    date = serializers.DateField(required=False)


class SheetLineShown(serializers.Serializer[object]):
    """A copy to see to, for which hold or loan, since when, and until when at most."""

    copy_id = serializers.UUIDField(source="copy.id")
    barcode = serializers.CharField(source="copy.barcode")
    book_id = serializers.UUIDField(source="copy.book_id")
    title = serializers.CharField(source="copy.book.title")
    hold_id = serializers.UUIDField(allow_null=True)
    loan_id = serializers.UUIDField(allow_null=True)
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)


class SheetPartShown(serializers.Serializer[object]):
    """A part of the sheet: how many there are, and the first hundred of them."""

    count = serializers.IntegerField()
    lines = SheetLineShown(many=True)


class SheetShown(serializers.Serializer[object]):
    """
    What a branch has to see to on a day.

    `pull`: set aside that day, to be put where it is picked up; `clear`: was there,
    and since that day is not waited for. As it stands now: `leaving` and `arriving`,
    what is under way; `overdue`; `sought`: missing, or said to be back.
    """

    date = serializers.DateField()
    pull = SheetPartShown()
    clear = SheetPartShown()
    leaving = SheetPartShown()
    arriving = SheetPartShown()
    overdue = SheetPartShown()
    sought = SheetPartShown()
