"""Branches over HTTP: everybody looks, librarians change."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from library.catalog import branches
from library.catalog.models import Branch
from library.catalog.refusals import UnknownBranch
from library.catalog.shapes import BranchDescription, BranchShown
from outbox.api import given
from outbox.api.versions import VersionedView
from outbox.api.views import ListView, StaffWrites
from outbox.api.writes import Made, Written, write


class Branches(ListView):
    """The houses of the library."""

    permission_classes = [StaffWrites]
    records_events = True

    @extend_schema(
        operation_id="list_branches",
        responses=BranchShown(many=True),
        tags=["branches"],
    )
    def get(self, request: Request) -> Response:
        """List the branches, by name."""
        given.query(request)
        return self.page(Branch.objects.order_by("name"), BranchShown)

    @extend_schema(
        operation_id="open_branch",
        request=BranchDescription,
        responses={201: BranchShown},
        tags=["branches"],
    )
    def post(self, request: Request) -> Response:
        """Open a branch."""
        said = given.body(request, BranchDescription)

        def act() -> Made:
            described = branches.describe_branch(now=timezone.now(), **said)
            return Made(described.branch_id)

        return _response(write(request, act, status=201))


class OneBranch(VersionedView):
    """One house of the library."""

    permission_classes = [StaffWrites]
    records_events = True
    stream = "branch:{branch_id}"

    @extend_schema(operation_id="get_branch", responses=BranchShown, tags=["branches"])
    def get(self, request: Request, branch_id: UUID) -> Response:
        """Show a branch."""
        branch = Branch.objects.filter(id=branch_id).first()
        if branch is None:
            raise UnknownBranch(branch_id)
        return Response(BranchShown(branch).data)

    @extend_schema(
        operation_id="describe_branch",
        request=BranchDescription,
        responses=BranchShown,
        tags=["branches"],
    )
    def put(self, request: Request, branch_id: UUID) -> Response:
        """Say all about a branch again: its name, time zone and closed days."""
        said = given.body(request, BranchDescription)

        def act() -> Made:
            branches.describe_branch(branch_id=branch_id, now=timezone.now(), **said)
            return Made(branch_id)

        return _response(write(request, act, expects=self.expects(request)))


def _response(written: Written) -> Response:
    return written.response(BranchShown(Branch.objects.get(id=written.id)).data)
