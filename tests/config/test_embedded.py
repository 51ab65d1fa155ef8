"""The folders and servers of this checkout, among other processes and users."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import secrets
import shutil
import stat
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import embedded, environment, postgresql_programs
from config.postgresql import Server
from config.state import is_root, make_folder


@pytest.fixture
def state(monkeypatch):
    """A state folder of the test's own, where nobody else leaves anything."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o711)  # root's PostgreSQL runs as somebody else
    monkeypatch.setenv("KUTUBXONA_STATE", str(folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def server(state):
    with embedded.throwaway(durable=False) as server:
        yield server


@pytest.fixture
def bystander(server):
    """A process that has nothing to do with the server, but the same user."""
    process = subprocess.Popen(["sleep", "60"], user=server.user, cwd="/")
    yield process
    process.kill()
    process.wait()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# --- servers that were left behind ----------------------------------------------


def test_a_server_whose_starter_was_killed_is_stopped(server):
    found_later = Server(server.folder, server.programs, server.user)

    found_later.stop_leftover()

    assert server.child.process.wait(20) == 0


def test_a_stale_note_does_not_stop_a_process_that_has_its_number_now(
    server, bystander
):
    server.stop()
    (server.data / "postmaster.pid").write_text(f"{bystander.pid}\n{server.data}\n")

    server.stop_leftover()

    assert bystander.poll() is None


def test_a_stale_note_of_a_killed_server_does_not_hinder_a_start(server):
    server.child.process.kill()
    server.child.process.wait()

    server.start()

    assert server.child.running()


# --- throw-away folders ----------------------------------------------------------


@pytest.fixture
def new_folder(state):
    """Return what makes folders for throw-away servers; all are held till the end."""
    with contextlib.ExitStack() as held:
        yield lambda: embedded._new_folder(held)


def test_what_is_abandoned_is_deleted_and_what_is_held_stays(new_folder, state):
    first = new_folder()
    abandoned = make_folder(state / "throwaway" / "abandoned")

    second = new_folder()

    assert first.exists()
    assert second.exists()
    assert not abandoned.exists()


def test_a_folder_is_not_taken_for_abandoned_before_it_is_locked(
    new_folder, monkeypatch
):
    made = []
    another = threading.Thread(target=lambda: made.append(new_folder()))

    def let_another_in(folder):
        found = make_folder(folder)
        if folder.name != "throwaway" and not another.ident:
            another.start()
            another.join(0.3)  # it has to wait, so this is all there is to see
        return found

    monkeypatch.setattr(embedded, "make_folder", let_another_in)
    made.append(new_folder())
    another.join(20)

    assert [folder.exists() for folder in made] == [True, True]


# --- folders ----------------------------------------------------------------------


def test_a_folder_is_made_with_its_parents_for_its_owner_only(tmp_path):
    folder = make_folder(tmp_path / "outer" / "inner")

    expected = 0o711 if is_root() else 0o700
    assert [mode(path) for path in (folder, folder.parent)] == [expected, expected]


def test_a_folder_that_was_there_keeps_its_mode(tmp_path):
    tmp_path.chmod(0o755)

    make_folder(tmp_path)

    assert mode(tmp_path) == 0o755


@pytest.mark.parametrize("writable", [0o775, 0o757, 0o1777])
def test_a_folder_that_others_can_write_to_is_refused(tmp_path, writable):
    tmp_path.chmod(writable)

    with pytest.raises(ImproperlyConfigured, match="Others can write to the folder"):
        make_folder(tmp_path)

    assert mode(tmp_path) == writable


def test_a_folder_of_somebody_else_is_refused(tmp_path):
    if is_root():
        os.chown(tmp_path, 65534, 65534)
    folder = tmp_path if is_root() else Path("/")

    with pytest.raises(ImproperlyConfigured, match="belongs to another user"):
        make_folder(folder)


# --- the kept key -----------------------------------------------------------------


def test_the_key_is_kept_for_its_owner_only(state):
    key = environment.kept_secret_key()

    assert environment.kept_secret_key() == key
    assert mode(state / "secret_key") == 0o600
    assert [path.name for path in state.iterdir()] == ["secret_key"]


def test_two_first_starts_at_once_agree_on_the_key(state, monkeypatch):
    others = []

    def another_is_faster(length):
        monkeypatch.undo()
        monkeypatch.setenv("KUTUBXONA_STATE", str(state))
        others.append(environment.kept_secret_key())
        return "the key of the slower one"

    monkeypatch.setattr(secrets, "token_urlsafe", another_is_faster)

    assert [environment.kept_secret_key()] == others


# --- copied programs --------------------------------------------------------------


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of programs, small; its copies go to `copies`."""
    monkeypatch.setattr(postgresql_programs, "SYSTEM_FOLDER", tmp_path / "copies")
    for name in ("package", "package.libs"):
        (tmp_path / name).mkdir()
    (tmp_path / "package" / "postgres").write_text("18")
    return tmp_path / "package"


def copies(package):
    return list((package.parent / "copies").iterdir())


def test_an_upgraded_package_is_copied_anew(package, monkeypatch):
    first = postgresql_programs._copied_programs(package)
    again = postgresql_programs._copied_programs(package)

    monkeypatch.setattr(importlib.metadata, "version", lambda name: "19.0")
    (package / "postgres").write_text("19")
    upgraded = postgresql_programs._copied_programs(package)

    assert first == again
    assert (first / "postgres").read_text() == "18"
    assert (upgraded / "postgres").read_text() == "19"
    assert len(copies(package)) == 2


def test_a_copy_that_another_process_made_meanwhile_is_taken(package, monkeypatch):
    copytree = shutil.copytree

    def another_is_faster(*arguments):
        monkeypatch.undo()
        monkeypatch.setattr(
            postgresql_programs, "SYSTEM_FOLDER", package.parent / "copies"
        )
        postgresql_programs._copied_programs(package)
        return copytree(*arguments)

    monkeypatch.setattr(shutil, "copytree", another_is_faster)
    programs = postgresql_programs._copied_programs(package)

    assert copies(package) == [programs.parent]


def test_a_copy_that_fails_leaves_no_draft(package):
    package.with_name("package.libs").rmdir()

    with pytest.raises(FileNotFoundError):
        postgresql_programs._copied_programs(package)

    assert copies(package) == []
