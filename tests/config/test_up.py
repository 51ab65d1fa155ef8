"""The command that runs a whole library: where it listens, when it is ready."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from config import machine
from config.management.commands import up
from config.state import CHECKOUT


@pytest.fixture
def a_free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.fixture
def state():
    folder = Path(tempfile.mkdtemp())
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def a_library(committed_db, a_free_port, state):
    """Run a library on the test's database; it is killed if it does not stop."""
    running = []
    manage = CHECKOUT / "manage.py"

    def run(**env):
        library = subprocess.Popen(
            [sys.executable, manage, "up", "--relays=0", f"--port={a_free_port}"],
            env=os.environ
            | {"DATABASE_URL": committed_db, "KUTUBXONA_STATE": str(state)}
            | env,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(library)
        return library

    yield run

    for library in running:
        library.kill()
        library.communicate()


def test_the_first_password_is_shown_whatever_proxy_and_hosts_there_are(
    a_library, state
):
    library = a_library(
        ALLOWED_HOSTS="library.example,other.example",
        PUBLIC_URL="https://library.example",
        http_proxy="http://127.0.0.1:9",
    )

    for line in library.stdout:
        if "shown once" in line:
            break
    library.send_signal(signal.SIGTERM)
    rest, _ = library.communicate(timeout=30)

    name, password = (state / "first_librarian").read_text().split()
    assert f"log in as {name} with password {password} " in line
    assert rest.endswith("stopped\n")
    assert library.returncode == 0


@pytest.mark.parametrize(
    ("allowed", "asked"),
    [
        (["library.example", "other.example"], "library.example"),
        ([".library.example"], "library.example"),
        (["*"], "localhost"),
        (["[::1]"], "[::1]"),
    ],
)
def test_the_library_is_asked_by_a_name_it_answers_to(
    settings, httpserver, allowed, asked
):
    settings.ALLOWED_HOSTS = allowed
    httpserver.expect_request("/readyz", headers={"Host": asked}).respond_with_data()

    assert up._is_ready(httpserver.url_for("/readyz"))


def test_nobody_there_is_not_ready(a_free_port):
    assert not up._is_ready(f"http://127.0.0.1:{a_free_port}/readyz")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("library", "library:80")],
)
def test_an_address_stands_as_in_a_url(host, expected):
    assert machine.address(host, 80) == expected


@pytest.mark.parametrize("port", [1, 65535])
def test_a_port_within_the_limits_is_taken(port):
    parser = up.Command().create_parser("manage.py", "up")

    assert parser.parse_args(["--port", str(port)]).port == port


@pytest.mark.parametrize("port", ["0", "65536", "99999", "-1", "many", "²"])
def test_a_port_beyond_the_limits_is_refused(port):
    with pytest.raises(CommandError, match="is no port from 1 to 65535"):
        call_command("up", "--port", port)
