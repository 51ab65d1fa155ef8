"""What the environment may say, and how it is told that it is wrong."""

from __future__ import annotations

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
