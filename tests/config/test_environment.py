"""What the environment may say, and how it is told that it is wrong."""

from __future__ import annotations

import base64
import os
import subprocess
import sys

import pytest
from environs import EnvError

from config import environment
from config.state import CHECKOUT

PASSWORD = "s3cret"


def run(*arguments, **env):
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"SECRET_KEY": "only a test"} | env,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )


WRONG = {
    "DATABASE_URL": f"postgresql://u:{PASSWORD}%zz@h/db",
    "PUBLIC_URL": f"http://u:{PASSWORD}@[::1",
    "BROKER_URL": f"amqp://u:{PASSWORD}@h:99999",
    "EMAIL_URL": f"smtp://u:{PASSWORD}@[::1",
    "LETTERS_FROM": "nobody",
    "EXTRA_APPS": "nonsense",
    "SEALING_KEYS": PASSWORD,
    "LOAN_DAYS": "3651",
}


def test_all_that_is_wrong_is_told_at_once_without_a_traceback_or_a_password():
    done = run("manage.py", "prepare", **WRONG)

    assert done.returncode == 1
    told = [line.strip().partition(":")[0] for line in done.stderr.splitlines()]
    assert sorted(told[1:]) == sorted(WRONG)
    assert PASSWORD not in done.stdout + done.stderr


def test_what_is_right_at_the_limit_is_taken():
    ask = "from config import settings; print(settings.LOAN_DAYS, settings.EXTRA_APPS)"

    done = run("-c", ask, LOAN_DAYS="3650", EXTRA_APPS="config.apps.X, wsgiref")

    assert done.stdout == "3650 ['config.apps.X', 'wsgiref']\n", done.stderr


READERS = [
    (environment.http_url, "http"),
    (environment.smtp_url, "smtp"),
    (environment.broker_url, "redis"),
    (environment.broker_url, "amqp"),
    (environment.broker_url, "postgresql"),
    (environment.database, "postgresql"),
]


@pytest.mark.parametrize(("read", "scheme"), READERS)
@pytest.mark.parametrize("place", ["h", "h:1", "h:65535", "[::1]", "[::1]:25"])
def test_a_url_with_a_host_and_a_port_is_taken(read, scheme, place):
    assert read(f"{scheme}://u:p%40ss@{place}/0")


@pytest.mark.parametrize(("read", "scheme"), READERS)
@pytest.mark.parametrize("place", ["[::1", "h:0", "h:65536", "h:notaport"])
def test_a_url_with_a_wrong_host_or_port_is_refused_and_not_quoted(read, scheme, place):
    with pytest.raises(EnvError) as refusal:
        read(f"{scheme}://u:{PASSWORD}@{place}/0")

    assert PASSWORD not in str(refusal.value)
    assert refusal.value.__suppress_context__


@pytest.mark.parametrize("read", [environment.database, environment.broker_url])
def test_a_database_of_several_hosts_is_taken(read):
    assert read("postgresql://u@one:5432,two/db?port=5432,5433")


@pytest.mark.parametrize("read", [environment.http_url, environment.smtp_url])
@pytest.mark.parametrize("value", [f"ftp://u:{PASSWORD}@h", PASSWORD, "http:///"])
def test_a_url_of_another_kind_is_refused_and_not_quoted(read, value):
    with pytest.raises(EnvError, match="is no URL such as") as refusal:
        read(value)

    assert PASSWORD not in str(refusal.value)


@pytest.mark.parametrize(
    "value",
    [
        "desk@localhost",
        "Kutubxona <library@localhost>",
        "Oʻqish <desk@library.example>",
    ],
)
def test_a_sender_has_an_address(value):
    assert environment.sender(value) == value


@pytest.mark.parametrize(
    "value",
    ["", "desk", "desk@", "@h", "Desk <desk>", "oʻqish@h", "d@oʻ.example", "D\n <d@h>"],
)
def test_a_sender_without_an_address_in_ascii_is_refused(value):
    with pytest.raises(EnvError, match="is no sender"):
        environment.sender(value)


def test_apps_are_named_by_package_or_by_configuration():
    assert environment.apps("") == []
    assert environment.apps("wsgiref, config.apps.X,") == ["wsgiref", "config.apps.X"]


@pytest.mark.parametrize("value", ["nonsense", "wsgiref,nonsense.apps.X", ".wsgiref"])
def test_an_app_that_python_does_not_find_is_refused(value):
    with pytest.raises(EnvError, match="is no app"):
        environment.apps(value)


KEY, OTHER_KEY = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


def test_sealing_keys_keep_their_order():
    keys = environment.sealing_keys(f"2026-03:{KEY}, old.1:{OTHER_KEY}")

    assert list(keys.items()) == [("2026-03", b"\1" * 32), ("old.1", b"\2" * 32)]
    assert environment.sealing_keys("") == {}


def test_sealing_keys_come_from_the_environment():
    ask = "from config import settings; print(list(settings.OUTBOX['SEALING_KEYS']))"

    done = run("-c", ask, SEALING_KEYS=f"new:{KEY},old:{OTHER_KEY}")

    assert done.stdout == "['new', 'old']\n", done.stderr


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (KEY, "entry 1 does not begin with an id"),
        (f":{KEY}", "entry 1 does not begin with an id"),
        (f"a b:{KEY}", "entry 1 does not begin with an id"),
        (f"a:{KEY},a:{OTHER_KEY}", "entry 2 does not begin with an id of its own"),
        (KEY[:40], "key in entry 1 is not the base64 of 32 bytes"),
        (f"a:{KEY},b:{KEY[:-4]}", "key in entry 2 is not the base64 of 32 bytes"),
        (f"a:{KEY[:-1]}", "key in entry 1 is not the base64 of 32 bytes"),
        (f"a:{KEY}AAAA", "key in entry 1 is not the base64 of 32 bytes"),
        (f"a:{KEY[:-3]}қE=", "key in entry 1 is not the base64 of 32 bytes"),
    ],
)
def test_a_sealing_key_that_cannot_be_is_refused_and_not_quoted(value, why):
    with pytest.raises(EnvError, match=why) as refusal:
        environment.sealing_keys(value)

    assert KEY[:10] not in str(refusal.value)
    assert refusal.value.__context__ is None
