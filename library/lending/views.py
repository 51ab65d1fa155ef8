"""Lending over HTTP: a reader sees and does what is his, a librarian everything."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from library.lending import due_dates, loans, lost
from library.lending.copy_refusals import loan_over
from library.lending.copy_shapes import Back
from library.lending.models import Loan, LoanQuerySet
from library.lending.refusals import UnknownLoan
from library.lending.shapes import LoanQuery, LoanShown, NewDueDate, NewLoan
from outbox.api import given
from outbox.api.given import Nothing
from outbox.api.views import ApiView, ListView, user_id
from outbox.api.writes import Made, Written, write


class Loans(ListView):
    """One's own loans, or for librarians all."""

    records_events = True

    @extend_schema(
        operation_id="list_loans",
        parameters=[LoanQuery],
        responses=LoanShown(many=True),
        tags=["loans"],
    )
    def get(self, request: Request) -> Response:
        """List the loans, the latest first."""
        wanted = given.query(request, LoanQuery)
        rows = _seen_by(request).select_related("book", "copy")
        if member_id := wanted.get("member"):
            rows = rows.filter(member_id=member_id)
        if "open" in wanted:
            rows = rows.filter(returned_at__isnull=wanted["open"])
        return self.page(rows.order_by("-borrowed_at", "id"), LoanShown)

    @extend_schema(
        operation_id="borrow_copy",
        request=NewLoan,
        responses={201: LoanShown},
        tags=["loans"],
    )
    def post(self, request: Request) -> Response:
        """Borrow a copy."""
        said = given.body(request, NewLoan)
        member_id = said.get("member_id", user_id(request))
        if member_id != user_id(request) and not request.user.is_staff:
            raise PermissionDenied("Only librarians lend to others than themselves.")

        def act() -> Made:
            borrowed = loans.borrow_copy(
                copy_id=said["copy_id"], member_id=member_id, now=timezone.now()
            )
            return Made(borrowed.loan_id)

        return _response(write(request, act, status=201))


class OneLoan(ApiView):
    """One loan."""

    @extend_schema(operation_id="get_loan", responses=LoanShown, tags=["loans"])
    def get(self, request: Request, loan_id: UUID) -> Response:
        """Show a loan."""
        rows = _seen_by(request).select_related("book", "copy")
        return Response(LoanShown(_find(rows, loan_id)).data)


class RenewLoan(ApiView):
    """A loan that goes on."""

    records_events = True

    @extend_schema(
        operation_id="renew_loan",
        request=Nothing,
        responses=LoanShown,
        tags=["loans"],
    )
    def post(self, request: Request, loan_id: UUID) -> Response:
        """Let a loan go on to a later due date."""
        given.body(request, Nothing)
        loan = _find(_seen_by(request), loan_id)

        def act() -> Made:
            loans.renew_loan(loan_id=loan.id, now=timezone.now())
            return Made(loan.id)

        return _response(write(request, act))


class DueDate(ApiView):
    """When a loan is due."""

    permission_classes = [IsAdminUser]
    records_events = True

    @extend_schema(
        operation_id="change_due_date",
        request=NewDueDate,
        responses=LoanShown,
        tags=["loans"],
    )
    def post(self, request: Request, loan_id: UUID) -> Response:
        """Let a loan be due at the end of a day, or of the next open one after it."""
        said = given.body(request, NewDueDate)

        def act() -> Made:
            due_dates.change_due_date(loan_id=loan_id, now=timezone.now(), **said)
            return Made(loan_id)

        return _response(write(request, act))


class ReturnLoan(ApiView):
    """The end of a loan."""

    records_events = True

    @extend_schema(
        operation_id="return_copy", request=Back, responses=LoanShown, tags=["loans"]
    )
    def post(self, request: Request, loan_id: UUID) -> Response:
        """Take the copy of a loan back; a librarian may say where, and since when."""
        said = given.body(request, Back)
        if said and not request.user.is_staff:
            raise PermissionDenied("Only librarians say where and when.")
        loan = _find(_seen_by(request), loan_id)

        def act() -> Made:
            if loan.returned_at is not None:
                raise loan_over(loan.id, loan.outcome)
            loans.return_copy(
                copy_id=loan.copy_id,
                loan_id=loan.id,
                at=said.get("branch_id"),
                returned_at=said.get("returned_at"),
                now=timezone.now(),
            )
            return Made(loan.id)

        return _response(write(request, act))


class LoseLoan(ApiView):
    """A loan whose copy does not come back."""

    permission_classes = [IsAdminUser]
    records_events = True

    @extend_schema(
        operation_id="declare_lost",
        request=Nothing,
        responses=LoanShown,
        tags=["loans"],
    )
    def post(self, request: Request, loan_id: UUID) -> Response:
        """Give a copy up: its member owes what it costs."""
        given.body(request, Nothing)

        def act() -> Made:
            lost.declare_lost(loan_id=loan_id, now=timezone.now())
            return Made(loan_id)

        return _response(write(request, act))


class ClaimReturned(ApiView):
    """A loan of which its member says that it is over."""

    permission_classes = [IsAdminUser]
    records_events = True

    @extend_schema(
        operation_id="claim_returned",
        request=Nothing,
        responses=LoanShown,
        tags=["loans"],
    )
    def post(self, request: Request, loan_id: UUID) -> Response:
        """Note that a member says the copy came back: it is to be looked for."""
        given.body(request, Nothing)

        def act() -> Made:
            lost.claim_returned(loan_id=loan_id, now=timezone.now())
            return Made(loan_id)

        return _response(write(request, act))


def _seen_by(request: Request) -> LoanQuerySet:
    if request.user.is_staff:
        return Loan.objects.all()
    return Loan.objects.filter(member_id=user_id(request))


def _find(rows: LoanQuerySet, loan_id: UUID) -> Loan:
    loan: Loan | None = rows.filter(id=loan_id).first()
    if loan is None:
        raise UnknownLoan(loan_id)
    return loan


def _response(written: Written) -> Response:
    # A repeat may come after it was forgotten whose the loan was.
    loan = _find(Loan.objects.select_related("book", "copy"), UUID(written.id))
    return written.response(LoanShown(loan).data)
