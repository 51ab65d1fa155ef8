"""Membership over HTTP, for librarians: blocks, the last day, categories."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from library.members import categories, membership
from library.members.models import Category
from library.members.shapes import (
    Block,
    CategoryShown,
    Extension,
    MemberShown,
    NewCategory,
    Unblock,
)
from library.members.views import shown
from outbox.api import given
from outbox.api.versions import VersionedView
from outbox.api.views import ListView, StaffWrites
from outbox.api.writes import Made, write


class BlockMember(VersionedView):
    """A reason to lend a member nothing more."""

    permission_classes = [IsAdminUser]
    records_events = True
    stream = "member:{member_id}"

    @extend_schema(
        operation_id="block_member",
        request=Block,
        responses=MemberShown,
        tags=["members"],
    )
    def post(self, request: Request, member_id: UUID) -> Response:
        """Lend a member nothing more."""
        said = given.body(request, Block)

        def act() -> Made:
            membership.block_member(member_id=member_id, now=timezone.now(), **said)
            return Made(member_id)

        written = write(request, act, expects=self.expects(request))
        return written.response(shown(member_id))


class UnblockMember(VersionedView):
    """The end of a block."""

    permission_classes = [IsAdminUser]
    records_events = True
    stream = "member:{member_id}"

    @extend_schema(
        operation_id="unblock_member",
        request=Unblock,
        responses=MemberShown,
        tags=["members"],
    )
    def post(self, request: Request, member_id: UUID) -> Response:
        """Lift one reason, or all of them."""
        said = given.body(request, Unblock)

        def act() -> Made:
            membership.unblock_member(member_id=member_id, now=timezone.now(), **said)
            return Made(member_id)

        written = write(request, act, expects=self.expects(request))
        return written.response(shown(member_id))


class ExtendMembership(VersionedView):
    """The last day of a membership."""

    permission_classes = [IsAdminUser]
    records_events = True
    stream = "member:{member_id}"

    @extend_schema(
        operation_id="extend_membership",
        request=Extension,
        responses=MemberShown,
        tags=["members"],
    )
    def post(self, request: Request, member_id: UUID) -> Response:
        """Say until when somebody is a member; loans keep their due dates."""
        said = given.body(request, Extension)

        def act() -> Made:
            membership.extend_membership(
                member_id=member_id, now=timezone.now(), **said
            )
            return Made(member_id)

        written = write(request, act, expects=self.expects(request))
        return written.response(shown(member_id))


class Categories(ListView):
    """The categories of members that the desk made."""

    permission_classes = [StaffWrites]
    records_events = True

    @extend_schema(
        operation_id="list_categories",
        responses=CategoryShown(many=True),
        tags=["members"],
    )
    def get(self, request: Request) -> Response:
        """List those beside reader, student, researcher and staff, by code."""
        given.query(request)
        return self.page(Category.objects.order_by("code"), CategoryShown)

    @extend_schema(
        operation_id="describe_category",
        request=NewCategory,
        responses=CategoryShown,
        tags=["members"],
    )
    def post(self, request: Request) -> Response:
        """Make a category, or give one another name."""
        said = given.body(request, NewCategory)

        def act() -> Made:
            described = categories.describe_category(now=timezone.now(), **said)
            return Made(described.code)

        written = write(request, act)
        category = Category.objects.get(code=written.id)
        return written.response(CategoryShown(category).data)
