"""
Secrets at rest: sealed with AES-256-GCM under a key made from SECRET_KEY.

Not hashed, since a signature needs the secret itself. `about` is bound into
the seal: a sealed secret copied to another row does not open there.
"""

from __future__ import annotations

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

NONCE_BYTES = 12
KEY_BYTES = 32


def seal(secret: str, *, about: str) -> bytes:
    """Return the secret sealed for what it is about."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(_key()).encrypt(nonce, secret.encode(), about.encode())


def unseal(sealed: bytes, *, about: str) -> str:
    """Return the secret; raise `cryptography.exceptions.InvalidTag` if tampered."""
    nonce, body = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    return AESGCM(_key()).decrypt(nonce, body, about.encode()).decode()


def _key() -> bytes:
    derive = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"outbox.seal")
    return derive.derive(settings.SECRET_KEY.encode())
