"""From a loan to the post office, and what its answers mean."""

from __future__ import annotations

import contextlib
import dataclasses
import smtplib
import socket
import threading
import time
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db.models import F
from django.utils import timezone

from library.lending.letters import loan_receipt
from library.members import preferences
from library.members.models import User
from outbox import claims, points
from outbox.channels import answers, emails, letters, messages, smtp
from outbox.models import Attempt, Delivery, Status

from .conftest import HANG_UP, send_to


def outcomes(child):
    """Return the names of all attempts, in order."""
    return list(child.tries.order_by("id").values_list("outcome", flat=True))


def doubted(child):
    """Return of each attempt whether the letter may have arrived without an answer."""
    return list(child.tries.order_by("id").values_list("ambiguous", flat=True))


def everything_written_down(child):
    """Return all that is kept of a delivery and its attempts, as one text."""
    child.refresh_from_db()
    tries = Attempt.objects.filter(delivery=child).values_list("answer", "outcome")
    return f"{child.error} {list(tries)} {child.recipient}".lower()


def test_a_borrower_gets_a_receipt(receipt, deliver, post_office):
    child = receipt(first_name="Gʻofur", last_name="Gʻulom")

    deliver()

    [message] = post_office.messages()
    child.refresh_from_db()
    assert child.status == Status.DELIVERED
    assert message["To"] == "Gʻofur Gʻulom <aziza@example.org>"
    assert message["From"] == "Kutubxona <desk@library.example>"
    assert message["Subject"] == "You borrowed “Oʻtkan kunlar”"
    assert message["Message-ID"] == child.message_id
    assert message["Auto-Submitted"] == "auto-generated"
    assert "Oʻtkan kunlar" in message.get_body("plain").get_content()
    assert "<strong>" in message.get_body("html").get_content()


def test_a_letter_comes_in_the_language_of_its_reader(receipt, deliver, post_office):
    receipt(language="uz")

    deliver()

    [message] = post_office.messages()
    assert message["Subject"] == "Siz “Oʻtkan kunlar” kitobini oldingiz"


@pytest.mark.parametrize(
    "name", ["Karimov, Olim", '"Olim" <x@evil.example>', "Ў" * 150]
)
def test_an_unusual_name_stays_a_name(receipt, deliver, post_office, name):
    receipt(first_name=name)

    deliver()

    [message] = post_office.messages()
    [mailbox] = message["To"].addresses
    assert mailbox.addr_spec == "aziza@example.org"
    assert mailbox.display_name == name


def test_an_address_under_an_uzbek_domain_is_reached(receipt, deliver, post_office):
    child = receipt(email="aziza@kutubxonaʻ.example")

    deliver()

    [message] = post_office.messages()
    assert outcomes(child) == ["delivered"]
    assert message["To"].addresses[0].domain.startswith("xn--")


def test_a_drop_after_the_final_dot_sends_the_same_message_again(
    receipt, deliver, post_office
):
    child = receipt()
    post_office.at_data = [HANG_UP]

    deliver()
    deliver()

    child.refresh_from_db()
    sent = [message["Message-ID"] for message in post_office.messages()]
    assert sent == [child.message_id, child.message_id]
    assert outcomes(child) == ["SMTPServerDisconnected", "delivered"]
    assert doubted(child) == [True, False]
    assert child.status == Status.DELIVERED


def test_nothing_is_sent_twice_within_one_attempt(receipt, deliver, post_office):
    receipt()
    post_office.at_data = [HANG_UP]

    deliver()

    assert len(post_office.received) == 1


@pytest.mark.parametrize(("answer", "ends"), [("499", False), ("500", True)])
def test_a_mailbox_may_be_refused_for_now_or_for_good(
    receipt, deliver, post_office, answer, ends
):
    child = receipt()
    post_office.at_rcpt = f"{answer} no"

    deliver()

    child.refresh_from_db()
    assert outcomes(child) == ["refused" if ends else "put_off"]
    assert child.status == (Status.DEAD if ends else Status.PENDING)
    assert post_office.received == []


@pytest.mark.parametrize(("answer", "ends"), [("451", False), ("554", True)])
def test_a_letter_may_be_refused_for_now_or_for_good(
    receipt, deliver, post_office, answer, ends
):
    child = receipt()
    post_office.at_data = [f"{answer} no"]

    deliver()

    child.refresh_from_db()
    assert outcomes(child) == ["refused" if ends else "put_off"]
    assert doubted(child) == [False]
    assert child.status == (Status.DEAD if ends else Status.PENDING)


def test_a_letter_put_off_is_delivered_later(receipt, deliver, post_office):
    child = receipt()
    post_office.at_data = ["450 4.2.0 greylisted"]

    deliver()
    deliver()

    assert outcomes(child) == ["put_off", "delivered"]


def test_a_refusal_of_our_own_address_ends_no_letter(receipt, deliver, post_office):
    child = receipt()
    post_office.at_mail = "550 5.7.1 you may not send"

    deliver()

    child.refresh_from_db()
    assert child.status == Status.PENDING
    assert outcomes(child) == ["put_off"]


def test_one_refused_letter_does_not_stop_the_next(
    receipt, a_loan, owed, deliver, post_office
):
    receipt()
    a_loan()
    owed()
    post_office.at_data = ["554 no"]  # to whichever comes first

    deliver()

    became = Counter(each.status for each in owed())
    assert became == {Status.DEAD: 1, Status.DELIVERED: owed().count() - 1}
    assert len(post_office.callers) == 2  # after a failure, a fresh connection


def test_no_name_and_no_address_is_written_down(receipt, deliver, post_office):
    child = receipt(first_name="Aziza", last_name="Karimova")
    post_office.at_rcpt = (
        "550 5.1.1 <Aziza@Example.org>: KARIMOVA has no mailbox aziza at example.org, "
        "ask desk@other.example"
    )

    deliver()

    kept = everything_written_down(child)
    assert "550 5.1.1" in kept
    assert "has no mailbox" in kept
    for personal in ("aziza", "karimova", "example.org", "other", "@"):
        assert personal not in kept


def test_a_fault_of_ours_tells_no_name_either(
    receipt, deliver, post_office, monkeypatch, caplog
):
    child = receipt(first_name="Aziza")

    told = "no words for Aziza <aziza@example.org>"

    def failing(*args):
        raise LookupError(told)

    monkeypatch.setattr(messages, "render_to_string", failing)
    deliver()

    child.refresh_from_db()
    assert child.status == Status.PENDING
    assert outcomes(child) == ["LookupError"]
    assert "aziza" not in everything_written_down(child) + caplog.text.lower()
    assert "failing" in caplog.text


@pytest.mark.parametrize(
    "person",
    [
        {"first_name": "Aziza\nBcc: all@example.org"},
        {"last_name": "Karimova\rX: y"},
        {"email": "aziza@example.org\nBcc: all@example.org"},
        {"email": '"a\x01b"@example.org'},
        {"email": "all@example.org, aziza@example.org"},
        {"email": "nowhere"},
    ],
)
def test_what_would_break_a_header_is_never_sent(receipt, deliver, post_office, person):
    child = receipt(**person)

    deliver()

    child.refresh_from_db()
    assert child.status == Status.DEAD
    assert child.error == "bad_header: "
    assert post_office.callers == []


@pytest.mark.parametrize("erased", [True, False])
def test_somebody_without_an_address_gets_nothing(
    receipt, deliver, post_office, erased
):
    child = receipt(email="")
    if erased:
        User.objects.get(username="aziza").delete()

    deliver()

    child.refresh_from_db()
    assert child.status == Status.DELIVERED  # there is nobody to be alarmed for
    assert child.tries.get().outcome == "no_address"
    assert post_office.callers == []


def test_a_muted_letter_is_not_sent_even_if_owed_before(
    receipt, deliver, post_office, now
):
    child = receipt()
    preferences.change_preferences(
        member_id=child.recipient, muted=["loan_receipt"], now=now
    )

    deliver()

    child.refresh_from_db()
    assert child.status == Status.DELIVERED
    assert outcomes(child) == ["not_wanted"]
    assert post_office.callers == []


def test_a_mandatory_letter_is_sent_to_those_who_muted_it(
    a_member, owed, deliver, post_office, settings
):
    a_member()
    child = owed().get()
    settings.OUTBOX = {**settings.OUTBOX, "ADDRESSES": f"{__name__}.mutes_all"}

    deliver()

    assert outcomes(child) == ["delivered"]


def mutes_all(recipients):
    """Return people who want no welcome."""
    return {
        recipient: messages.Address(
            recipient=recipient,
            email="a@example.org",
            name="A",
            language="en",
            muted=frozenset({"welcome"}),
        )
        for recipient in recipients
    }


@pytest.fixture
def changed(monkeypatch):
    """Have the receipt declared otherwise."""

    def change(**declared):
        letter = dataclasses.replace(loan_receipt, **declared)
        monkeypatch.setattr(letters, "letters", lambda: (letter,))

    return change


@pytest.mark.parametrize("digest", [True, False])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_wish_for_a_digest_counts_as_it_is_when_the_letter_leaves(
    changed, receipt, deliver, post_office, now, monkeypatch, digest, at_once
):
    changed(digest=digest)
    child = receipt()
    monkeypatch.setattr(letters, "digest_kinds", lambda: {"loan_receipt"})
    wished = ["loan_receipt"] if at_once else []
    preferences.change_preferences(member_id=child.recipient, at_once=wished, now=now)

    deliver()

    assert outcomes(child) == ["not_wanted" if digest == at_once else "delivered"]


@pytest.mark.parametrize(
    ("minutes", "outcome"), [(-1, "expired"), (1, "delivered")], ids=["over", "not yet"]
)
def test_a_letter_goes_out_only_while_it_is_worth_sending(
    changed, receipt, deliver, post_office, minutes, outcome
):
    until = timezone.now() + timedelta(minutes=minutes)
    changed(until=lambda event: until)
    child = receipt()

    deliver()

    child.refresh_from_db()
    assert outcomes(child) == [outcome]
    assert child.status == Status.DELIVERED  # it is nobody's failure
    assert len(post_office.callers) == (outcome == "delivered")


def test_a_letter_that_was_put_off_until_it_was_late_ends_then(
    changed, receipt, deliver, post_office
):
    until = [timezone.now() + timedelta(minutes=1)]
    changed(until=lambda event: until[0])
    child = receipt()
    post_office.at_data = ["451 later"]

    deliver()
    until[0] = timezone.now()
    deliver()

    assert outcomes(child) == ["put_off", "expired"]


def test_a_letter_that_says_what_is_no_longer_so_is_not_sent(
    changed, receipt, deliver, post_office
):
    changed(holds=lambda event: False)
    child = receipt()

    deliver()

    child.refresh_from_db()
    assert outcomes(child) == ["no_longer_so"]
    assert (child.status, post_office.callers) == (Status.DELIVERED, [])


def test_letters_share_one_connection(receipt, a_loan, owed, deliver, post_office):
    receipt()
    a_loan()
    owed()

    deliver()

    assert len(post_office.received) == 3
    assert len(post_office.callers) == 1


def test_a_connection_is_not_kept_for_ever(
    receipt, deliver, post_office, monkeypatch, a_loan, owed
):
    receipt()
    deliver()
    monkeypatch.setattr(smtp, "LONGEST_KEPT", 0)
    a_loan(member_id=User.objects.get(username="aziza").id)
    owed()

    deliver()

    assert len(post_office.callers) == 2


def test_a_connection_that_broke_meanwhile_is_opened_anew(
    receipt, deliver, post_office, a_loan, owed
):
    receipt()
    deliver()
    line = post_office.lines[0]
    post_office.loop.call_soon_threadsafe(line.transport.abort)
    a_loan(member_id=User.objects.get(username="aziza").id)
    child = owed().latest("id")

    deliver()

    assert outcomes(child) == ["delivered"]
    assert len(post_office.callers) == 2


@pytest.mark.parametrize(("busy", "asked"), [(60.0, 0), (0.0, 1)])
def test_a_connection_is_asked_whether_it_is_there_unless_it_was_just_used(
    receipt, deliver, post_office, a_loan, owed, monkeypatch, busy, asked
):
    monkeypatch.setattr(smtp, "BUSY", busy)
    receipt()
    deliver()
    a_loan(member_id=User.objects.get(username="aziza").id)
    child = owed().latest("id")

    deliver()

    assert outcomes(child) == ["delivered"]
    assert (post_office.asked, len(post_office.callers)) == (asked, 1)


def test_a_post_office_that_is_closed_is_tried_again(receipt, deliver, settings):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        send_to(settings, closed.getsockname()[1])
    child = receipt()

    deliver()

    child.refresh_from_db()
    assert child.status == Status.PENDING
    assert outcomes(child) == ["ConnectionRefusedError"]
    assert doubted(child) == [False]


@pytest.mark.parametrize("greeting", [b"", b"220 ready\r\n"], ids=["silent", "greets"])
def test_a_dripping_post_office_is_left_at_the_deadline(
    receipt, deliver, settings, monkeypatch, greeting
):
    monkeypatch.setattr(emails, "DEADLINE", 0.5)
    child = receipt()

    with dripping(greeting) as port:
        send_to(settings, port)
        started = time.monotonic()
        deliver()
        took = time.monotonic() - started

    child.refresh_from_db()
    assert outcomes(child) == ["deadline"]
    assert doubted(child) == [False]
    assert child.status == Status.PENDING
    assert 0.5 <= took < 5


@contextlib.contextmanager
def dripping(greeting):
    """Answer with a byte every 50 ms: each single wait is short, all are endless."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(10)

    def drip():
        with contextlib.suppress(OSError), server.accept()[0] as caller:
            caller.sendall(greeting)
            while True:
                caller.sendall(b"2")
                time.sleep(0.05)

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        smtp.hang_up()
        thread.join()
        server.close()


def test_other_backends_are_used_as_they_are(receipt, deliver, mailoutbox):
    child = receipt()

    deliver()

    assert outcomes(child) == ["delivered"]
    assert [message.to for message in mailoutbox] == [["aziza <aziza@example.org>"]]


# --- what may have arrived, and what must not leave any more


@pytest.mark.parametrize("answer", ["251 taken, in a way", "xyz"])
def test_an_odd_answer_to_a_letter_leaves_it_in_doubt(
    receipt, deliver, post_office, answer
):
    child = receipt()
    post_office.at_data = [answer]

    deliver()

    child.refresh_from_db()
    assert doubted(child) == [True]
    assert child.status == Status.PENDING


def test_a_fault_of_ours_before_a_letter_leaves_no_doubt_though_one_left_before(
    receipt, a_loan, owed, deliver, post_office, monkeypatch
):
    receipt()
    deliver()
    assert len(post_office.received) == 1
    a_loan(member_id=User.objects.get(username="aziza").id)
    child = owed().latest("id")

    def failing(*args):
        raise OSError("no such file")

    monkeypatch.setattr(messages, "render_to_string", failing)
    deliver()

    assert outcomes(child) == ["OSError"]
    assert doubted(child) == [False]


def test_an_unanswered_letter_holds_up_the_next_uncharged(
    receipt, a_loan, owed, deliver, post_office
):
    first = receipt()
    a_loan(member_id=User.objects.get(username="aziza").id)
    second = owed().latest("id")
    post_office.at_data = [HANG_UP]

    deliver()

    second.refresh_from_db()
    assert outcomes(first) == ["SMTPServerDisconnected"]
    assert (outcomes(second), second.attempts, second.claim) == ([], 0, 1)


@pytest.fixture
def clock(monkeypatch):
    """A clock that letters look at, and that `frozen_for` lets go on at once."""
    late = []
    made = SimpleNamespace(
        monotonic=lambda: time.monotonic() + sum(late), frozen_for=late.append
    )
    monkeypatch.setattr(smtp, "time", made)
    monkeypatch.setattr(answers, "time", made)
    return made


def test_the_text_does_not_leave_after_the_end_though_the_server_waits_for_it(
    receipt, deliver, post_office, clock, monkeypatch
):
    child = receipt()
    post_office.at_rcpt = Later(clock, "250 OK")

    started = time.monotonic()
    deliver()

    assert post_office.received == []
    assert outcomes(child) == ["deadline"]
    assert doubted(child) == [False]
    assert time.monotonic() - started < 5  # no waiting for an answer to a farewell


class Later(str):
    """An answer before which a process that is waiting for it is frozen."""

    def __new__(cls, clock, answer):
        made = super().__new__(cls, answer)
        made.clock = clock
        return made

    def startswith(self, *args):
        self.clock.frozen_for(60.0)
        return super().startswith(*args)


# --- what is looked up for a batch


@pytest.fixture
def two_receipts(receipt, a_loan, owed):
    """Owe one reader two receipts."""
    first = receipt()
    a_loan(member_id=User.objects.get(username="aziza").id)
    owed().filter(destination="welcome").delete()
    return first, owed().latest("id")


def test_a_batch_of_letters_asks_once_where_they_go(
    two_receipts, deliver, post_office, monkeypatch
):
    monkeypatch.setattr(emails, "FRESH", 60.0)  # however busy the machine is
    asked = noting_addresses(monkeypatch)

    deliver()

    assert len(post_office.received) == 2
    assert asked == [2]


def noting_addresses(monkeypatch):
    """Note how many addresses are asked for each time."""
    asked, addresses_of = [], emails.addresses_of

    def noting(recipients):
        asked.append(len(recipients))
        return addresses_of(recipients)

    monkeypatch.setattr(emails, "addresses_of", noting)
    return asked


@pytest.mark.parametrize(("fresh", "letters_sent"), [(60.0, 2), (0.0, 1)])
def test_who_is_erased_between_two_letters_of_a_batch_is_so_a_moment_later(
    two_receipts, deliver, post_office, monkeypatch, fresh, letters_sent
):
    monkeypatch.setattr(emails, "FRESH", fresh)
    people = User.objects.filter(username="aziza")
    at("after_send_before_settle", lambda: people.update(email=""))

    deliver()

    assert len(post_office.received) == letters_sent


def test_a_moment_is_short():
    assert emails.FRESH < 1


# --- letters that leave at most once


@pytest.fixture
def at_most_once(monkeypatch):
    """Have the receipt leave once, or not at all."""
    once = dataclasses.replace(loan_receipt, at_most_once=True)
    monkeypatch.setattr(letters, "letters", lambda: (once,))


class Died(BaseException):
    """The end of a process."""


def at(place, what):
    """Let something happen at a place, the first time it is passed."""

    def listen(name):
        if name == place:
            points.listen(None)
            what()

    points.listen(listen)


@pytest.fixture(autouse=True)
def nobody_listens():
    yield
    points.listen(None)


def die():
    raise Died


@pytest.mark.parametrize("place", ["before_send", "after_send_before_settle"])
def test_a_letter_that_leaves_once_is_unknown_when_its_outcome_is_lost(
    at_most_once, receipt, deliver, post_office, place
):
    child = receipt()
    at(place, die)

    with pytest.raises(Died):
        deliver()
    smtp.line().cut()  # no farewell either
    smtp.hang_up()
    sent = len(post_office.received)
    deliver()

    child.refresh_from_db()
    assert child.status == Status.UNKNOWN
    assert child.error == claims.DOUBTFUL
    assert child.sending_at is not None
    assert (outcomes(child), doubted(child)) == (["lost"], [True])
    assert len(post_office.received) == sent <= 1


def test_another_letter_is_sent_again_when_its_outcome_is_lost(
    receipt, deliver, post_office
):
    child = receipt()
    at("after_send_before_settle", die)

    with pytest.raises(Died):
        deliver()
    deliver()

    child.refresh_from_db()
    assert (child.status, child.sending_at) == (Status.DELIVERED, None)
    assert outcomes(child) == ["lost", "delivered"]
    sent = [message["Message-ID"] for message in post_office.messages()]
    assert sent == [child.message_id] * 2


def test_a_letter_that_leaves_once_is_unknown_after_a_drop_behind_the_final_dot(
    at_most_once, receipt, deliver, post_office
):
    child = receipt()
    post_office.at_data = [HANG_UP]

    deliver()
    deliver()

    child.refresh_from_db()
    assert child.status == Status.UNKNOWN
    assert child.error.startswith("SMTPServerDisconnected")
    assert doubted(child) == [True]
    assert len(post_office.received) == 1


def test_a_letter_that_leaves_once_is_delivered_like_any_other(
    at_most_once, receipt, deliver, post_office
):
    child = receipt()

    deliver()

    child.refresh_from_db()
    assert child.status == Status.DELIVERED
    assert child.sending_at is not None
    assert len(post_office.received) == 1


def test_a_letter_that_leaves_once_is_tried_again_after_a_clear_no(
    at_most_once, receipt, deliver, post_office
):
    child = receipt()
    post_office.at_data = ["451 later"]

    deliver()
    child.refresh_from_db()
    between = child.status, child.sending_at
    deliver()

    child.refresh_from_db()
    assert between == (Status.PENDING, None)
    assert child.status == Status.DELIVERED
    assert outcomes(child) == ["put_off", "delivered"]


@pytest.mark.parametrize(
    "fault", [ConnectionRefusedError(), smtplib.SMTPServerDisconnected("gone")]
)
def test_a_letter_that_leaves_once_is_tried_again_if_it_never_began_to_leave(
    at_most_once, receipt, deliver, post_office, monkeypatch, fault
):
    child = receipt()

    def no_connection(self, ends):
        raise fault

    with monkeypatch.context() as broken:
        broken.setattr(smtp.Line, "_connect", no_connection)
        deliver()
    deliver()

    child.refresh_from_db()
    assert child.status == Status.DELIVERED
    assert doubted(child) == [False, False]
    assert len(post_office.received) == 1


def test_a_letter_that_leaves_once_does_not_leave_under_a_lost_claim(
    at_most_once, receipt, deliver, post_office
):
    child = receipt()
    mine = Delivery.objects.filter(id=child.id)
    at("before_attempt", lambda: mine.update(claim=F("claim") + 1))

    started = time.monotonic()
    deliver()

    child.refresh_from_db()
    assert post_office.received == []
    assert (child.status, child.sending_at) == (Status.PENDING, None)
    assert outcomes(child) == ["fenced"]
    assert time.monotonic() - started < 5  # no waiting for an answer to a farewell
