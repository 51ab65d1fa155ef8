"""
Secrets at rest: sealed with AES-256-GCM under one of several keys, each with an id.

The first key of OUTBOX["SEALING_KEYS"] seals, and every one of them unseals. Behind
them stands one made from SECRET_KEY, so that an installation can do without. A seal
begins with the id of its key. Not hashed, since a signature needs the secret itself.

`about` is bound into the seal: one that is copied to another row does not open there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import models

from outbox.errors import BrokenSeal, UnknownSealingKey

NONCE_BYTES = 12
KEY_BYTES = 32
ID_BYTES = 4  # of the id of the key that is made from SECRET_KEY


class Sealed(models.Model):
    """Base of the tables with a secret; what is resealed is found by it."""

    sealed = models.BinaryField()

    class Meta:
        abstract = True

    def about(self) -> str:
        """Return what the secret is about; it never changes."""
        raise NotImplementedError

    def opened(self) -> str:
        """Return the secret; raises CannotUnseal."""
        return unseal(bytes(self.sealed), about=self.about())


def seal(secret: str, *, about: str) -> bytes:
    """Return the secret sealed for what it is about, under the newest key."""
    key_id = newest()
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(_keys()[key_id]).encrypt(nonce, secret.encode(), about.encode())
    return key_id.encode() + b":" + nonce + sealed


def unseal(sealed: bytes, *, about: str) -> str:
    """Return the secret. Raises UnknownSealingKey, and BrokenSeal if tampered with."""
    key_id, body = key_of(sealed), sealed.partition(b":")[2]
    if key_id not in _keys():
        raise UnknownSealingKey(key_id)
    cipher, nonce = AESGCM(_keys()[key_id]), body[:NONCE_BYTES]
    try:
        return cipher.decrypt(nonce, body[NONCE_BYTES:], about.encode()).decode()
    except (InvalidTag, ValueError):
        raise BrokenSeal(about) from None


def key_of(sealed: bytes) -> str:
    """Return the id of the key that something was sealed under."""
    return sealed.partition(b":")[0].decode(errors="replace")


def newest() -> str:
    """Return the id of the key that seals."""
    return next(iter(_keys()))


def _keys() -> Mapping[str, bytes]:
    """Return the keys by their ids, the one that seals first."""
    configured: Mapping[str, bytes] = settings.OUTBOX["SEALING_KEYS"]
    return {**configured, **_made_from(settings.SECRET_KEY)}


@cache
def _made_from(secret_key: str) -> Mapping[str, bytes]:
    derive = HKDF(
        algorithm=SHA256(),
        length=KEY_BYTES + ID_BYTES,
        salt=None,
        info=b"outbox.seal",
    )
    made = derive.derive(secret_key.encode())
    return {f"secret-key-{made[KEY_BYTES:].hex()}": made[:KEY_BYTES]}
