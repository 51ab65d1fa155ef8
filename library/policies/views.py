"""Policies over HTTP: librarians set them, everybody may ask which applies."""

from __future__ import annotations

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from library.policies import policies
from library.policies.models import Policy
from library.policies.shapes import (
    Explained,
    NewPolicy,
    PolicyQuestion,
    PolicyShown,
)
from outbox.api import given
from outbox.api.views import ApiView, ListView, StaffWrites
from outbox.api.writes import Made, write


class Policies(ListView):
    """What applies to loans and holds."""

    permission_classes = [StaffWrites]
    records_events = True

    @extend_schema(
        operation_id="list_policies",
        responses=PolicyShown(many=True),
        tags=["policies"],
    )
    def get(self, request: Request) -> Response:
        """List the policies, by name. Where none fits, the settings apply."""
        given.query(request)
        return self.page(Policy.objects.order_by("name", "id"), PolicyShown)

    @extend_schema(
        operation_id="set_policy",
        request=NewPolicy,
        responses=PolicyShown,
        tags=["policies"],
    )
    def post(self, request: Request) -> Response:
        """Say what applies to a branch, category and kind from now on."""
        said = given.body(request, NewPolicy)

        def act() -> Made:
            return Made(policies.set_policy(now=timezone.now(), **said).policy_id)

        written = write(request, act)
        return written.response(PolicyShown(Policy.objects.get(id=written.id)).data)


class Explain(ApiView):
    """Which policy applies, and why."""

    @extend_schema(
        operation_id="explain_policy",
        parameters=[PolicyQuestion],
        responses=Explained,
        tags=["policies"],
    )
    def get(self, request: Request) -> Response:
        """Show which policy applies to a loan, and which others would fit."""
        asked = given.query(request, PolicyQuestion)
        branch_id = asked.get("branch")
        fitting = policies.explain(branch_id, asked["category"], asked["kind"])
        answer = {
            "applies": policies.numbers_of(fitting[0])
            if fitting
            else policies.default(),
            "because": _because(fitting[0] if fitting else None),
            "also_fitting": fitting[1:],
        }
        return Response(Explained(answer).data)


def _because(policy: Policy | None) -> str:
    if policy is None:
        return "No policy fits, so the settings apply."
    said = {
        "branch": policy.branch_id,
        "category": policy.category,
        "kind": policy.kind,
    }
    named = " and ".join(name for name, value in said.items() if value)
    return f"It names the {named}." if named else "It fits every loan."
