"""What the API of tokens and members takes and shows."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from library.members import rules
from outbox.api.given import Given

Text = serializers.CharField
KINDS = 100  # more letters than there are


class Category(serializers.RegexField):
    """A category of members: of everybody's, or one that the desk made."""

    def __init__(self, **options: Any) -> None:
        super().__init__(rf"^{rules.CATEGORY}\Z", **options)


class Credentials(Given):
    """User name and password."""

    username = Text(max_length=150)
    password = Text(max_length=128, trim_whitespace=False)


class TokenShown(serializers.Serializer[object]):
    """
    A token: send it as `Authorization: Token <token>`.

    It is shown once. A repeat of the same request says so in `note` instead.
    """

    token = Text(allow_null=True)
    note = Text(allow_blank=True)
    expires_at = serializers.DateTimeField(source="expiry", allow_null=True)
    member_id = serializers.UUIDField(source="user_id")


class MemberShown(serializers.Serializer[object]):
    """A member. Name and address are null for one who is no user any more."""

    id = serializers.UUIDField()
    username = Text(source="user.username", allow_null=True, default=None)
    first_name = Text(source="user.first_name", allow_null=True, default=None)
    last_name = Text(source="user.last_name", allow_null=True, default=None)
    email = Text(source="user.email", allow_null=True, default=None)
    email_bounced_at = serializers.DateTimeField(
        source="user.email_bounced_at",
        allow_null=True,
        default=None,
        help_text="Since when no letters are sent to the address, as nobody is there.",
    )
    card_barcode = Text(source="user.card_barcode", allow_null=True, default=None)
    is_librarian = serializers.BooleanField(source="user.is_staff", default=False)
    category = Text()
    keep_history = serializers.BooleanField(
        help_text="What was brought back long ago is not forgotten."
    )
    blocked = serializers.ListField(
        child=Text(), help_text="Why nothing more is lent, in codes; empty: it is."
    )
    expires_on = serializers.DateField(
        allow_null=True, help_text="The last day of the membership; null: no end."
    )
    language = Text()
    muted = serializers.ListField(child=Text())
    at_once = serializers.ListField(child=Text())
    registered_at = serializers.DateTimeField()
    erased_at = serializers.DateTimeField(allow_null=True)


class LetterKindShown(serializers.Serializer[object]):
    """A kind of letters, and what it is called in each language."""

    kind = Text()
    digest = serializers.BooleanField(
        help_text="Comes as a digest, unless it stands in `at_once`."
    )
    titles = serializers.DictField(child=Text())


class NewMember(Given):
    """Somebody to register. Without a password they cannot log in."""

    username = Text(max_length=150)
    email = serializers.EmailField(max_length=254, allow_blank=True, default="")
    password = Text(
        max_length=128, trim_whitespace=False, allow_null=True, default=None
    )
    first_name = Text(max_length=150, allow_blank=True, default="")
    last_name = Text(max_length=150, allow_blank=True, default="")
    card_barcode = Text(max_length=64, allow_null=True, default=None)
    category = Category(default="reader")
    language = serializers.ChoiceField(choices=rules.LANGUAGES, default="en")


class Preferences(Given):
    """What a member wishes; only librarians set the category."""

    language = serializers.ChoiceField(choices=rules.LANGUAGES, required=False)
    muted = serializers.ListField(
        child=Text(max_length=40), max_length=KINDS, required=False
    )
    at_once = serializers.ListField(
        child=Text(max_length=40),
        max_length=KINDS,
        required=False,
        help_text="Kinds of which each letter shall come by itself, not in a digest.",
    )
    keep_history = serializers.BooleanField(
        required=False,
        help_text="Keep what you borrowed; otherwise it is forgotten some time later.",
    )
    category = Category(required=False)


class Block(Given):
    """Why nothing more is lent to a member: a code, never words about a person."""

    reason = serializers.ChoiceField(choices=rules.BLOCKS)


class Unblock(Given):
    """Which reason is no more; left out: all of them."""

    reason = serializers.ChoiceField(choices=rules.BLOCKS, required=False)


class Extension(Given):
    """The last day of a membership; null: no end."""

    until = serializers.DateField(allow_null=True)


class CategoryShown(serializers.Serializer[object]):
    """A category of members that the desk made."""

    code = Text()
    name = Text()


class NewCategory(Given):
    """A category to make, or another name for one."""

    code = Category()
    name = Text(max_length=rules.LONGEST_NAME)
