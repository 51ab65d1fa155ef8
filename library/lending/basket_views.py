"""Several loans at once over HTTP, with an answer for each."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from library.lending import baskets, renewals
from library.lending.models import Loan
from library.lending.shapes import AnswersShown, NewBasket, Renewals
from library.refusals import Refusal
from outbox.api import given
from outbox.api.views import ApiView, user_id
from outbox.api.writes import Made, Written, write


class Basket(ApiView):
    """What lies on the desk together."""

    records_events = True

    @extend_schema(
        operation_id="lend_basket",
        request=NewBasket,
        responses=AnswersShown,
        tags=["loans"],
    )
    def post(self, request: Request) -> Response:
        """Borrow several copies: those that can be lent, or all or nothing."""
        said = given.body(request, NewBasket)
        member_id = _member(request, said, "lend to")
        copies = [each.get("copy_id") or each["barcode"] for each in said["copies"]]

        def act() -> Made:
            answers = baskets.lend_basket(
                copies=copies,
                member_id=member_id,
                all_or_nothing=said["all_or_nothing"],
                now=timezone.now(),
            )
            noted = [_noted(getattr(each, "loan_id", None), each) for each in answers]
            return Made(member_id, noted=noted)

        return _response(write(request, act))


class RenewAll(ApiView):
    """All that a member has at home."""

    records_events = True

    @extend_schema(
        operation_id="renew_all",
        request=Renewals,
        responses=AnswersShown,
        tags=["loans"],
    )
    def post(self, request: Request) -> Response:
        """Renew every open loan that may be renewed, the soonest due first."""
        member_id = _member(request, given.body(request, Renewals), "renew for")

        def act() -> Made:
            answers = renewals.renew_all(member_id=member_id, now=timezone.now())
            noted = [_noted(loan_id, each) for loan_id, each in answers.items()]
            return Made(member_id, noted=noted)

        return _response(write(request, act))


def _member(request: Request, said: dict[str, Any], what: str) -> UUID:
    member_id: UUID = said.get("member_id", user_id(request))
    if member_id != user_id(request) and not request.user.is_staff:
        raise PermissionDenied(f"Only librarians {what} others than themselves.")
    return member_id


def _noted(loan_id: UUID | None, answer: object) -> dict[str, Any]:
    """Return an answer as plain JSON, to be read again for a repeat of the request."""
    reasons = answer.reasons if isinstance(answer, Refusal) else ()
    noted = {
        "loan_id": loan_id,
        "done": not reasons,
        "reasons": [
            {"code": each.code, "detail": str(each), "facts": each.facts}
            for each in reasons
        ],
    }
    plain: dict[str, Any] = orjson.loads(orjson.dumps(noted))
    return plain


def _response(written: Written) -> Response:
    ids = [each["loan_id"] for each in written.noted if each["loan_id"]]
    found = Loan.objects.select_related("book", "copy").filter(id__in=ids)
    rows = {str(loan.id): loan for loan in found}
    results = [{**each, "loan": rows.get(each["loan_id"])} for each in written.noted]
    return written.response(AnswersShown({"results": results}).data)
