"""A run of the benchmarks: what it leaves behind, and what it says when it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from config.state import CHECKOUT

ENDS_WITHIN = 60


@pytest.fixture
def folder():
    """Return a folder that the server of root's, too, can walk through."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def a_run(folder):
    """Start a run, all of whose files go into the folder; killed if it does not end."""
    started = []

    def run(*what):
        (folder / "temporary").mkdir()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "benchmarks", "--quick", *what),
                *("--json", folder / "bench.json", "--table", folder / "bench.txt"),
            ],
            env=os.environ
            | {
                "KUTUBXONA_STATE": str(folder / "state"),
                "TMPDIR": str(folder / "temporary"),
            },
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield run

    for process in started:
        process.kill()
        process.communicate()


def processes_of(folder):
    """Return the command lines of the processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
            told = line + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in told:
            found.append(line.replace(b"\0", b" ").decode())
    return found


def wait_for(condition):
    give_up_at = time.monotonic() + ENDS_WITHIN
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def test_an_unknown_benchmark_is_refused_before_anything_starts(a_run, folder):
    run = a_run("append", "nothing")

    said, _ = run.communicate(timeout=ENDS_WITHIN)

    assert run.returncode == 2
    assert "no benchmark is named nothing" in said
    assert not (folder / "state").exists()


@pytest.mark.parametrize(
    ("what", "running", "how"),
    [
        ("append", "pgbench", signal.SIGINT),
        ("borrow", "spawn_main", signal.SIGTERM),
        ("letters", "manage.py relay", signal.SIGINT),
    ],
)
def test_an_interrupted_run_leaves_no_process_and_no_file(
    a_run, folder, what, running, how
):
    run = a_run(what)
    wait_for(lambda: any(running in line for line in processes_of(folder)))

    run.send_signal(how)
    said, _ = run.communicate(timeout=ENDS_WITHIN)

    assert run.returncode == 130, said
    assert processes_of(folder) == []
    assert list((folder / "temporary").iterdir()) == []
    assert list((folder / "state" / "throwaway").iterdir()) == []
