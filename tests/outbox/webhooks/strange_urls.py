"""
URLs made up to get past an address guard, and how to tell that one did.

Every one of them is meant to lead where it must not, but for some plain ones, which
show that the watcher at the door is awake. What may be reached is told apart by the
standard library and by taking transition forms apart, not by the lists under test.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote


def _networks(text):
    return [ip_network(each) for each in text.split()]


FORBIDDEN_IPV4 = _networks(
    """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8
    168.63.129.16/32 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
    192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24
    192.168.0.0/16 192.175.48.0/24 198.18.0.0/15
    198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
    """
)
FORBIDDEN_IPV6 = _networks(
    """
    ::/127 ::/96 64:ff9b::/96 64:ff9b:1::/48 100::/64
    2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48
    3fff::/20 4000::/3 5f00::/16 fc00::/7 fe80::/10
    fec0::/10 ff00::/8
    """
)
PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001:81b::200e"]


def below(prefix):
    """Return a function that puts an IPv4 address into the end of a prefix."""
    start = int(IPv6Address(prefix))
    return lambda ipv4: IPv6Address(start | int(ipv4))


TRANSITIONS = {
    "v4-mapped": below("::ffff:0:0"),
    "v4-compatible": below("::"),
    "v4-translated": below("::ffff:0:0:0"),
    "NAT64": below("64:ff9b::"),
    "NAT64 of one's own": below("64:ff9b:1:abcd::"),
    "6to4": lambda ipv4: IPv6Address(0x2002 << 112 | int(ipv4) << 80 | 1),
    "Teredo server": lambda ipv4: IPv6Address(0x20010000 << 96 | int(ipv4) << 64 | 9),
    "Teredo client": lambda ipv4: IPv6Address(
        0x20010000 << 96 | 0x01010101 << 64 | (int(ipv4) ^ 0xFFFFFFFF)
    ),
    "ISATAP": below("2a00:1450:4001:81b:0:5efe::"),
    "ISATAP, universal": below("2a00:1450:4001:81b:200:5efe::"),
    "ISATAP, link-local": below("fe80::5efe:0:0"),
}

FULL_WIDTH = str.maketrans(
    "0123456789.", "".join(chr(0xFF10 + n) for n in range(10)) + "。"
)
CIRCLED = str.maketrans("123456789", "".join(chr(0x2460 + n) for n in range(9)))

SPELLINGS = [
    str,
    lambda ip: str(int(ip)),
    lambda ip: hex(int(ip)),
    lambda ip: f"0{int(ip):o}",
    lambda ip: ".".join(hex(part) for part in ip.packed),
    lambda ip: ".".join(f"0{part:o}" for part in ip.packed),
    lambda ip: ".".join(f"{part:04o}" for part in ip.packed),
    lambda ip: f"{ip.packed[0]}.{int(ip) & 0xFFFFFF}",
    lambda ip: f"0X{ip.packed[0]:x}.{ip.packed[1]}.{int(ip) & 0xFFFF}",
    lambda ip: f"{ip}.",
    lambda ip: str(ip).translate(FULL_WIDTH),
    lambda ip: str(ip).translate(CIRCLED),
    lambda ip: quote(str(ip).replace("1", "%31"), safe="%"),
]

WRAPPINGS = [
    "https://{0}/",
    "https://{0}/hook?to=https://1.1.1.1/",
    "https://{0}:443",
    "https://{0}:8443/",
    "HTTPS://{0}/",
    " https://{0}/",
    "https://{0}\\@1.1.1.1/",
    "https://1.1.1.1\\@{0}/",
    "https://1.1.1.1@{0}/",
    "https://{0}#@1.1.1.1/",
    "https://{0}?@1.1.1.1/",
    "https:\\\\{0}\\",
    "https://{0}%2f@1.1.1.1/",
    "https://1.1.1.1%00.{0}/",
    "https://{0}%00/",
    "https://{0}\t/",
    "https:/{0}/",
    "https:{0}/",
]


def address_in(network, random):
    return network[random.randrange(network.num_addresses)]


def a_host(random):
    """Return a host as it stands in a URL, and the answers if it is a name."""
    ipv4 = address_in(random.choice(FORBIDDEN_IPV4), random)
    kind = random.random()
    if kind < 0.35:
        return random.choice(SPELLINGS)(ipv4), []
    bad = random.choice(
        [
            ipv4,
            random.choice(list(TRANSITIONS.values()))(ipv4),
            address_in(random.choice(FORBIDDEN_IPV6), random),
        ]
    )
    if kind < 0.65 and bad.version == 6:
        spelled = random.choice([str(bad), bad.exploded, f"{bad}%25eth0", f"{bad}%1"])
        return f"[{spelled}]", []
    answers = [str(bad), *random.sample(PUBLIC, random.randrange(4))]
    random.shuffle(answers)
    return f"hooks{random.randrange(99)}.test", answers


def urls(count, random):
    """Yield (URL, what its name resolves to), one in ten of them plain and public."""
    for number in range(count):
        if number % 10 == 0:
            yield "https://hooks.test/", random.sample(PUBLIC, 2)
        else:
            host, answers = a_host(random)
            yield random.choice(WRAPPINGS).format(host), answers


def resolving_to(answers):
    """Return a resolver with these answers for names; it asks nobody for others."""

    def resolve(host, port):
        if host.endswith(".test") and answers:
            return answers
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
        return [entry[4][0] for entry in found]

    return resolve


def may_be_reached(text):
    """Tell whether the standard library and all that is inside agree that it may."""
    address = ip_address(text)
    return all(_is_plain(each) for each in [address, *_inside(address)])


def _is_plain(address):
    if address == IPv4Address("168.63.129.16"):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _inside(address):
    if isinstance(address, IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    if address in IPv6Network("64:ff9b::/96") or address in IPv6Network("::/96"):
        found.append(last)
    if int(address) >> 32 & 0xFDFFFFFF == 0x5EFE:
        found.append(last)
    return [each for each in found if each is not None]
