from __future__ import annotations

from uuid import uuid4

import pytest
from django.core.management import call_command

from library.members import names, users
from library.members.models import Member, User
from library.members.preferences import change_preferences
from library.members.refusals import InvalidMember, UnknownMember, UsernameTaken
from outbox.models import Event
from tests.threads import at_once


def test_every_user_has_a_profile_however_made(db, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct horse battery")
    call_command(
        "createsuperuser", username="boss", email="b@example.org", interactive=False
    )
    User.objects.create_user("reader")
    User(username="form").save()

    assert Member.objects.count() == User.objects.count() == 3
    assert set(Member.objects.values_list("id")) == set(User.objects.values_list("id"))
    assert Event.objects.filter(type="user.registered").count() == 3


def test_saving_a_user_again_registers_nobody(db):
    user = User.objects.create_user("reader")
    user.email = "new@example.org"
    user.save()

    assert Event.objects.count() == 1


def test_users_are_not_made_in_bulk(db):
    with pytest.raises(TypeError, match="one by one"):
        User.objects.bulk_create([User(username="a")])


def test_no_personal_datum_is_in_the_log_or_the_outbox(db, now):
    users.register_member(
        username="xayrulla",
        email="secret@example.org",
        first_name="Xayrulla",
        last_name="Karimov",
        card_barcode="CARD-77",
        now=now,
    )

    row = Event.objects.values().get()
    assert not any(
        word in str(row) for word in ("xayrulla", "secret@", "Karimov", "CARD-77")
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "no address"},
        {"username": ""},
        {"username": "x" * 151},
        {"username": "a b"},
        {"category": "wizard"},
        {"language": "tlh"},
        {"password": "12345678"},
    ],
)
def test_a_member_whose_data_cannot_be_right_is_refused(db, now, wrong):
    given = {"username": "r", "email": "r@example.org", "now": now, **wrong}

    with pytest.raises(InvalidMember):
        users.register_member(**given)

    assert not User.objects.exists()
    assert not Event.objects.exists()


def test_a_user_name_is_given_once(db, a_member):
    a_member(username="same")

    with pytest.raises(UsernameTaken):
        a_member(username="same")


def test_two_at_once_under_one_name_make_one_member(committed_db, now):
    answers = at_once(
        4, lambda n: users.register_member(username="same", email="", now=now)
    )

    codes = [getattr(answer, "code", "registered") for answer in answers]
    assert sorted(codes) == ["registered"] + ["username_taken"] * 3


def test_preferences_that_are_not_named_stay(db, a_member, now):
    member_id = a_member()
    change_preferences(member_id=member_id, language="uz", now=now)
    change_preferences(member_id=member_id, muted=["loan_receipt"], now=now)

    member = Member.objects.get()
    assert (member.language, member.muted, member.category) == (
        "uz",
        ["loan_receipt"],
        "reader",
    )


@pytest.mark.parametrize("wrong", [{"language": "xx"}, {"muted": ["no such letter"]}])
def test_preferences_there_are_not_are_refused(db, a_member, now, wrong):
    with pytest.raises(InvalidMember):
        change_preferences(member_id=a_member(), now=now, **wrong)


def test_an_unknown_member_has_no_preferences(db, now):
    with pytest.raises(UnknownMember):
        change_preferences(member_id=uuid4(), language="uz", now=now)


def test_the_first_librarian_is_made_once(db):
    name, password = users.create_first_librarian()

    assert User.objects.get().check_password(password)
    assert User.objects.get().username == name
    assert users.create_first_librarian() is None


def test_names_are_joined_at_the_moment_of_reading(db, a_member):
    member_id = a_member(username="reader", first_name="Nodira", last_name="Aliyeva")

    assert names.of([member_id, uuid4()]) == {member_id: "Nodira Aliyeva"}


@pytest.mark.parametrize("field", ["username", "first_name", "last_name", "email"])
def test_nobody_is_registered_who_would_break_the_head_of_a_letter(db, a_member, field):
    with pytest.raises(InvalidMember) as refusal:
        a_member(**{field: "aziza\nBcc: all@example.org"})

    assert refusal.value.facts["field"] == field
    assert not Event.objects.exists()
