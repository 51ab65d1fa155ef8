"""
Where a message may go: the addresses of a name, resolved once and judged.

Resolving blocks and cannot be ended, so it is done in threads, of which there are
only so many; who waits for one goes when the time is up.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult

from outbox.channels.webhooks.answers import Outcome
from outbox.channels.webhooks.public import Address, is_public, is_web_port

ADDRESSES_TRIED = 4  # of one name, in one attempt
LOOKUPS = 16  # names being resolved at a time, in this process


def system_addresses(host: str, port: int) -> list[str]:
    """Resolve as the machine does. Blocks; raises OSError or UnicodeError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPolicy:
    """
    Where a message may go.

    `resolve` gives a name's addresses, `allows` judges each of them (IPv4
    mapped into IPv6 comes unwrapped); one that is forbidden forbids the name.
    `allows_port` judges the port, also one that the URL leaves to its scheme.
    """

    allow_http: bool = False
    resolve: Callable[[str, int], Sequence[str]] = system_addresses
    allows: Callable[[Address], bool] = is_public
    allows_port: Callable[[int], bool] = is_web_port


PUBLIC = AddressPolicy()
ANYWHERE = AddressPolicy(
    allow_http=True, allows=lambda address: True, allows_port=lambda port: True
)
"""For development: plain http, this machine too, and whatever port."""


class Refused(Exception):
    """There will be no connection."""

    def __init__(self, outcome: Outcome, text: str) -> None:
        super().__init__(text)
        self.outcome = outcome


def port_of(parts: SplitResult) -> int:
    """Return the port of a URL, or that of its scheme; raise ValueError for none."""
    if parts.port is None:
        return 443 if parts.scheme == "https" else 80
    return parts.port


def vetted(
    parts: SplitResult, policy: AddressPolicy, left: Callable[[], float]
) -> list[Address]:
    """Return the addresses of a URL's host, when every one of them is allowed."""
    host, port = parts.hostname or "", port_of(parts)
    try:
        found = _literal(host) or _in_bounded_thread(
            lambda: policy.resolve(host, port), left
        )
    except TimeoutError:
        raise
    except (OSError, UnicodeError) as fault:
        raise Refused("dns_error", f"{host} has no address: {fault}") from fault
    addresses = [_unmapped(ip_address(text)) for text in found]
    if not addresses:
        raise Refused("dns_error", f"{host} has no address.")
    if not all(policy.allows(address) for address in addresses):
        raise Refused("blocked_address", f"{host} leads to a forbidden address.")
    return addresses[:ADDRESSES_TRIED]


def _literal(host: str) -> list[str]:
    """Return the address that a host is written as; nothing for a name."""
    try:
        return [str(ip_address(host))]
    except ValueError:
        return []


def _unmapped(address: Address) -> Address:
    return getattr(address, "ipv4_mapped", None) or address


_lookups = threading.BoundedSemaphore(LOOKUPS)


def _in_bounded_thread(
    work: Callable[[], Sequence[str]], left: Callable[[], float]
) -> Sequence[str]:
    """Do blocking work that cannot be ended; stop waiting for it when time is up."""
    places, result = _lookups, Future[Sequence[str]]()

    def run() -> None:
        try:
            result.set_result(work())
        except Exception as fault:  # noqa: BLE001 - raised where the result is read
            result.set_exception(fault)
        finally:
            places.release()

    if not places.acquire(timeout=left()):
        raise TimeoutError("Too many names are being resolved.")
    try:
        threading.Thread(target=run, daemon=True).start()
    except RuntimeError:
        places.release()
        raise
    return result.result(timeout=left())
