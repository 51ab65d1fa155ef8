"""How the values of the environment are read: the kinds environs does not know."""

from __future__ import annotations

import logging
import secrets
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import psycopg
from environs import Env, EnvError
from psycopg.conninfo import conninfo_to_dict

from config import embedded
from config.state import make_state_folder, write_private

BROKERS = ("postgresql", "postgres", "amqp", "amqps", "redis", "rediss")
SMTP_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


def add_parsers(env: Env) -> None:
    """Teach `env` this project's kinds of value."""
    env.add_parser("http_url", http_url)
    env.add_parser("database", database)
    env.add_parser("broker_url", broker_url)
    env.add_parser("smtp_url", smtp_url)
    env.add_parser("log_level_name", log_level_name)


def http_url(value: str) -> str:
    """Return an http or https URL without the slash at its end."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EnvError(f"{value!r} is no URL such as https://library.example")
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
    if not value.startswith(("postgresql://", "postgres://")):
        raise EnvError("is no URL such as postgresql://user:password@host/name")
    try:
        rest: dict[str, Any] = dict(conninfo_to_dict(value))
    except psycopg.ProgrammingError as error:
        raise EnvError(f"is no PostgreSQL URL: {error}") from None
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
    if value and urlsplit(value).scheme not in BROKERS:
        raise EnvError("starts with none of postgresql://, amqp://, redis://")
    return value


def smtp_url(value: str) -> dict[str, Any]:
    """
    Return the parts of smtp://user:password@host:port.

    `smtp+tls` changes to TLS after connecting (STARTTLS), `smtps` starts with it.
    """
    parts = urlsplit(value)
    if parts.scheme not in SMTP_PORTS or not parts.hostname:
        raise EnvError("is no URL such as smtp+tls://user:password@host:587")
    return {
        "host": parts.hostname,
        "port": _port(parts) or SMTP_PORTS[parts.scheme],
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "ssl": parts.scheme == "smtps",
        "tls": parts.scheme == "smtp+tls",
    }


def log_level_name(value: str) -> str:
    """Return the name of a log level, in capitals."""
    if value.upper() not in logging.getLevelNamesMapping():
        raise EnvError(f"{value!r} is no log level such as INFO")
    return value.upper()


def kept_secret_key() -> str:
    """Return this installation's own key; made at first need, for its owner only."""
    path = make_state_folder() / "secret_key"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(64))
    return path.read_text()


def host_of(url: str) -> str:
    """Return the host of a URL as Django's ALLOWED_HOSTS wants it."""
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError as error:
        raise EnvError(str(error)) from None
