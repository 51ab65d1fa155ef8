"""Members over HTTP: a reader sees and changes himself, a librarian everybody."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import IsAdminUser
from rest_framework.request import Request
from rest_framework.response import Response

from library.members import erasing, preferences, users
from library.members.models import Member, User
from library.members.refusals import UnknownMember
from library.members.shapes import LetterKindShown, MemberShown, NewMember, Preferences
from outbox.api import given
from outbox.api.versions import VersionedView
from outbox.api.views import ApiView, ListView, user_id
from outbox.api.writes import Made, write
from outbox.channels import letters


class Members(ListView):
    """The members, for librarians."""

    permission_classes = [IsAdminUser]
    records_events = True

    @extend_schema(
        operation_id="list_members",
        responses=MemberShown(many=True),
        tags=["members"],
    )
    def get(self, request: Request) -> Response:
        """List the members, those who came first first."""
        given.query(request)
        rows = Member.objects.order_by("registered_at", "id")
        return self.page(rows, MemberShown, with_users)

    @extend_schema(
        operation_id="register_member",
        request=NewMember,
        responses={201: MemberShown},
        tags=["members"],
    )
    def post(self, request: Request) -> Response:
        """Make somebody a user and a member."""
        said = given.body(request, NewMember)

        def act() -> Made:
            registered = users.register_member(now=timezone.now(), **said)
            return Made(registered.member_id)

        written = write(request, act, status=201)
        return written.response(shown(UUID(written.id)))


class OneMember(VersionedView):
    """One member: oneself, or for librarians anybody."""

    records_events = True
    stream = "member:{member_id}"

    @extend_schema(operation_id="get_member", responses=MemberShown, tags=["members"])
    def get(self, request: Request, member_id: UUID) -> Response:
        """Show a member."""
        _check_own(request, member_id)
        return Response(shown(member_id))

    @extend_schema(
        operation_id="change_preferences",
        request=Preferences,
        responses=MemberShown,
        tags=["members"],
    )
    def patch(self, request: Request, member_id: UUID) -> Response:
        """Change what a member wishes."""
        return _change(request, member_id, self.expects(request))

    @extend_schema(operation_id="erase_member", responses={204: None}, tags=["members"])
    def delete(self, request: Request, member_id: UUID) -> Response:
        """Forget who a member is, for ever; loans and holds have to be over."""
        _check_own(request, member_id)

        def act() -> Made:
            erasing.erase_member(member_id=member_id, now=timezone.now())
            return Made(member_id)

        return write(request, act, status=204, expects=self.expects(request)).response()


class LetterKinds(ApiView):
    """The kinds of letters that a member may do without."""

    @extend_schema(
        operation_id="list_letter_kinds",
        responses=LetterKindShown(many=True),
        tags=["members"],
    )
    def get(self, request: Request) -> Response:
        """List what may stand in `muted`, and which of it in `at_once`."""
        given.query(request)
        kinds = [
            {
                "kind": kind,
                "titles": titles,
                "digest": kind in letters.digest_kinds(),
            }
            for kind, titles in sorted(letters.titles().items())
        ]
        return Response(LetterKindShown(kinds, many=True).data)


class Me(ApiView):
    """The member who asks."""

    records_events = True

    @extend_schema(operation_id="get_me", responses=MemberShown, tags=["members"])
    def get(self, request: Request) -> Response:
        """Show yourself."""
        return Response(shown(user_id(request)))

    @extend_schema(
        operation_id="change_my_preferences",
        request=Preferences,
        responses=MemberShown,
        tags=["members"],
    )
    def patch(self, request: Request) -> Response:
        """Change what you wish."""
        return _change(request, user_id(request), {})


def shown(member_id: UUID) -> object:
    """Return a member as the API shows one; raise UnknownMember."""
    member = Member.objects.filter(id=member_id).first()
    if member is None:
        raise UnknownMember(member_id)
    return MemberShown(with_users([member])[0]).data


def with_users(members: Iterable[Member]) -> list[Member]:
    """Join each member with the user, who may be gone, by one query."""
    found = list(members)
    known = User.objects.in_bulk([member.id for member in found])
    for member in found:
        member.user = known.get(member.id)  # type: ignore[attr-defined]
    return found


def _change(request: Request, member_id: UUID, expects: dict[str, int]) -> Response:
    _check_own(request, member_id)
    said = given.body(request, Preferences, partial=True)
    if "category" in said and not request.user.is_staff:
        raise PermissionDenied("Only librarians change a member's category.")

    def act() -> Made:
        preferences.change_preferences(member_id=member_id, now=timezone.now(), **said)
        return Made(member_id)

    return write(request, act, expects=expects).response(shown(member_id))


def _check_own(request: Request, member_id: UUID) -> None:
    # Not 403: a reader does not learn which ids there are.
    if member_id != user_id(request) and not request.user.is_staff:
        raise UnknownMember(member_id)
