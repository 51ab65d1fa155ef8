"""
Where a message may go: which addresses are public, and that no URL gets past that.

GUARD_URLS says how many URLs are made up, and GUARD_SEED which; `make proof` does.
"""

from __future__ import annotations

import os
import secrets
import socket
from ipaddress import IPv4Address, ip_address
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outbox.channels.webhooks import public, transport
from outbox.channels.webhooks.addresses import AddressPolicy, system_addresses
from outbox.channels.webhooks.connections import Session
from tests.outbox.webhooks.strange_urls import (
    FORBIDDEN_IPV4,
    FORBIDDEN_IPV6,
    PUBLIC,
    TRANSITIONS,
    may_be_reached,
    resolving_to,
    urls,
)

URLS = int(os.environ.get("GUARD_URLS", "1500"))
SEED = os.environ.get("GUARD_SEED") or secrets.token_hex(4)

forbidden_ipv4 = st.sampled_from(FORBIDDEN_IPV4).flatmap(
    lambda network: st.ip_addresses(v=4, network=network)
)
forbidden_ipv6 = st.sampled_from(FORBIDDEN_IPV6).flatmap(
    lambda network: st.ip_addresses(v=6, network=network)
)


def judged(text):
    """Return what becomes of a message to a name with this address."""
    policy = AddressPolicy(resolve=lambda host, port: [text])
    parts = transport.urlsplit("https://hooks.test/")
    try:
        return transport.vetted(parts, policy, lambda: 5.0)
    except transport.Refused as refused:
        return refused.outcome


@given(forbidden_ipv4, st.sampled_from(sorted(TRANSITIONS)))
@example(IPv4Address("127.0.0.1"), "NAT64")
@example(IPv4Address("169.254.169.254"), "6to4")
@example(IPv4Address("10.0.0.1"), "ISATAP")
def test_a_forbidden_ipv4_address_is_forbidden_in_every_transition_form(ipv4, form):
    assert judged(str(ipv4)) == "blocked_address"
    assert judged(str(TRANSITIONS[form](ipv4))) == "blocked_address"


@given(forbidden_ipv6)
def test_a_special_ipv6_address_is_forbidden(ipv6):
    assert judged(str(ipv6)) == "blocked_address"


@pytest.mark.parametrize("network", public.SPECIAL_IPV4 + public.SPECIAL_IPV6, ids=str)
def test_a_special_network_is_forbidden_from_its_first_to_its_last_address(network):
    assert judged(str(network[0])) == "blocked_address"
    assert judged(str(network[-1])) == "blocked_address"


NEIGHBOURS = ["1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"]
NEIGHBOURS += ["126.255.255.255", "128.0.0.0", "168.63.129.15", "168.63.129.17"]
NEIGHBOURS += ["169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0"]
NEIGHBOURS += ["192.0.1.0", "192.0.3.0", "192.88.98.255", "192.88.100.0"]
NEIGHBOURS += ["192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0"]
NEIGHBOURS += ["203.0.112.255", "203.0.114.0", "223.255.255.255"]
NEIGHBOURS += ["2000::", "2001:200::", "2001:db7::", "2001:db9::", "2003::"]
NEIGHBOURS += ["2620:4f:7fff::", "2620:4f:8001::", "3ffe::", "3fff:1000::"]


@pytest.mark.parametrize("text", [*NEIGHBOURS, *PUBLIC, "::ffff:1.1.1.1"])
def test_what_lies_beside_a_special_network_is_public(text):
    (address,) = judged(text)

    assert address in (ip_address(text), IPv4Address("1.1.1.1"))


def test_an_address_of_one_interface_is_not_public():
    assert judged("2606:4700::1111%eth0") == "blocked_address"


@pytest.mark.parametrize("host", ["0177.0.0.1", "2130706433", "127.1", "0x7f.1", "0"])
def test_loopback_however_it_is_written_is_found_and_forbidden(host):
    (address,) = system_addresses(host, 443)

    assert address in ("127.0.0.1", "0.0.0.0")
    answer = transport.post(f"https://{host}/", b"", {}, deadline=5)
    assert answer.outcome == "blocked_address"


@pytest.mark.parametrize("port", [80, 443, 1024, 8080, 8443, 65535])
def test_a_port_that_web_servers_are_at_is_allowed(port):
    assert public.is_web_port(port)


@pytest.mark.parametrize(
    "port", [0, 1, 22, 25, 442, 465, 1023, 2375, 5432, 6379, 65536]
)
def test_a_port_of_another_service_is_not(port):
    assert not public.is_web_port(port)


@pytest.mark.parametrize("port", ["25", "6379", "022"])
def test_a_url_with_the_port_of_another_service_is_blocked(port):
    policy = AddressPolicy(resolve=lambda *a: pytest.fail("no name is looked up"))

    answer = transport.post(
        f"https://hooks.test:{port}/", b"", {}, deadline=5, policy=policy
    )

    assert answer.outcome == "blocked_url"


@pytest.fixture
def connected_to(monkeypatch):
    """Let nobody out of the door; return the addresses that somebody was let in to."""
    reached = []

    def connect(self, address):
        reached.append(address[0])
        raise ConnectionRefusedError("nobody leaves this test")

    monkeypatch.setattr(socket.socket, "connect", connect)
    return reached


@pytest.mark.timeout(1800)
def test_no_made_up_url_reaches_a_forbidden_address(connected_to):
    with Session() as session:
        for url, answers in urls(URLS, Random(SEED)):
            policy = AddressPolicy(resolve=resolving_to(answers))
            transport.post(url, b"", {}, deadline=5, session=session, policy=policy)

    forbidden = [text for text in connected_to if not may_be_reached(text)]
    print(  # noqa: T201 - `make proof` reads it
        f"\nurls={URLS} connections={len(connected_to)} forbidden={len(forbidden)} "
        f"seed={SEED}"
    )
    assert forbidden == []
    assert len(connected_to) >= URLS // 10  # what is plain goes through
