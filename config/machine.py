"""
The processes that make one machine a library: preparation, web server, relays.

Each is a child with an environment that says which database is meant, so that it
is the same command a person would type.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from config.processes import Child
from config.state import CHECKOUT, make_folder, make_state_folder

# What a request, and an attempt to deliver, may take before it is cut off. An
# attempt ends by its own deadline of at most 20 s, and two more to write it down.
WEB_GRACE = 12.0
RELAY_GRACE = 25.0

WEB_WORKERS = 2
WEB_THREADS = 8


def environment(**values: str) -> dict[str, str]:
    """Return this process's environment with some values of its children's."""
    settings = os.environ.get("DJANGO_SETTINGS_MODULE", "config.settings")
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": settings,
        "PYTHONUNBUFFERED": "1",  # a line is passed on when it is written
        "PROMETHEUS_MULTIPROC_DIR": str(counting_folder()),
        **values,
    }


@cache
def counting_folder() -> Path:
    """
    Return the folder in which the children of this process count together.

    Empty at first: a count begins with the machine. Those of processes that are
    gone are cleared away.
    """
    folders = make_folder(make_state_folder() / "metrics")
    own = folders / str(os.getpid())
    for folder in folders.iterdir():
        if folder == own or not _is_running(folder.name):
            shutil.rmtree(folder, ignore_errors=True)
    return make_folder(own)


def _is_running(name: str) -> bool:
    if not name.isdecimal():
        return True  # nothing of ours
    try:
        os.kill(int(name), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's by now
        return True
    return True


def command(
    name: str, *argv: str, env: Mapping[str, str], grace: float = 10.0
) -> Child:
    """Return a child that runs `manage.py` with these arguments."""
    return Child(
        name=name,
        argv=[sys.executable, str(CHECKOUT / "manage.py"), *argv],
        env=env,
        cwd=CHECKOUT,
        grace=grace,
    )


def prepare(env: Mapping[str, str]) -> Child:
    """Return the child that brings a database to what this version needs."""
    return command("prepare", "prepare", env=env, grace=30.0)


def relay(number: int, env: Mapping[str, str]) -> Child:
    """Return one relay worker."""
    return command(f"relay-{number}", "relay", env=env, grace=RELAY_GRACE)


def address(host: str, port: int) -> str:
    """Return host and port as they stand in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def web(address: str, env: Mapping[str, str]) -> Child:
    """Return the web server."""
    options = {
        "bind": address,
        "worker-class": "gthread",
        "workers": str(WEB_WORKERS),
        "threads": str(WEB_THREADS),
        "graceful-timeout": "10",
        "log-level": "warning",
    }
    return Child(
        name="web",
        argv=[sys.executable, "-m", "gunicorn", "config.wsgi"]
        + [f"--{name}={value}" for name, value in options.items()]
        + ["--no-control-socket"],
        env=env,
        cwd=CHECKOUT,
        grace=WEB_GRACE,
    )
