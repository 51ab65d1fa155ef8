"""Register members at the desk, and the first librarian at the first start."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from library.members.events import UserRegistered
from library.members.models import User
from library.members.refusals import InvalidMember, UsernameTaken

FIRST_LIBRARIAN = "librarian"


@transaction.atomic
def register_member(
    *,
    username: str,
    email: str,
    now: datetime,
    password: str | None = None,
    first_name: str = "",
    last_name: str = "",
    card_barcode: str | None = None,
    category: str = "reader",
    language: str = "en",
) -> UserRegistered:
    """
    Make somebody a user and a member. Without a password they cannot log in.

    Raises InvalidMember for values that cannot be right, and UsernameTaken.
    """
    user = User(
        username=username.strip(),
        email=email.strip(),
        first_name=first_name.strip(),
        last_name=last_name.strip(),
        card_barcode=card_barcode,
    )
    _set_password(user, password)
    _check(user)
    try:
        with transaction.atomic():
            return user.enrol(now=now, category=category, language=language)
    except IntegrityError:
        _check(user)  # another was first, and is there to be seen now
        raise


@transaction.atomic
def create_first_librarian() -> tuple[str, str] | None:
    """Make the first librarian; return name and password, or None if there is staff."""
    if User.objects.filter(is_staff=True).exists():
        return None
    password = secrets.token_urlsafe(16)
    user = User(username=FIRST_LIBRARIAN, is_staff=True, is_superuser=True)
    user.set_password(password)
    user.enrol(now=timezone.now())
    return FIRST_LIBRARIAN, password


def _set_password(user: User, password: str | None) -> None:
    if password is None:
        user.set_unusable_password()
        return
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidMember(" ".join(error.messages), field="password") from None
    user.set_password(password)


def _check(user: User) -> None:
    _check_is_free(user)
    try:
        user.full_clean()
    except ValidationError as error:
        _check_is_free(user)  # it may have been taken this very moment
        field, messages = next(iter(error.message_dict.items()))
        raise InvalidMember(f"{field}: {' '.join(messages)}", field=field) from None


def _check_is_free(user: User) -> None:
    if User.objects.filter(username=user.username).exists():
        raise UsernameTaken
