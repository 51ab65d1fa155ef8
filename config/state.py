"""
The folder for what this checkout keeps, and the private files in it.

Nobody but its owner can look into it; of root's, others may walk through.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

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
    """Make a folder, private but for what root's server must walk through."""
    missing = [path for path in folder.parents if not path.exists()]
    for path in (*reversed(missing), folder):
        path.mkdir(exist_ok=True)
    for path in (*missing, folder):
        path.chmod(0o711 if is_root() else 0o700)
    return folder


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


def is_root() -> bool:
    """Answer whether this process may do everything."""
    return os.geteuid() == 0


def short_hash(path: Path) -> str:
    """Return a name for a path that is short, and always the same."""
    return hashlib.sha256(str(path).encode()).hexdigest()[:12]
