"""Certificates for hooks.test: of a local authority, sound or not, and self-signed."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DAY = dt.timedelta(days=1)


def self_signed(path, *, host="hooks.test"):
    """Write a key and a certificate that vouches for itself; return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    return _written(path, key, _certificate(key, host, signer=key, issuer=host))


class Authority:
    """A certificate authority; whoever trusts `file` trusts what it issues."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._name = folder, "An authority for a test"
        self._key = ec.generate_private_key(ec.SECP256R1())
        own = _certificate(self._key, self._name, signer=self._key, issuer=self._name)
        self.file = _written(folder / "authority.pem", self._key, own)

    def issue(self, *, host="hooks.test", ended=False) -> Path:
        """Issue a certificate, one that has ended if asked for; return its file."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = _certificate(
            key, host, signer=self._key, issuer=self._name, ended=ended, is_ca=False
        )
        return _written(self._folder / f"{host}-{ended}.pem", key, made)


def serving(path):
    """Return the TLS context of a server with this key and certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def _certificate(key, name, *, signer, issuer, ended=False, is_ca=True):
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * DAY)
        .not_valid_after(now - DAY if ended else now + DAY)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name.replace(" ", "-"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )


def _named(name):
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _written(path, key, made):
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
