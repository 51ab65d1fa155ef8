"""Users, whom the admin may add and change, and a window on the members."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import QuerySet
from django.http import HttpRequest

from library.members import bounces
from library.members.models import Member, User
from outbox.context import acting
from outbox.windows import Window


class NewUserForm(AdminUserCreationForm):  # type: ignore[type-arg]
    """Django's, for our user; saving registers the member."""

    class Meta(AdminUserCreationForm.Meta):
        model = User
        fields = ("username", "email")


class UserForm(UserChangeForm):  # type: ignore[type-arg]
    """Django's, for our user."""

    class Meta(UserChangeForm.Meta):
        model = User


@admin.register(User)
class Users(UserAdmin):  # type: ignore[type-arg]
    """Who may log in. Nobody is deleted here: switch `active` off instead."""

    form = UserForm
    add_form = NewUserForm
    list_display = (
        "username",
        "email",
        "email_bounced_at",
        "last_name",
        "is_staff",
        "is_active",
    )
    list_filter = (*UserAdmin.list_filter, ("bounced_at", admin.EmptyFieldListFilter))
    actions = ("send_letters_again",)
    fieldsets = (
        *(UserAdmin.fieldsets or ()),
        ("Library", {"fields": ("card_barcode",)}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "email")}),
        (None, {"fields": ("usable_password", "password1", "password2")}),
    )

    def save_model(
        self, request: HttpRequest, obj: User, form: Any, change: bool
    ) -> None:
        """Save in the name of who is logged in."""
        with acting(actor=f"user:{request.user.pk}"):
            super().save_model(request, obj, form, change)

    @admin.action(
        description="Send letters to these addresses again", permissions=["change"]
    )
    def send_letters_again(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """Forget that the addresses bounced."""
        lifted = bounces.lift(list(users.values_list("id", flat=True)))
        self.message_user(request, f"{lifted} addresses get letters again.")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: deleting a user is more than deleting a row."""
        return False


@admin.register(Member)
class MemberWindow(Window):
    list_display = ["id", "category", "blocked", "expires_on", "registered_at"]
    list_filter = ["category", "language"]
    ordering = ["-registered_at", "id"]
