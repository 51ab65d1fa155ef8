"""
A PostgreSQL server over one data folder, as a child of this process.

Nobody but the owner of the folder can reach it: it listens on a socket in a
private folder only.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from config.processes import Child
from config.state import short_hash

START_WITHIN = 60.0  # seconds; recovery after a crash takes its time
STOP_WITHIN = 60.0
LONGEST_SOCKET = 107  # bytes, a limit of the kernel

# PostgreSQL's manual begins with a quarter of the memory, on a machine of its own; here
# others live, too.
_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20  # MB
KEPT = {
    "max_connections": "200",
    "listen_addresses": "",
    "shared_buffers": f"{min(max(_MEMORY // 8, 128), 1024)}MB",
}
THROWN_AWAY = KEPT | {
    "shared_buffers": "128MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


class CannotStart(Exception):
    """The server did not come up; the message ends with its own last words."""


@dataclass
class Server:
    """A PostgreSQL server over one data folder, and the child process it is."""

    folder: Path
    programs: Path
    user: str | None
    settings: dict[str, str] = field(default_factory=lambda: dict(KEPT))

    def __post_init__(self) -> None:
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
        if self._noted_process_is_a_server():
            folder = ("-D", str(self.data))
            self._run("pg_ctl", "stop", *folder, "--mode=fast", check=False)

    def _noted_process_is_a_server(self) -> bool:
        """
        Answer whether the process in the server's note works in the data folder.

        The note outlives a crash, and its number may be anybody's by now.
        """
        try:
            process, _, _ = (self.data / "postmaster.pid").read_text().partition("\n")
            return Path(f"/proc/{process}/cwd").samefile(self.data)
        except OSError:
            return False

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
        """
        Read the server's own note; its first line is its process, its last how.

        It is written bit by bit: one that is not whole yet says "not ready".
        """
        try:
            words = (self.data / "postmaster.pid").read_text().split()
        except OSError:
            return False
        process = self.child.process
        ours = process is not None and words[:1] == [str(process.pid)]
        return ours and "ready" in words

    def _last_words(self) -> str:
        return "\n".join(
            (self.folder / "postgresql.log").read_text().splitlines()[-20:]
        )


def answers(url: str) -> bool:
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
    return Path(tempfile.gettempdir()) / f"kutubxona-{short_hash(folder)}"
