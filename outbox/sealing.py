"""
Secrets at rest: sealed with AES-256-GCM under a key made from SECRET_KEY.

Not hashed, since a signature needs the secret itself. `about` is bound into
the seal: a sealed secret copied to another row does not open there.
"""

from __future__ import annotations

import os
from functools import cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE_BYTES = 12
KEY_BYTES = 32


def seal(secret: str, *, about: str) -> bytes:
    """Return the secret sealed for what it is about."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = _cipher(settings.SECRET_KEY).encrypt(
        nonce, secret.encode(), about.encode()
    )
    return nonce + sealed


def unseal(sealed: bytes, *, about: str) -> str:
    """Return the secret; raise `cryptography.exceptions.InvalidTag` if tampered."""
    nonce, body = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    cipher = _cipher(settings.SECRET_KEY)
    return cipher.decrypt(nonce, body, about.encode()).decode()


@cache
def _cipher(secret_key: str) -> AESGCM:
    derive = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"outbox.seal")
    return AESGCM(derive.derive(secret_key.encode()))
