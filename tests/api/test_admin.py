"""The admin: windows on what facts add up to, and the users."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse
from knox.models import AuthToken

from library.members import bounces
from library.members.models import Member, User
from outbox import sequencer
from outbox.channels.webhooks import endpoints, rotation
from outbox.models import Attempt, Delivery, Event

WRITTEN = {User, Group, AuthToken}


@pytest.fixture
def desk(client, db, a_member):
    """A browser with a superuser in it."""
    user = User.objects.get(id=a_member())
    User.objects.filter(id=user.id).update(is_staff=True, is_superuser=True)
    client.force_login(user)
    user.refresh_from_db()
    client.user = user
    return client


@pytest.fixture
def everything(desk, a_loan):
    """Something in every table."""
    endpoint, _ = endpoints.create(
        owner=desk.user, url="https://example.org/", event_types=["book.*"]
    )
    a_loan()
    sequencer.sequence_all()
    Attempt.objects.create(
        delivery=Delivery.objects.first(), claim=1, outcome="x", worker="w"
    )
    return endpoint


WINDOWS = sorted(
    (model for model in admin.site._registry if model not in WRITTEN),
    key=lambda model: model._meta.label,
)


def test_there_is_a_window_on_every_table():
    labels = {model._meta.label_lower for model in WINDOWS}

    assert labels >= {
        "catalog.book",
        "catalog.copy",
        "members.member",
        "lending.loan",
        "outbox.event",
        "outbox.delivery",
        "outbox.attempt",
        "outbox.webhookendpoint",
        "django_outbox_pattern.published",
        "django_outbox_pattern.received",
    }


@pytest.mark.parametrize("model", WINDOWS, ids=lambda model: model._meta.label)
def test_a_window_shows_and_does_not_write(desk, everything, model):
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    row = model.objects.first()

    assert desk.get(reverse(f"{name}_changelist")).status_code == 200
    assert desk.get(reverse(f"{name}_add")).status_code == 403
    if row is None:  # nothing comes in from outside yet
        return
    shown = desk.get(reverse(f"{name}_change", args=[row.pk]))
    assert shown.status_code == 200
    assert b'name="_save"' not in shown.content
    assert desk.post(reverse(f"{name}_change", args=[row.pk]), {}).status_code == 403
    delete = reverse(f"{name}_delete", args=[row.pk])
    assert desk.post(delete, {"post": "yes"}).status_code == 403
    assert model.objects.filter(pk=row.pk).exists()


def test_a_search_is_answered(desk, everything):
    for model in WINDOWS:
        if admin.site._registry[model].search_fields:
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
            assert desk.get(reverse(name), {"q": "a b"}).status_code == 200


def test_the_secret_of_an_endpoint_is_never_shown(desk, everything):
    secret = everything.secrets.get()

    for row in (everything, secret):
        name = f"admin:outbox_{row._meta.model_name}_change"
        page = desk.get(reverse(name, args=[row.pk]))
        assert b"sealed" not in page.content
        assert rotation.secrets_of(everything)[0] not in str(page.content)


def test_a_user_who_is_added_is_a_member(desk):
    given = {
        "username": "zulfiya",
        "email": "zulfiya@example.org",
        "usable_password": "true",
        "password1": "oltin-baliq-7",
        "password2": "oltin-baliq-7",
    }

    answer = desk.post(reverse("admin:members_user_add"), given)

    assert answer.status_code == 302, answer.context["adminform"].form.errors
    user = User.objects.get(username="zulfiya")
    assert user.check_password("oltin-baliq-7")
    assert Member.objects.filter(id=user.id).exists()
    event = Event.objects.get(stream=f"member:{user.id}")
    assert event.metadata["actor"] == f"user:{desk.user.id}"


def test_a_user_is_changed_and_never_deleted(desk, a_member):
    a_member(card_barcode="M1")
    for member_id in (a_member(), a_member()):  # two without a card
        user = User.objects.get(id=member_id)
        path = reverse("admin:members_user_change", args=[member_id])
        given = {
            "username": user.username,
            "first_name": "Zulfiya",
            "card_barcode": "",
            "is_active": "on",
            "date_joined_0": "2026-03-02",
            "date_joined_1": "10:00:00",
        }

        answer = desk.post(path, given)

        assert answer.status_code == 302, answer.context["adminform"].form.errors
        user.refresh_from_db()
        assert (user.first_name, user.card_barcode) == ("Zulfiya", None)
    delete = reverse("admin:members_user_delete", args=[member_id])
    assert desk.post(delete, {"post": "yes"}).status_code == 403


def test_the_desk_sends_letters_to_an_address_again(desk, a_member, now):
    member_id = a_member(email="back@example.org")
    bounces.bounced(email="back@example.org", now=now)
    chosen = {"action": "send_letters_again", "_selected_action": [member_id]}

    desk.post(reverse("admin:members_user_changelist"), chosen)

    assert User.objects.get(id=member_id).email_bounced_at is None
