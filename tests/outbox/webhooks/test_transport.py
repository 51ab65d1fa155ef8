from __future__ import annotations

import contextlib
import datetime as dt
import gc
import gzip
import http.client
import ipaddress
import socket
import threading
import time
import tracemalloc
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
import requests

from outbox.channels.webhooks import addresses, attempts, transport
from outbox.channels.webhooks.addresses import ANYWHERE, PUBLIC, AddressPolicy
from outbox.channels.webhooks.answers import BODY_LIMIT
from outbox.channels.webhooks.connections import Session, Sessions
from tests.outbox.webhooks.certificates import Authority, self_signed, serving
from tests.outbox.webhooks.hostile import BROKEN, SLOW, drip_handshake
from tests.outbox.webhooks.receivers import (
    OK,
    deaf,
    keep_alive,
    reset,
    response,
    saying,
    silent,
    started,
)

pytestmark = pytest.mark.timeout(30)

SHORT = 0.2


@pytest.fixture
def receiver():
    """Start receivers that end with the test."""
    with contextlib.ExitStack() as running:
        yield lambda answer, **options: running.enter_context(
            started(answer, **options)
        )


def post(url, body=b"{}", headers=None, *, deadline=10.0, policy=ANYWHERE, **options):
    return transport.post(
        url, body, headers or {}, deadline=deadline, policy=policy, **options
    )


def leading_to(*addresses):
    """Return a policy under which every name has these addresses."""
    return AddressPolicy(
        allow_http=True,
        resolve=lambda host, port: list(addresses),
        allows=lambda address: True,
    )


# --- what is sent


def test_the_body_and_headers_arrive_as_given(receiver):
    server = receiver(saying(OK))
    body = b'{"kitob": "\x00\xff"}'

    answer = post(server.url, body, {"webhook-id": "msg_1"})

    assert (answer.outcome, answer.status, answer.text) == ("ok", 200, "hi")
    assert answer.delivered
    assert answer.seconds > 0
    head, received = server.requests[0]
    assert received == body
    assert head.startswith("POST /hook HTTP/1.1\r\n")
    assert "webhook-id: msg_1" in head
    assert f"Host: 127.0.0.1:{server.port}" in head
    assert "Accept-Encoding: identity" in head
    assert head.count("Host:") == head.count("Accept-Encoding:") == 1


def test_the_environment_changes_nothing(receiver, monkeypatch, tmp_path):
    server = receiver(saying(OK))
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    assert post(server.url).delivered
    assert "Authorization" not in server.requests[0][0]


def test_a_large_body_to_a_receiver_that_does_not_read_meets_the_deadline(receiver):
    server = receiver(deaf)

    assert post(server.url, bytes(32 << 20), deadline=SHORT).outcome == "deadline"


# --- what an answer means


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "ok"),
        (204, "ok"),
        (299, "ok"),
        (300, "redirect"),
        (304, "redirect"),
        (400, "http_4xx"),
        (401, "http_4xx"),
        (410, "gone"),
        (429, "throttled"),
        (499, "http_4xx"),
        (500, "http_5xx"),
        (503, "http_5xx"),
        (600, "bad_response"),
        (999, "bad_response"),
        (101, "bad_response"),
        (103, "bad_response"),
    ],
)
def test_each_status_has_a_name(receiver, status, outcome):
    server = receiver(saying(response(f"{status} Whatever")))

    answer = post(server.url)

    assert (answer.outcome, answer.status) == (outcome, status)
    assert answer.delivered == (outcome == "ok")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver, status):
    elsewhere = receiver(saying(OK))
    server = receiver(saying(response(f"{status} Found", Location=elsewhere.url)))

    answer = post(server.url)

    assert (answer.outcome, answer.status) == ("redirect", status)
    assert elsewhere.connections == 0


@pytest.mark.parametrize("status", ["200 OK", "302 Found"])
def test_a_gzip_bomb_is_not_inflated_and_not_read_to_its_end(receiver, status):
    bomb = gzip.compress(bytes(50 << 20), compresslevel=1)
    headers = {"Content_Encoding": "gzip", "Location": "/next"}
    server = receiver(saying(response(status, bomb, **headers)))
    gc.collect()
    tracemalloc.start()

    answer = post(server.url)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status == int(status[:3])
    assert len(answer.text) <= BODY_LIMIT
    assert peak < 8 << 20


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0), ("120", 120), ("86400", 86400), ("86401", 86400), ("9" * 5000, 86400)],
)
@pytest.mark.parametrize("status", ["429 Slow down", "503 Later"])
def test_retry_after_in_seconds(receiver, status, value, seconds):
    server = receiver(saying(response(status, Retry_After=value)))

    assert post(server.url).retry_after == seconds


@pytest.mark.parametrize(
    ("hours", "expected"), [(-1, 0), (1, 3600), (240, 86400)], ids=str
)
def test_retry_after_as_a_date(receiver, hours, expected):
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours)
    date = format_datetime(moment, usegmt=True)
    server = receiver(saying(response("429 Slow down", Retry_After=date)))

    assert post(server.url).retry_after == pytest.approx(expected, abs=5)


NOT_WHEN = ["", "-1", "1.5", "soon", "²", "1, 2", "Mon, 99 Foo 2026 25:61:61 GMT"]
NOT_WHEN += ["Mon, 01 Jan 99999999999999 00:00:00 GMT"]


@pytest.mark.parametrize("value", NOT_WHEN)
def test_a_retry_after_that_cannot_be_is_none(receiver, value):
    server = receiver(saying(response("429 Slow down", Retry_After=value)))

    answer = post(server.url)

    assert (answer.outcome, answer.retry_after) == ("throttled", None)


def test_only_429_and_503_are_asked_when_to_come_back(receiver):
    server = receiver(saying(response("500 Oops", Retry_After="60")))

    assert post(server.url).retry_after is None


def test_text_is_what_postgresql_can_store(receiver):
    server = receiver(saying(response("500 Oops", b"a\x00b\xff\xed\xa0\x80c")))

    text = post(server.url).text

    assert text.startswith("ab\ufffd")
    assert text.endswith("c")
    assert "\0" not in text
    text.encode()


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_16_kib_of_the_body_are_read(receiver, extra):
    body = b"x" * (BODY_LIMIT + extra)
    server = receiver(saying(response("200 OK", body)))

    answer = post(server.url)

    assert answer.delivered
    assert len(answer.text) == min(len(body), BODY_LIMIT)


def test_a_chunked_body_is_read(receiver):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = receiver(
        saying(head, b"2\r\nhe\r\n", b"3\r\nllo\r\n0\r\n\r\n", pause=0.02)
    )

    answer = post(server.url)

    assert (answer.outcome, answer.text) == ("ok", "hello")


# --- receivers that mean harm


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
def test_a_slow_receiver_meets_the_deadline(receiver, answer):
    server = receiver(answer)

    result = post(server.url, deadline=SHORT)

    assert result.outcome == "deadline"
    assert not result.delivered
    assert result.seconds > SHORT * 0.9


def test_what_was_read_before_the_deadline_is_kept(receiver):
    server = receiver(saying(b"HTTP/1.1 200 OK\r\n\r\nworking on", pause=1))

    answer = post(server.url, deadline=SHORT)

    assert (answer.outcome, answer.status) == ("deadline", 200)
    assert answer.text == "working on"


@pytest.mark.parametrize("said", BROKEN.values(), ids=BROKEN)
def test_what_is_not_http_is_a_bad_response(receiver, said):
    server = receiver(saying(said))

    answer = post(server.url)

    assert answer.outcome == "bad_response"
    assert not answer.delivered


ODD = {
    "negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhi",
    "no number as length": b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nhi",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\nhi",
    "bare newlines": b"HTTP/1.1 200\nX: y\n\nhi",
    "no headers at all": b"HTTP/1.1 200\r\n\r\nhi",
    "headers without colon": b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\nhi",
    "100, then 200": b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" + OK,
    "mad cookies": response(
        "200 OK",
        b"hi",
        Set_Cookie="a=b; expires=Fri, 99 Foo 99999; domain=\xff; max-age=1e9; path",
    ),
    "10 GiB": b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n" + bytes(10**6),
    "a declared encoding": response("200 OK", b"hi", Content_Encoding="gzip"),
}


@pytest.mark.filterwarnings("ignore")  # http.cookiejar warns of what it swallows
@pytest.mark.parametrize("said", ODD.values(), ids=ODD)
def test_what_is_odd_but_clear_is_taken(receiver, said):
    server = receiver(saying(said))

    assert post(server.url).outcome == "ok"


def test_a_reset_before_the_answer(receiver):
    def answer(server, peer):
        server.read_request(peer)
        reset(peer)

    assert post(receiver(answer).url).outcome == "reset"


def test_a_farewell_instead_of_an_answer(receiver):
    assert post(receiver(saying()).url).outcome == "reset"


def test_a_reset_before_the_request_is_read(receiver):
    server = receiver(lambda server, peer: reset(peer))

    answer = post(server.url, bytes(8 << 20))

    assert answer.outcome in {"reset", "connect_error"}  # as early as it comes


def test_a_reset_during_the_answer_does_not_count_as_delivered(receiver):
    def answer(server, peer):
        server.read_request(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhi")
        server.done.wait(0.1)
        reset(peer)

    result = post(receiver(answer).url)

    assert (result.outcome, result.status) == ("reset", 200)
    assert result.text == "hi"
    assert not result.delivered


def test_a_reset_after_the_answer_changes_nothing(receiver):
    def answer(server, peer):
        server.read_request(peer)
        peer.sendall(OK)
        server.done.wait(0.1)
        reset(peer)

    assert post(receiver(answer).url).delivered


# --- finding and connecting


def test_a_refused_connection():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    answer = post(f"http://127.0.0.1:{port}/")

    assert (answer.outcome, answer.status) == ("connect_error", None)
    assert "refused" in answer.text
    assert " object at 0x" not in answer.text


def test_a_name_that_does_not_exist():
    answer = post("http://receiver.invalid/", deadline=5)

    assert answer.outcome in {"dns_error", "deadline"}  # an offline resolver may stall


@pytest.mark.parametrize(
    "fault", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label")]
)
def test_a_resolver_that_fails_is_a_dns_error(fault):
    def resolve(host, port):
        raise fault

    answer = post(
        "http://hooks.test/", policy=AddressPolicy(allow_http=True, resolve=resolve)
    )

    assert answer.outcome == "dns_error"
    assert "hooks.test" in answer.text


def test_a_name_without_addresses_is_a_dns_error():
    assert post("http://hooks.test/", policy=leading_to()).outcome == "dns_error"


def test_a_resolver_that_stalls_meets_the_deadline():
    woken = threading.Event()
    policy = AddressPolicy(allow_http=True, resolve=lambda *a: woken.wait(3) and [])

    answer = post("http://hooks.test/", deadline=SHORT, policy=policy)
    woken.set()

    assert answer.outcome == "deadline"


def test_resolvers_that_stall_hold_only_so_many_threads(monkeypatch):
    one_at_a_time = threading.BoundedSemaphore(1)
    monkeypatch.setattr(addresses, "_lookups", one_at_a_time)
    woken, asked = threading.Event(), []
    policy = AddressPolicy(
        allow_http=True, resolve=lambda *a: asked.append(a) or (woken.wait(3) and [])
    )

    answers = [
        post("http://hooks.test/", deadline=SHORT, policy=policy) for _ in range(2)
    ]
    woken.set()

    assert [answer.outcome for answer in answers] == ["deadline"] * 2
    assert len(asked) == 1
    assert one_at_a_time.acquire(timeout=2)  # the thread gives its place back


def test_the_next_address_is_tried_when_nobody_is_at_the_first(receiver):
    server = receiver(saying(OK))
    url = server.url.replace("127.0.0.1", "hooks.test")

    assert post(url, policy=leading_to("127.0.0.2", "127.0.0.1")).delivered
    assert f"Host: hooks.test:{server.port}" in server.requests[0][0]


def test_an_address_that_does_not_answer_leaves_time_for_the_next(receiver):
    server = receiver(saying(OK))
    url = server.url.replace("127.0.0.1", "hooks.test")

    with contextlib.ExitStack() as full:
        listener = socket.create_server(("127.0.0.2", server.port), backlog=0)
        full.enter_context(listener)
        for _ in range(4):  # nobody accepts: from here on nobody can connect
            waiting = full.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        answer = post(url, deadline=1, policy=leading_to("127.0.0.2", "127.0.0.1"))

    assert answer.delivered


def test_a_message_that_was_sent_is_not_sent_to_the_next_address(receiver):
    server = receiver(saying())
    url = server.url.replace("127.0.0.1", "hooks.test")

    assert post(url, policy=leading_to("127.0.0.1", "127.0.0.1")).outcome == "reset"
    assert server.connections == 1


def test_a_name_is_resolved_once_an_attempt(receiver):
    server = receiver(saying(OK))
    asked = []

    def resolve(host, port):
        asked.append((host, port))
        return ["127.0.0.1"]

    policy = AddressPolicy(allow_http=True, resolve=resolve, allows=lambda _: True)
    url = server.url.replace("127.0.0.1", "hooks.test")

    assert post(url, policy=policy).delivered
    assert asked == [("hooks.test", server.port)]


# --- the policy


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http+unix://%2Fsocket/",
        "//example.com/",
        "example.com",
        "",
        " ",
        "https://",
        "https:///path",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com:99999/",
        "https://example.com:port/",
        "https://[::1/",
        "https://*.example.com/",
        "https://exa\x00mple.com/",
        "https://" + "қ" * 70 + ".uz/",
        "javascript:alert(1)",
    ],
)
def test_a_url_we_do_not_post_to_is_blocked(url):
    def resolve(host, port):
        raise AssertionError("no name is looked up")

    answer = post(url, policy=AddressPolicy(resolve=resolve))

    assert (answer.outcome, answer.status) == ("blocked_url", None)
    assert answer.text


FORBIDDEN = ["127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]"]
FORBIDDEN += ["[::ffff:127.0.0.1]", "0177.0.0.1", "2130706433", "127.1", "0x7f.1"]
FORBIDDEN += ["0.0.0.0", "224.0.0.1", "100.64.0.1"]


@pytest.mark.parametrize("host", FORBIDDEN)
def test_by_default_only_public_addresses_are_posted_to(host):
    assert post(f"https://{host}/", policy=PUBLIC).outcome == "blocked_address"


def test_one_forbidden_address_forbids_the_name():
    policy = AddressPolicy(resolve=lambda *a: ["93.184.216.34", "10.0.0.1"])

    answer = post("https://hooks.test/", policy=policy)

    assert answer.outcome == "blocked_address"
    assert "10.0.0.1" not in answer.text  # nobody explores our network by asking


def test_the_policy_sees_addresses_unwrapped():
    seen = []
    policy = AddressPolicy(
        resolve=lambda *a: ["::ffff:10.0.0.1"],
        allows=seen.append,
    )

    assert post("https://hooks.test/", policy=policy).outcome == "blocked_address"
    assert seen == [ipaddress.ip_address("10.0.0.1")]


def test_every_attempt_is_judged_anew_on_a_kept_connection_too(receiver):
    server = receiver(keep_alive)
    url = server.url.replace("127.0.0.1", "hooks.test")
    private = AddressPolicy(allow_http=True, resolve=lambda *a: ["127.0.0.1"])

    with Session() as session:
        assert post(url, session=session, policy=leading_to("127.0.0.1")).delivered
        assert post(url, session=session, policy=private).outcome == "blocked_address"
        moved = leading_to("127.0.0.2")
        assert post(url, session=session, policy=moved).outcome == "connect_error"

    assert len(server.requests) == 1


# --- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Return a file with a key and a self-signed certificate for hooks.test."""
    return self_signed(tmp_path_factory.mktemp("tls") / "hooks.pem")


@pytest.fixture
def tls(certificate):
    return serving(certificate)


@pytest.fixture
def trusting(certificate):
    with Session() as session:
        session.verify = str(certificate)
        yield session


def test_the_certificate_is_checked_against_the_name_not_the_address(
    receiver, tls, trusting
):
    asked_for = []
    tls.sni_callback = lambda peer, name, context: asked_for.append(name)
    server = receiver(keep_alive, tls=tls)
    url = server.url.replace("127.0.0.1", "hooks.test")

    answers = [
        post(url, session=trusting, policy=leading_to("127.0.0.1")) for _ in range(2)
    ]

    assert [answer.outcome for answer in answers] == ["ok", "ok"]
    assert asked_for == ["hooks.test"]
    assert server.connections == 1


@pytest.mark.parametrize("host", ["other.test", "127.0.0.1"])
def test_a_certificate_for_another_host_is_a_tls_error(receiver, tls, trusting, host):
    server = receiver(keep_alive, tls=tls)
    url = server.url.replace("127.0.0.1", host)

    answer = post(url, session=trusting, policy=leading_to("127.0.0.1"))

    assert answer.outcome == "tls_error"
    assert server.requests == []


def test_a_certificate_nobody_vouches_for_is_a_tls_error(receiver, tls):
    server = receiver(keep_alive, tls=tls)
    url = server.url.replace("127.0.0.1", "hooks.test")

    answer = post(url, policy=leading_to("127.0.0.1"))

    assert answer.outcome == "tls_error"
    assert "self" in answer.text
    assert server.requests == []


@pytest.mark.parametrize("ended", [False, True])
def test_a_certificate_is_good_until_it_ends(receiver, tmp_path, ended):
    authority = Authority(tmp_path)
    server = receiver(keep_alive, tls=serving(authority.issue(ended=ended)))
    url = server.url.replace("127.0.0.1", "hooks.test")

    with Session() as session:
        session.verify = str(authority.file)
        answer = post(url, session=session, policy=leading_to("127.0.0.1"))

    assert answer.outcome == ("tls_error" if ended else "ok")
    assert ("expired" in answer.text) == ended


def test_plain_http_where_tls_belongs_is_a_tls_error(receiver):
    server = receiver(lambda server, peer: peer.sendall(OK * 9))

    assert post(server.url.replace("http:", "https:")).outcome == "tls_error"


@pytest.mark.parametrize("answer", [deaf, drip_handshake])
def test_a_slow_handshake_meets_the_deadline(receiver, answer):
    server = receiver(answer)
    url = server.url.replace("http:", "https:")

    assert post(url, deadline=SHORT).outcome == "deadline"


@pytest.mark.parametrize("name", ["header drip", "body drip", "accept, then silence"])
def test_a_slow_receiver_behind_tls_meets_the_deadline(receiver, tls, trusting, name):
    def answer(server, peer):
        server.read_request(peer)
        peer.sendall(OK)
        SLOW[name](server, peer)

    server = receiver(answer, tls=tls)
    url = server.url.replace("127.0.0.1", "hooks.test")
    options = {"session": trusting, "policy": leading_to("127.0.0.1")}

    assert post(url, **options).delivered
    assert post(url, deadline=SHORT, **options).outcome == "deadline"
    assert server.connections == 1


# --- what may have arrived, and what must not leave any more


class Taker:
    """A receiver that keeps every byte, and answers each request it has read."""

    def __init__(self):
        self.bytes, self.ended = b"", threading.Event()

    def __call__(self, server, peer):
        while more := peer.recv(65536):
            self.bytes += more
            if self.bytes.endswith(b"{}"):
                peer.sendall(OK)
        self.ended.set()


@pytest.fixture
def frozen(monkeypatch):
    """Freeze from when a connection is there until the time is up, as SIGSTOP does."""
    late = []
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + sum(late))
    watch = attempts.Attempt.watch

    def freeze(self, connected):
        watch(self, connected)
        late.append(60.0)

    def start():
        # The watchdog is real and waits its ten seconds: only the clock has gone on.
        monkeypatch.setattr(attempts, "time", clock)
        monkeypatch.setattr(attempts.Attempt, "watch", freeze)

    return start


@pytest.mark.parametrize("kept", [False, True], ids=["fresh", "kept"])
def test_nothing_leaves_after_the_end_though_the_watchdog_is_late(
    receiver, frozen, kept
):
    taker = Taker()
    server = receiver(taker)

    with Session() as session:
        if kept:
            assert post(server.url, session=session).delivered
        before = taker.bytes
        frozen()
        answer = post(server.url, session=session)

    assert taker.ended.wait(10)
    assert taker.bytes == before
    assert (answer.outcome, answer.sent) == ("deadline", False)
    assert not answer.ambiguous
    assert server.connections == 1


@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_an_attempt_whose_time_is_over_sends_nothing(receiver, seconds):
    taker = Taker()
    server = receiver(taker)

    answer = post(server.url, ends=time.monotonic() + seconds)

    assert (answer.outcome, answer.sent) == ("deadline", False)
    assert taker.bytes == b""


@pytest.mark.parametrize(("deadline", "left"), [(9.0, SHORT), (SHORT, 9.0)])
def test_an_attempt_is_over_at_its_end_or_its_deadline_whichever_is_first(
    receiver, deadline, left
):
    server = receiver(silent)

    answer = post(server.url, deadline=deadline, ends=time.monotonic() + left)

    assert answer.outcome == "deadline"
    assert SHORT * 0.9 < answer.seconds < 5


def send_reset(server, peer):
    server.read_request(peer)
    reset(peer)


DOUBTFUL = {
    "a reset instead of an answer": send_reset,
    "a farewell instead of an answer": saying(),
    "no answer in time": silent,
    "an answer that is none": saying(BROKEN["garbage"]),
    "an answer that is cut short": saying(BROKEN["cut short"]),
}


@pytest.mark.parametrize("answer", DOUBTFUL.values(), ids=DOUBTFUL)
def test_what_was_sent_and_not_answered_may_have_arrived(receiver, answer):
    result = post(receiver(answer).url, deadline=SHORT * 3)

    assert (result.delivered, result.sent, result.ambiguous) == (False, True, True)


@pytest.mark.parametrize("status", [200, 302, 400, 410, 429, 500, 503])
def test_an_answer_leaves_no_doubt(receiver, status):
    result = post(receiver(saying(response(f"{status} Clearly"))).url)

    assert (result.sent, result.ambiguous) == (True, False)


def test_what_nobody_took_is_not_in_doubt(receiver, tls):
    server = receiver(keep_alive, tls=tls)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/"
    elsewhere = server.url.replace("127.0.0.1", "hooks.test")

    for url, outcome in [
        (nobody, "connect_error"),
        (elsewhere, "tls_error"),
        ("http://user@hooks.test/", "blocked_url"),
    ]:
        answer = post(url, policy=leading_to("127.0.0.1"))
        assert answer.outcome == outcome
        assert (answer.sent, answer.ambiguous) == (False, False)


# --- sessions


def test_a_kept_connection_is_used_again(receiver):
    server = receiver(keep_alive)

    with Session() as session:
        answers = [post(server.url, session=session) for _ in range(3)]

    assert [answer.outcome for answer in answers] == ["ok"] * 3
    assert (server.connections, len(server.requests)) == (1, 3)


def test_head_and_body_leave_together(receiver, monkeypatch):
    sent, send = [], http.client.HTTPConnection.send
    monkeypatch.setattr(
        http.client.HTTPConnection,
        "send",
        lambda self, data: sent.append(bytes(data)) or send(self, data),
    )
    server = receiver(keep_alive)

    assert post(server.url).delivered

    (whole,) = sent
    assert whole.startswith(b"POST ")
    assert whole.endswith(b"\r\n\r\n{}")


def test_a_kept_connection_meets_the_deadline_too(receiver):
    def once(server, peer):
        server.read_request(peer)
        peer.sendall(OK)
        while server.read_request(peer):
            peer.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not server.done.wait(0.02):
                peer.sendall(b"y")

    server = receiver(once)

    with Session() as session:
        assert post(server.url, session=session).delivered
        assert post(server.url, session=session, deadline=SHORT).outcome == "deadline"

    assert server.connections == 1


def test_a_connection_with_unread_rest_is_not_used_again(receiver):
    parts = iter(
        [b"HTTP/1.1 103 Early Hints\r\n\r\n", response("200", bytes(10**6)), OK]
    )

    def answer(server, peer):
        while server.read_request(peer):
            peer.sendall(next(parts))

    server = receiver(answer)

    with Session() as session:
        outcomes = [post(server.url, session=session).outcome for _ in range(3)]

    assert outcomes == ["bad_response", "ok", "ok"]
    assert server.connections == 3


def test_a_connection_the_receiver_closed_is_made_again(receiver):
    server = receiver(saying(OK))

    with Session() as session:
        for _ in range(2):
            assert post(server.url, session=session).delivered
            time.sleep(0.05)

    assert server.connections == 2


def test_cookies_are_not_kept(receiver):
    said = response("200 OK", Set_Cookie="a=b", Connection="close")  # it does
    server = receiver(saying(said))

    with Session() as session:
        post(server.url, session=session)
        post(server.url, session=session)
        assert len(session.cookies) == 0

    assert "cookie" not in server.requests[1][0].lower()


def test_each_endpoint_and_thread_has_a_session():
    sessions, elsewhere = Sessions(), []
    mine = sessions.of("one")
    thread = threading.Thread(target=lambda: elsewhere.append(sessions.of("one")))
    thread.start()
    thread.join()

    assert sessions.of("one") is mine
    assert sessions.of("two") is not mine
    assert elsewhere[0] is not mine


def test_the_sessions_used_longest_ago_go_first(monkeypatch):
    closed = []

    def close(session):
        closed.append(session)

    monkeypatch.setattr(Session, "close", close)
    sessions = Sessions(limit=2)
    one, two = sessions.of(1), sessions.of(2)

    assert sessions.of(1) is one
    three = sessions.of(3)

    assert closed == [two]
    assert sessions.of(1) is one
    assert sessions.of(3) is three


# --- mistakes of ours


@pytest.mark.parametrize("deadline", [0, -1, float("nan"), float("inf")])
def test_a_deadline_is_a_positive_number(deadline):
    with pytest.raises(ValueError, match="deadline"):
        post("https://hooks.test/", deadline=deadline)


@pytest.mark.parametrize(
    "headers", [{"X": "a\r\nY: b"}, {"X\n": "a"}, {"X": "қ"}, {"": "a"}, {"X": 1}]
)
def test_headers_that_cannot_be_sent_are_refused(headers):
    with pytest.raises(ValueError):  # noqa: PT011 - each says it in its own words
        post("https://hooks.test/", headers=headers)


def test_a_session_of_another_kind_is_refused():
    with requests.Session() as session, pytest.raises(TypeError, match="session_of"):
        post("https://hooks.test/", session=session)


def test_our_session_sends_nothing_by_itself(receiver):
    server = receiver(saying(OK))

    with Session() as session, pytest.raises(LookupError):
        session.post(server.url)

    assert server.connections == 0


def test_the_watchdog_goes_when_the_answer_has_come(receiver):
    before = set(threading.enumerate())

    assert post(receiver(saying(OK)).url, deadline=60).delivered

    started = set(threading.enumerate()) - before
    for watchdog in (t for t in started if isinstance(t, threading.Timer)):
        watchdog.join(20)
        assert not watchdog.is_alive()
