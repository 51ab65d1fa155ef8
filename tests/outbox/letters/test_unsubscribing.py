"""No more letters of a kind, at one click, by whoever holds one of them."""

from __future__ import annotations

import re

import pytest
from rest_framework.test import APIClient

from library.members import preferences, unsubscribing
from library.members.models import Member
from outbox.channels import letters
from outbox.models import Event


@pytest.fixture
def browser(db):
    """Anybody: without a login, and as strict about forms as a server is."""
    return APIClient(enforce_csrf_checks=True, raise_request_exception=False)


@pytest.fixture
def member_id(db, a_member):
    return a_member()


def path_of(message):
    """Return where the head of a message says that one unsubscribes."""
    (url,) = re.findall(r"<http://127\.0\.0\.1:8000(\S+)>", message["List-Unsubscribe"])
    return url


def link_for(member_id, kind="loan_receipt"):
    """Return the path of a link of ours."""
    return unsubscribing.url(str(member_id), kind).partition(":8000")[2]


def muted(member_id):
    """Return what a member does not want."""
    return Member.objects.get(id=member_id).muted


def test_one_click_in_a_letter_ends_letters_of_its_kind(
    receipt, deliver, post_office, browser
):
    child = receipt()
    deliver()
    [message] = post_office.messages()

    answer = browser.post(
        path_of(message),
        "List-Unsubscribe=One-Click",
        content_type="application/x-www-form-urlencoded",
    )

    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert answer.status_code == 200
    assert not answer.cookies
    assert muted(child.recipient) == ["loan_receipt"]


def test_the_link_stands_in_the_text_and_in_the_page(receipt, deliver, post_office):
    receipt()

    deliver()

    [message] = post_office.messages()
    url = f"http://127.0.0.1:8000{path_of(message)}"
    assert url in message.get_body("plain").get_content()
    assert f'<a href="{url}"' in message.get_body("html").get_content()


def test_a_mandatory_letter_has_no_such_link(a_member, owed, deliver, post_office):
    a_member()
    owed()

    deliver()

    [message] = post_office.messages()
    assert message["Subject"] == "Welcome to the library"
    assert message["List-Unsubscribe"] is message["List-Unsubscribe-Post"] is None
    assert "unsubscribe" not in message.as_string().lower()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_changes_nothing(browser, member_id, method):
    before = Event.objects.count()

    answer = browser.generic(method, link_for(member_id))

    assert answer.status_code == 200
    assert (Event.objects.count(), muted(member_id)) == (before, [])


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_nothing_but_a_post_changes_anything(browser, member_id, method):
    assert browser.generic(method, link_for(member_id)).status_code == 405

    assert muted(member_id) == []


@pytest.mark.parametrize("language", ["en", "uz"])
def test_the_page_has_a_button_until_it_was_pressed(browser, a_member, language):
    path = link_for(a_member(language=language))

    before = browser.get(path).content.decode()
    after = browser.post(path).content.decode()

    title = letters.titles()["loan_receipt"][language]
    assert f'<html lang="{language}">' in before
    assert title in before
    assert title in after
    assert ("<button>" in before, "<button>" in after) == (True, False)


def test_a_second_click_does_nothing_more(browser, member_id):
    browser.post(link_for(member_id))
    before = Event.objects.count()

    assert browser.post(link_for(member_id)).status_code == 200

    assert (Event.objects.count(), muted(member_id)) == (before, ["loan_receipt"])


def test_what_was_muted_before_stays_muted(browser, member_id, now):
    preferences.change_preferences(
        member_id=member_id, muted=["return_receipt"], now=now
    )

    browser.post(link_for(member_id))

    assert muted(member_id) == ["loan_receipt", "return_receipt"]


def test_a_mail_program_is_not_asked_what_it_accepts(browser, member_id):
    answer = browser.post(link_for(member_id), headers={"Accept": "application/json"})

    assert answer.status_code == 200
    assert muted(member_id) == ["loan_receipt"]


def another_member(token):
    return "0" * 32 + token[32:]


def another_kind(token):
    return token.replace("loan_receipt", "return_receipt")


def cut_short(token):
    return token[:-1]


@pytest.mark.parametrize("forge", [another_member, another_kind, cut_short])
def test_a_link_that_was_changed_is_none_of_ours(browser, member_id, forge):
    path = link_for(member_id)
    token = path.split("/")[3]

    answer = browser.post(path.replace(token, forge(token)))

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_link")
    assert muted(member_id) == []


@pytest.mark.parametrize("kind", ["welcome", "gone"])
def test_a_kind_that_cannot_be_muted_is_left_as_it_is(browser, member_id, kind):
    assert browser.post(link_for(member_id, kind)).status_code == 200

    assert muted(member_id) == []


def test_an_old_link_works_after_the_key_was_changed(browser, member_id, settings):
    path = link_for(member_id)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another"

    assert browser.post(path).status_code == 404
    settings.SECRET_KEY_FALLBACKS = [old]
    assert browser.post(path).status_code == 200
