"""Pages for members who are not logged in: they hold a letter of ours."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from library.members import preferences, unsubscribing
from library.members.models import Member
from library.members.refusals import UnknownLink
from library.members.unsubscribing import Wish
from outbox.channels import letters
from outbox.context import acting


class AlwaysHtml(BaseContentNegotiation):
    """Answers with a page, whatever a mail program says that it accepts."""

    def select_parser(self, request: Any, parsers: Any) -> Any:
        """Return the first: the body is not looked at."""
        return parsers[0]

    def select_renderer(self, request: Any, renderers: Any, *args: Any) -> Any:
        """Return the first, which is the only one."""
        return renderers[0], renderers[0].media_type


class Unsubscribe(APIView):
    """
    No more letters of one kind, by the link in one of them (RFC 8058).

    Looking changes nothing, since programs follow the links of letters, too. Only
    a POST does: by the button of the page, or at one click in a mail program. The
    link itself says who may, so there are no cookies, and no redirects.
    """

    authentication_classes = []
    permission_classes = [AllowAny]
    renderer_classes = [TemplateHTMLRenderer]
    content_negotiation_class = AlwaysHtml

    @extend_schema(exclude=True)
    def get(self, request: Request, token: str) -> Response:
        """Show the button."""
        return _page(unsubscribing.read(token))

    @extend_schema(exclude=True)
    def post(self, request: Request, token: str) -> Response:
        """Send no more of these letters."""
        wish = unsubscribing.read(token)
        with acting(actor=f"user:{wish.member_id}"):
            preferences.mute(
                member_id=wish.member_id, kind=wish.kind, now=timezone.now()
            )
        return _page(wish)


def _page(wish: Wish) -> Response:
    member = Member.objects.filter(id=wish.member_id).first()
    if member is None:
        raise UnknownLink
    shown = {
        "language": member.language,
        "letters": letters.titles().get(wish.kind, {}).get(member.language, wish.kind),
        "done": wish.kind in member.muted,
    }
    return Response(
        shown,
        template_name="unsubscribe.html",
        headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"},
    )
