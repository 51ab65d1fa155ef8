"""
The folder for what this checkout keeps, and the private files in it.

Nobody but its owner can look into it; of root's, others may walk through.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

CHECKOUT = Path(__file__).resolve().parent.parent
SYSTEM_FOLDER = Path("/var/lib/kutubxona")


def state_folder() -> Path:
    """
    Return the folder for what this checkout keeps: database, keys, passwords.

    PostgreSQL refuses to run as root, so root's server runs as another user, who
    must be able to reach the folder: then it lies outside anybody's home.
    KUTUBXONA_STATE names another folder.
    """
    if chosen := os.environ.get("KUTUBXONA_STATE"):
        return Path(chosen).absolute()
    if is_root():
        return SYSTEM_FOLDER / short_hash(CHECKOUT)
    return CHECKOUT / ".state"


def make_state_folder() -> Path:
    """Make the state folder if need be, and return it."""
    return make_folder(state_folder())


def make_folder(folder: Path) -> Path:
    """
    Make a folder, private but for what root's server must walk through.

    One that is there already stays as it is, and is refused if others can write.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        with contextlib.suppress(FileExistsError):  # another process made it just now
            path.mkdir(mode=0o700)
            path.chmod(0o711 if is_root() else 0o700)
    _check_is_ours(folder)
    return folder


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    _private_draft(path, text).replace(path)


def keep_private(path: Path, text: str) -> str:
    """Write a private file unless there is one by now; return what it says."""
    draft = _private_draft(path, text)
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
    return path.read_text()


def _check_is_ours(folder: Path) -> None:
    """Raise ImproperlyConfigured for a folder in which others could change files."""
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise ImproperlyConfigured(
            f"The folder {folder} belongs to another user. Let KUTUBXONA_STATE name "
            "one of your own, or one that does not exist yet."
        )
    if found.st_mode & 0o022:
        raise ImproperlyConfigured(
            f"Others can write to the folder {folder}. Take that away from them "
            "(chmod go-w), or let KUTUBXONA_STATE name a folder of your own."
        )


def _private_draft(path: Path, text: str) -> Path:
    """Write a file that only its owner can read, beside where it shall be."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return draft


def is_root() -> bool:
    """Answer whether this process may do everything."""
    return os.geteuid() == 0


def short_hash(path: Path) -> str:
    """Return a name for a path that is short, and always the same."""
    return hashlib.sha256(str(path).encode()).hexdigest()[:12]
