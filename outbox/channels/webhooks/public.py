"""
What is public: the addresses and ports that a message of ours may go to.

Lists of our own, because `ipaddress.is_global` lets through multicast, NAT64, 6to4
and what clouds keep their metadata on, and changes with the version of Python.
Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and
what has been added to it), and the port list of the WHATWG Fetch standard.

A NAT64 gateway with a prefix of its operator's own cannot be told from any other
network: whoever runs one beside the relay lets it translate to public addresses only.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

SPECIAL_IPV4 = [
    IPv4Network("0.0.0.0/8"),  # this network
    IPv4Network("10.0.0.0/8"),  # private
    IPv4Network("100.64.0.0/10"),  # shared by a provider's customers (CGNAT)
    IPv4Network("127.0.0.0/8"),  # loopback
    IPv4Network("168.63.129.16/32"),  # the host under a virtual machine at Azure
    IPv4Network("169.254.0.0/16"),  # link-local, and the metadata of most clouds
    IPv4Network("172.16.0.0/12"),  # private
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.0.2.0/24"),  # documentation
    IPv4Network("192.31.196.0/24"),  # AS112: answers for private names
    IPv4Network("192.52.193.0/24"),  # multicast by tunnel (AMT)
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv4Network("192.168.0.0/16"),  # private
    IPv4Network("192.175.48.0/24"),  # AS112
    IPv4Network("198.18.0.0/15"),  # benchmarking
    IPv4Network("198.51.100.0/24"),  # documentation
    IPv4Network("203.0.113.0/24"),  # documentation
    IPv4Network("224.0.0.0/4"),  # multicast
    IPv4Network("240.0.0.0/4"),  # reserved, and broadcast
]

# Whatever is not global unicast is out: loopback, v4-compatible, NAT64 (64:ff9b::/96
# and 64:ff9b:1::/48), discard, segment routing, private, link- and site-local,
# multicast.
GLOBAL_IPV6 = IPv6Network("2000::/3")

SPECIAL_IPV6 = [
    IPv6Network("2001::/23"),  # protocol assignments: Teredo, ORCHID, benchmarking …
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4
    IPv6Network("2620:4f:8000::/48"),  # AS112
    IPv6Network("3fff::/20"),  # documentation
]

LOWEST_FREE_PORT = 1024  # below it, each port belongs to a service that has a name

# Above it: services that may take the lines of a request for commands of theirs.
SERVICE_PORTS = frozenset(
    [
        *(1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566),
        *(6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080),
        # Not in that list, but found inside of networks: databases, caches, brokers.
        *(1433, 2375, 2379, 3306, 3389, 5432, 5672, 6379, 9200, 11211, 27017),
    ]
)


def is_public(address: Address) -> bool:
    """Tell whether an address is a public one, and leads to no other inside it."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in SPECIAL_IPV4)
    if address not in GLOBAL_IPV6 or address.scope_id or _is_isatap(address):
        return False
    return not any(address in network for network in SPECIAL_IPV6)


def is_web_port(port: int) -> bool:
    """Tell whether a port may be a web server's: 443, 80, or a free one."""
    if port in (80, 443):
        return True
    return LOWEST_FREE_PORT <= port <= 65535 and port not in SERVICE_PORTS


def _is_isatap(address: IPv6Address) -> bool:
    """Tell whether the last half is 0:5efe or 200:5efe and an IPv4 address."""
    return int(address) >> 32 & 0xFDFFFFFF == 0x00005EFE
