"""
Users and members.

`User` is identity and credentials: the one table with personal data, and not
a fold. `Member` is what the library knows of the same person by its facts.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Upper
from django.utils import timezone

from library.members import registration
from library.members.events import UserRegistered
from library.members.refusals import UnknownMember
from library.members.rules import Membership
from outbox import gate
from outbox.folds import FoldedModel, FoldedQuerySet
from outbox.ids import new_id


class Users(UserManager["User"]):
    """Makes users one at a time: each has to be registered."""

    def bulk_create(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: it would make users who are no members."""
        raise TypeError("Users are registered one by one; call register_member().")


class User(AbstractUser):
    """
    Who somebody is, and how they log in.

    Adding one registers the member in the same transaction, whoever adds it:
    the desk, `createsuperuser`, or the admin's form.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    card_barcode = models.CharField(max_length=64, null=True, unique=True, blank=True)
    bounced_email = models.CharField(
        max_length=254, blank=True, default="", editable=False
    )
    bounced_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[Users] = Users()

    class Meta(AbstractUser.Meta):
        constraints = [
            # A bounce without an address, which would stop letters to nowhere for ever.
            models.CheckConstraint(
                condition=models.Q(bounced_at__isnull=True, bounced_email="")
                | (models.Q(bounced_at__isnull=False) & ~models.Q(bounced_email="")),
                name="members_user_bounced",
            ),
        ]
        # Who tells of a bounce knows the address alone.
        indexes = [models.Index(Upper("email"), name="members_user_email")]

    def clean(self) -> None:
        """Refuse what would break the head of a letter to this user."""
        super().clean()
        for field in ("username", "first_name", "last_name", "email"):
            if any(unicodedata.category(each) == "Cc" for each in getattr(self, field)):
                raise ValidationError(
                    {field: "It contains a control character. Type it in again."}
                )

    @property
    def email_bounced_at(self) -> datetime | None:
        """Since when letters are not sent to the address; None: they are."""
        return self.bounced_at if self.email == self.bounced_email else None

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save; a new user becomes a member at once."""
        if self._state.adding:
            self.enrol(*args, now=timezone.now(), **kwargs)
        else:
            super().save(*args, **kwargs)

    @transaction.atomic
    def enrol(
        self,
        *args: Any,
        now: datetime,
        category: str = "reader",
        language: str = "en",
        **kwargs: Any,
    ) -> UserRegistered:
        """Insert the user and record the registration, both or neither."""
        gate.enter()
        super().save(*args, **kwargs)
        return registration.register(
            member_id=self.id,
            now=now,
            category=category,
            language=language,
            made=Category.objects.codes(),
        )


class CategoryQuerySet(FoldedQuerySet["Category"]):
    """Questions about the categories that the desk made."""

    def codes(self) -> models.QuerySet[Any, str]:
        """Return their codes; they are asked for only where one is needed."""
        return self.values_list("code", flat=True)


class Category(FoldedModel):
    """A category of members that the desk made, beside those there always are."""

    code = models.CharField(primary_key=True, max_length=20)
    name = models.CharField(max_length=100)

    objects: ClassVar[CategoryQuerySet] = CategoryQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.code


class MemberQuerySet(FoldedQuerySet["Member"]):
    """Questions about members."""

    def lock(self, member_id: UUID) -> Member:
        """Return a member who was not erased, locked until the transaction ends."""
        found = self.locked(member_id)
        if found is None or found.erased_at is not None:
            raise UnknownMember(member_id)
        return found


class Member(FoldedModel):
    """Who borrows; has the id of the user, and outlives it without a name."""

    id = models.UUIDField(primary_key=True)
    category = models.CharField(max_length=20)
    language = models.CharField(max_length=8)
    muted = ArrayField(models.CharField(max_length=40), default=list)
    at_once = ArrayField(models.CharField(max_length=40), default=list)
    keep_history = models.BooleanField(default=False)
    blocked = ArrayField(models.CharField(max_length=20), default=list)
    expires_on = models.DateField(null=True)
    registered_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True)

    objects: ClassVar[MemberQuerySet] = MemberQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        # Asked for each new book: who of all members wants to hear of it at once?
        indexes = [GinIndex(fields=["at_once"], name="members_member_at_once")]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def membership(self) -> Membership:
        """Until when, and whether blocked."""
        return Membership(
            member_id=self.id, expires_on=self.expires_on, blocked=self.blocked
        )
