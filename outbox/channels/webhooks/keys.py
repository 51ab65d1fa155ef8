"""
The keys that sign webhooks and check them, as Standard Webhooks writes them.

`whsec_` is a secret that both sides share; it signs and checks `v1` (HMAC-SHA256).
`whsk_` stays with the sender and signs `v1a` (Ed25519); `whpk_`, its public half,
checks it. Behind each stands base64. Nothing here says a key in an error or a repr.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from secrets import token_bytes
from typing import ClassVar, Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

Version = Literal["v1", "v1a"]
VERSIONS: tuple[Version, ...] = ("v1", "v1a")

SHARED, SECRET, PUBLIC = "whsec_", "whsk_", "whpk_"
SHORTEST_SHARED, NEW_SHARED, LONGEST_SHARED = 24, 32, 64  # bytes
ED25519_BYTES, SIGNATURE_BYTES = 32, 64
MOST_TRIED = 10  # v1a signatures of one message


class Signer(Protocol):
    """What a sender holds."""

    version: ClassVar[Version]

    def sign(self, content: bytes) -> str:
        """Return the signature, as it stands in the header."""


class Checker(Protocol):
    """What a receiver holds."""

    def made_one(self, signatures: Sequence[str], content: bytes) -> bool:
        """Tell whether one of the signatures is this key's, over this content."""


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """Signs and checks `v1`."""

    version: ClassVar[Version] = "v1"

    key: bytes = field(repr=False)

    def sign(self, content: bytes) -> str:
        """Return `v1,<base64>`."""
        digest = hmac.digest(self.key, content, hashlib.sha256)
        return "v1," + base64.b64encode(digest).decode()

    def made_one(self, signatures: Sequence[str], content: bytes) -> bool:
        """Compare as text: no second spelling of the same base64 gets through."""
        mine = self.sign(content).encode()
        return any(
            hmac.compare_digest(mine, theirs.encode(errors="replace"))
            for theirs in signatures
        )


@dataclass(frozen=True, slots=True)
class SecretKey:
    """Signs `v1a`."""

    version: ClassVar[Version] = "v1a"

    key: Ed25519PrivateKey = field(repr=False)

    def sign(self, content: bytes) -> str:
        """Return `v1a,<base64>`."""
        return "v1a," + base64.b64encode(self.key.sign(content)).decode()


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Checks `v1a`."""

    key: Ed25519PublicKey

    def made_one(self, signatures: Sequence[str], content: bytes) -> bool:
        """Try what is well formed, and not without end: each costs a hash of it all."""
        found = (each.partition(",") for each in signatures)
        decoded = (_decoded(text) for version, _, text in found if version == "v1a")
        formed = (each for each in decoded if each and len(each) == SIGNATURE_BYTES)
        return any(self._made(each, content) for each in islice(formed, MOST_TRIED))

    def _made(self, signature: bytes, content: bytes) -> bool:
        try:
            self.key.verify(signature, content)
        except InvalidSignature:
            return False
        return True


def new(version: Version) -> str:
    """Return a fresh key to sign with: `whsec_` for v1, `whsk_` for v1a."""
    if version == "v1":
        return SHARED + base64.b64encode(token_bytes(NEW_SHARED)).decode()
    key = Ed25519PrivateKey.generate()
    return SECRET + base64.b64encode(key.private_bytes_raw()).decode()


def public_of(secret: str) -> str:
    """Return the `whpk_` of a `whsk_`, and "" for a secret that has none."""
    key = signer(secret)
    if not isinstance(key, SecretKey):
        return ""
    public = key.key.public_key().public_bytes_raw()
    return PUBLIC + base64.b64encode(public).decode()


def signer(text: str) -> Signer:
    """
    Return the key of a sender.

    Raises ValueError for what is not `whsec_` and the base64 of 24 to 64 bytes,
    or `whsk_` and the base64 of 32.
    """
    if text.startswith(SECRET):
        return SecretKey(Ed25519PrivateKey.from_private_bytes(_ed25519(text, SECRET)))
    return _shared(text, or_else=SECRET)


def checker(text: str) -> Checker:
    """Return the key of a receiver, `whsec_` or `whpk_`; raise ValueError for none."""
    if text.startswith(PUBLIC):
        return PublicKey(Ed25519PublicKey.from_public_bytes(_ed25519(text, PUBLIC)))
    return _shared(text, or_else=PUBLIC)


def _shared(text: str, *, or_else: str) -> SharedSecret:
    if not text.startswith(SHARED):
        raise ValueError(f"A webhook key starts with {SHARED!r} or {or_else!r} here.")
    key = _after(text, SHARED)
    if not SHORTEST_SHARED <= len(key) <= LONGEST_SHARED:
        raise ValueError(
            f"A webhook secret holds {SHORTEST_SHARED} to {LONGEST_SHARED} bytes; "
            f"this one holds {len(key)}."
        )
    return SharedSecret(key)


def _ed25519(text: str, prefix: str) -> bytes:
    key = _after(text, prefix)
    if len(key) != ED25519_BYTES:
        raise ValueError(
            f"A {prefix!r} key holds {ED25519_BYTES} bytes; this one holds {len(key)}."
        )
    return key


def _after(text: str, prefix: str) -> bytes:
    decoded = _decoded(text.removeprefix(prefix))
    if decoded is None:
        raise ValueError(f"A webhook key is padded base64 after {prefix!r}.")
    return decoded


def _decoded(text: str) -> bytes | None:
    """Return what base64 stands for; None for a text that is not its one spelling."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return decoded if base64.b64encode(decoded).decode() == text else None
