"""How the values of the environment are read: the kinds environs does not know."""

from __future__ import annotations

import base64
import importlib.util
import logging
import re
import secrets
from email.utils import parseaddr
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import psycopg
from environs import Env, EnvError
from psycopg.conninfo import conninfo_to_dict

from config import embedded
from config.state import keep_private, make_state_folder

POSTGRESQL = ("postgresql://", "postgres://")
BROKERS = ("amqp", "amqps", "redis", "rediss")  # besides PostgreSQL
PREPARE_THRESHOLD = 5  # a statement said as often by a connection has its plan kept
SEALING_KEY_BYTES = 32  # AES-256
SMTP_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


def add_parsers(env: Env) -> None:
    """Teach `env` this project's kinds of value."""
    env.add_parser("http_url", http_url)
    env.add_parser("database", database)
    env.add_parser("broker_url", broker_url)
    env.add_parser("smtp_url", smtp_url)
    env.add_parser("sender", sender)
    env.add_parser("apps", apps)
    env.add_parser("log_level_name", log_level_name)
    env.add_parser("sealing_keys", sealing_keys)


def http_url(value: str) -> str:
    """Return an http or https URL without the slash at its end."""
    parts = _split(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EnvError("is no URL such as https://library.example")
    return value.rstrip("/")


def database(value: str) -> dict[str, Any]:
    """
    Return Django's settings for a PostgreSQL URL, read by libpq's own rules.

    Empty means this checkout's own server, and while that is not running an engine
    that says so to whoever connects.
    """
    value = value or embedded.url_of_running() or ""
    if not value:
        return {"ENGINE": "config.no_database", "NAME": "none"}
    rest: dict[str, Any] = _postgresql_parameters(value)
    rest.setdefault("connect_timeout", "5")  # seconds; libpq would wait for minutes
    rest["prepare_threshold"] = PREPARE_THRESHOLD
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": rest.pop("dbname", ""),
        "USER": rest.pop("user", ""),
        "PASSWORD": rest.pop("password", ""),
        "HOST": rest.pop("host", ""),
        "PORT": rest.pop("port", ""),
        "OPTIONS": rest,
    }


def broker_url(value: str) -> str:
    """Return the URL of a broker of a kind we know; empty means the database."""
    if value.startswith(POSTGRESQL):
        _postgresql_parameters(value)
    elif value and _split(value).scheme not in BROKERS:
        raise EnvError("starts with none of postgresql://, amqp://, redis://")
    return value


def smtp_url(value: str) -> dict[str, Any]:
    """
    Return the parts of smtp://user:password@host:port.

    `smtp+tls` changes to TLS after connecting (STARTTLS), `smtps` starts with it.
    """
    parts = _split(value)
    if parts.scheme not in SMTP_PORTS or not parts.hostname:
        raise EnvError("is no URL such as smtp+tls://user:password@host:587")
    return {
        "host": parts.hostname,
        "port": parts.port or SMTP_PORTS[parts.scheme],
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "ssl": parts.scheme == "smtps",
        "tls": parts.scheme == "smtp+tls",
    }


def sender(value: str) -> str:
    """Return the sender of letters; the domain of the address ends Message-IDs."""
    _, address = parseaddr(value)
    user, _, domain = address.rpartition("@")
    if not (user and domain and address.isascii() and value.isprintable()):
        raise EnvError("is no sender such as Library <desk@library.example>")
    return value


def apps(value: str) -> list[str]:
    """Return the names of Django apps, or of their configurations."""
    names = [name.strip() for name in value.split(",") if name.strip()]
    for name in names:
        package, _, _ = name.partition(".")
        if not package or importlib.util.find_spec(package) is None:
            raise EnvError(f"{name!r} is no app: Python finds no package {package!r}")
    return names


def log_level_name(value: str) -> str:
    """Return the name of a log level, in capitals."""
    if value.upper() not in logging.getLevelNamesMapping():
        raise EnvError(f"{value!r} is no log level such as INFO")
    return value.upper()


def sealing_keys(value: str) -> dict[str, bytes]:
    """Return keys by their ids, in order: `id:base64,id:base64`. Errors quote none."""
    keys: dict[str, bytes] = {}
    for number, entry in enumerate(filter(None, value.split(",")), start=1):
        key_id, _, text = entry.strip().partition(":")
        try:
            key = base64.b64decode(text, validate=True)
        except ValueError:
            key = b""
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", key_id) or key_id in keys:
            raise EnvError(
                f"entry {number} does not begin with an id of its own (A-Z a-z 0-9 _ . "
                "-) and a colon, such as 2026-03:"
            )
        if len(key) != SEALING_KEY_BYTES:
            raise EnvError(
                f"the key in entry {number} is not the base64 of {SEALING_KEY_BYTES} "
                "bytes; `openssl rand -base64 32` makes one"
            )
        keys[key_id] = key
    return keys


def kept_secret_key() -> str:
    """Return this installation's own key; made at first need, for its owner only."""
    path = make_state_folder() / "secret_key"
    if not path.exists():
        return keep_private(path, secrets.token_urlsafe(64))
    return path.read_text()


def host_of(url: str) -> str:
    """Return the host of a URL as Django's ALLOWED_HOSTS wants it."""
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _split(value: str) -> SplitResult:
    """Return the parts of a URL. Errors quote nothing of it: it can hold a password."""
    try:
        parts = urlsplit(value)
        _check_port(parts.port)
    except ValueError:
        raise EnvError(
            "is no URL: its host is written wrongly, or its port is none of 1–65535"
        ) from None
    return parts


def _check_port(port: int | None) -> None:
    if port is not None and not 1 <= port <= 65535:
        raise ValueError(port)


def _postgresql_parameters(value: str) -> dict[str, Any]:
    """Return what a PostgreSQL URL says; libpq's own errors quote the password."""
    if not value.startswith(POSTGRESQL):
        raise EnvError("is no URL such as postgresql://user:password@host/name")
    try:
        found: dict[str, Any] = dict(conninfo_to_dict(value))
        for port in filter(None, found.get("port", "").split(",")):
            _check_port(int(port))
    except (psycopg.ProgrammingError, ValueError):
        raise EnvError(
            "is no PostgreSQL URL: a part is wrong, its port is none of 1–65535, or a "
            "special character is not written as %XX"
        ) from None
    return found
