from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.hashers import make_password
from django.utils import timezone
from knox.models import AuthToken

from library.members import bounces
from library.members.models import Member, User
from outbox.models import Event
from tests.api.conftest import Client
from tests.api.problems import problem

PASSWORD = "oltin-baliq-7"


@pytest.fixture(autouse=True)
def _fast_hashes(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def zulfiya(a_member):
    return a_member(username="zulfiya", password=PASSWORD)


def credentials(password=PASSWORD):
    return {"username": "zulfiya", "password": password}


class TestTokens:
    def test_a_name_and_a_password_get_a_token_that_works(self, anonymous, zulfiya):
        made = anonymous.post("/api/v1/tokens/", credentials())

        assert made.status_code == 201
        assert made.json()["member_id"] == str(zulfiya)
        anonymous.credentials(HTTP_AUTHORIZATION=f"Token {made.json()['token']}")
        assert anonymous.get("/api/v1/members/me/").json()["id"] == str(zulfiya)

    @pytest.mark.parametrize("username", ["zulfiya", "nobody"])
    def test_a_wrong_password_gets_none(self, anonymous, zulfiya, username):
        given = {"username": username, "password": "wrong"}

        answer = anonymous.post("/api/v1/tokens/", given)

        problem(answer, 401, "wrong_credentials")
        assert answer["WWW-Authenticate"] == "Token"
        assert not AuthToken.objects.exists()

    def test_logging_out_ends_the_token_and_no_other(self, db, a_reader):
        reader = a_reader()
        elsewhere = Client(reader.member_id)

        assert reader.delete("/api/v1/tokens/").status_code == 204

        problem(reader.get("/api/v1/members/me/"), 401, "authentication_failed")
        assert elsewhere.get("/api/v1/members/me/").status_code == 200

    def test_an_expired_token_ends(self, reader):
        AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))

        problem(reader.get("/api/v1/members/me/"), 401, "authentication_failed")
        assert not AuthToken.objects.exists()

    def test_a_member_who_is_switched_off_is_out(self, reader):
        User.objects.filter(id=reader.member_id).update(is_active=False)

        problem(reader.get("/api/v1/members/me/"), 401, "authentication_failed")

    def test_a_repeat_does_not_show_the_token_again(self, anonymous, zulfiya):
        first = anonymous.keyed("/api/v1/tokens/", credentials(), "k1")
        again = anonymous.keyed("/api/v1/tokens/", credentials(), "k1")

        assert first.json()["token"]
        assert first.json()["note"] == ""
        assert (again.status_code, again.json()["token"]) == (201, None)
        assert "once" in again.json()["note"]
        assert again.json()["expires_at"] == first.json()["expires_at"]
        assert AuthToken.objects.count() == 1

    def test_a_repeat_after_logging_out_brings_no_token_back(self, anonymous, zulfiya):
        anonymous.keyed("/api/v1/tokens/", credentials(), "k1")
        AuthToken.objects.all().delete()

        again = anonymous.keyed("/api/v1/tokens/", credentials(), "k1")

        assert again.status_code == 201
        assert (again.json()["token"], again.json()["expires_at"]) == (None, None)

    def test_guessing_is_slowed_down(self, anonymous, zulfiya):
        for _ in range(10):
            anonymous.post("/api/v1/tokens/", credentials("wrong"))

        answer = anonymous.post("/api/v1/tokens/", credentials())

        problem(answer, 429, "throttled")
        assert int(answer["Retry-After"]) > 0

    def test_a_header_of_their_own_makes_nobody_another(self, anonymous, zulfiya):
        for number in range(11):
            answer = anonymous.post(
                "/api/v1/tokens/",
                credentials("wrong"),
                headers={"X-Forwarded-For": f"203.0.113.{number}"},
            )

        problem(answer, 429, "throttled")

    @pytest.mark.parametrize(
        "header", ["Token ", "Token a b", "Token é", "Token \x80", "Token " + "a" * 999]
    )
    def test_what_cannot_be_a_token_is_none(self, anonymous, header):
        anonymous.credentials(HTTP_AUTHORIZATION=header)

        answer = anonymous.get("/api/v1/members/me/")

        problem(answer, 401, "authentication_failed")


class TestSessions:
    def test_a_browser_logs_in_by_its_session(self, anonymous, zulfiya):
        anonymous.force_login(User.objects.get(id=zulfiya))

        assert anonymous.get("/api/v1/members/me/").json()["id"] == str(zulfiya)

    def test_a_form_on_another_site_can_do_nothing(self, anonymous, zulfiya):
        client = Client()
        client.handler.enforce_csrf_checks = True
        client.force_login(User.objects.get(id=zulfiya))

        answer = client.patch("/api/v1/members/me/", {"language": "uz"})

        problem(answer, 403, "permission_denied")
        assert Member.objects.get(id=zulfiya).language == "en"


class TestMembers:
    def test_a_librarian_registers_somebody_who_can_log_in(self, librarian, anonymous):
        given = {
            "username": "zulfiya",
            "email": "zulfiya@example.org",
            "password": PASSWORD,
            "first_name": "Zulfiya",
            "card_barcode": "M1",
            "category": "student",
            "language": "uz",
        }

        made = librarian.post("/api/v1/members/", given)

        assert made.status_code == 201
        del given["password"]
        assert made.json().items() >= given.items()
        assert "password" not in made.json()
        event = Event.objects.get(id=made["Consistency-Token"])
        assert event.type == "user.registered"
        assert PASSWORD not in str(event.data)
        assert anonymous.post("/api/v1/tokens/", credentials()).status_code == 201

    def test_somebody_without_a_password_cannot_log_in(self, librarian, anonymous):
        librarian.post("/api/v1/members/", {"username": "zulfiya"})

        answer = anonymous.post("/api/v1/tokens/", credentials(""))

        problem(answer, 400, "validation_error")
        assert not User.objects.get(username="zulfiya").has_usable_password()

    @pytest.mark.parametrize(
        ("change", "code", "field"),
        [
            ({"username": "a b"}, "invalid_member", "username"),
            ({"password": "12345678"}, "invalid_member", "password"),
            ({"card_barcode": "M1"}, "invalid_member", "card_barcode"),
        ],
    )
    def test_who_cannot_be_is_refused(self, librarian, a_member, change, code, field):
        a_member(card_barcode="M1")

        answer = librarian.post("/api/v1/members/", {"username": "zulfiya"} | change)

        found = problem(answer, 400, code)
        assert [error["field"] for error in found["errors"]] == [field]
        assert not User.objects.filter(username="zulfiya").exists()

    def test_a_name_that_is_taken_is_refused(self, librarian, zulfiya):
        answer = librarian.post("/api/v1/members/", {"username": "zulfiya"})

        problem(answer, 409, "username_taken")

    def test_many_have_no_card(self, librarian):
        for name in ("bir", "ikki"):
            given = {"username": name, "card_barcode": None}
            assert librarian.post("/api/v1/members/", given).status_code == 201

    def test_a_reader_sees_himself_and_nobody_else(self, reader, a_member):
        mine = reader.get(f"/api/v1/members/{reader.member_id}/")

        assert mine.json() == reader.get("/api/v1/members/me/").json()
        problem(reader.get(f"/api/v1/members/{a_member()}/"), 404, "unknown_member")
        problem(reader.get("/api/v1/members/"), 403, "permission_denied")

    def test_a_librarian_sees_everybody(self, librarian, reader):
        listed = librarian.get("/api/v1/members/").json()["results"]

        ids = {str(librarian.member_id), str(reader.member_id)}
        assert {member["id"] for member in listed} == ids
        one = librarian.get(f"/api/v1/members/{reader.member_id}/").json()
        assert one["username"] == User.objects.get(id=reader.member_id).username
        assert one["is_librarian"] is False
        problem(librarian.get(f"/api/v1/members/{uuid4()}/"), 404, "unknown_member")

    def test_a_member_outlives_the_name(self, librarian, reader):
        User.objects.filter(id=reader.member_id).delete()

        one = librarian.get(f"/api/v1/members/{reader.member_id}/").json()

        assert (one["username"], one["email"]) == (None, None)
        assert one["category"] == "reader"

    @pytest.mark.parametrize("path", ["me", "{id}"])
    def test_a_reader_changes_what_he_wishes(self, reader, path):
        path = path.format(id=reader.member_id)

        answer = reader.patch(f"/api/v1/members/{path}/", {"language": "uz"})

        assert (answer.status_code, answer.json()["language"]) == (200, "uz")
        event = Event.objects.get(id=answer["Consistency-Token"])
        assert event.type == "user.updated"

    def test_a_letter_that_is_muted_is_named(self, reader):
        found = reader.patch("/api/v1/members/me/", {"muted": ["no_such_letter"]})

        problem(found, 400, "invalid_member")

    def test_a_reader_does_not_set_the_category(self, reader, librarian):
        change = {"category": "researcher"}

        problem(reader.patch("/api/v1/members/me/", change), 403, "permission_denied")
        by_desk = librarian.patch(f"/api/v1/members/{reader.member_id}/", change)
        assert by_desk.json()["category"] == "researcher"

    def test_a_reader_does_not_change_others(self, reader, a_member):
        answer = reader.patch(f"/api/v1/members/{a_member()}/", {"language": "uz"})

        problem(answer, 404, "unknown_member")


def test_a_password_is_taken_as_it_is(anonymous, zulfiya):
    User.objects.filter(id=zulfiya).update(password=make_password(f" {PASSWORD} "))

    made = anonymous.post("/api/v1/tokens/", credentials(f" {PASSWORD} "))

    assert made.status_code == 201


def test_the_kinds_of_letters_are_listed_with_their_titles(reader):
    listed = reader.get("/api/v1/members/letter-kinds/").json()

    kinds = {each["kind"]: each["titles"] for each in listed}
    assert "loan_receipt" in kinds
    assert "welcome" not in kinds  # nobody may do without it
    assert all(set(titles) == {"en", "uz"} for titles in kinds.values())
    answer = reader.patch("/api/v1/members/me/", {"muted": sorted(kinds)})
    assert answer.json()["muted"] == sorted(kinds)


def test_the_desk_sees_whose_address_bounced(librarian, reader, now):
    path = f"/api/v1/members/{reader.member_id}/"
    before = librarian.get(path).json()["email_bounced_at"]
    bounces.bounced(email=User.objects.get(id=reader.member_id).email, now=now)

    after = librarian.get(path).json()["email_bounced_at"]

    assert (before, after) == (None, "2026-03-02T10:00:00Z")


def test_a_reader_is_erased_and_the_token_is_worth_nothing(reader, librarian):
    path = f"/api/v1/members/{reader.member_id}/"

    erased = reader.delete(path)

    assert erased.status_code == 204
    assert reader.get("/api/v1/members/me/").status_code == 401
    shown = librarian.get(path).json()
    assert shown["username"] is None
    assert shown["erased_at"]
    problem(librarian.delete(path), 404, "unknown_member")


def test_a_reader_erases_nobody_else(reader, a_member):
    problem(reader.delete(f"/api/v1/members/{a_member()}/"), 404, "unknown_member")


def test_erasing_is_refused_with_what_stands_in_the_way(librarian, a_loan):
    loan = a_loan()

    answer = librarian.delete(f"/api/v1/members/{loan.member_id}/")

    facts = problem(answer, 409, "still_in_use")["facts"]
    assert facts["blockers"] == [str(loan.loan_id)]


def test_a_librarian_blocks_extends_and_lifts(librarian, reader, a_copy):
    path = f"/api/v1/members/{reader.member_id}/"

    blocked = librarian.post(f"{path}block/", {"reason": "fees"})
    refused = reader.post("/api/v1/loans/", {"copy_id": a_copy()})
    lifted = librarian.post(f"{path}unblock/", {})
    extended = librarian.post(f"{path}extend/", {"until": "2099-12-31"})

    assert (blocked.status_code, blocked.json()["blocked"]) == (200, ["fees"])
    problem(refused, 409, "member_blocked")
    assert lifted.json()["blocked"] == []
    assert extended.json()["expires_on"] == "2099-12-31"
    assert reader.get("/api/v1/members/me/").json()["expires_on"] == "2099-12-31"


def test_a_block_needs_a_reason_there_is(librarian, reader):
    path = f"/api/v1/members/{reader.member_id}/block/"

    assert librarian.post(path, {"reason": "He shouts."}).status_code == 400
    librarian.post(path, {"reason": "conduct"})
    problem(librarian.post(path, {"reason": "conduct"}), 409, "already_blocked")


def test_a_block_of_what_somebody_changed_meanwhile_is_stale(librarian, reader):
    path = f"/api/v1/members/{reader.member_id}/"
    seen = librarian.get(path)["ETag"]
    librarian.patch(path, {"language": "uz"})

    answer = librarian.post(
        f"{path}block/", {"reason": "fees"}, headers={"If-Match": seen}
    )

    problem(answer, 412, "stale_version")


def test_a_librarian_makes_a_category_that_readers_may_see(librarian, reader):
    made = librarian.post("/api/v1/categories/", {"code": "teacher", "name": "T"})
    path = f"/api/v1/members/{reader.member_id}/"
    changed = librarian.patch(path, {"category": "teacher"})
    unknown = librarian.patch(path, {"category": "wizard"})

    assert (made.status_code, made.json()) == (200, {"code": "teacher", "name": "T"})
    assert reader.get("/api/v1/categories/").json()["results"] == [made.json()]
    assert changed.json()["category"] == "teacher"
    problem(unknown, 400, "invalid_member")


def test_a_reader_wishes_that_his_history_is_kept(reader):
    before = reader.get("/api/v1/members/me/").json()
    after = reader.patch("/api/v1/members/me/", {"keep_history": True}).json()

    assert (before["keep_history"], after["keep_history"]) == (False, True)
