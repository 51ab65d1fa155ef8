"""
The same statements without Python: what `pgbench` makes of them is the limit.

An operation is carried out once and taken back, and what it said to the database is
written down word for word.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from config.postgresql_programs import programs_and_user

Statements = list[str]


def statements_of(operation: Callable[[], object]) -> Statements:
    """Return what an operation says to the database; it is taken back."""
    said: Statements = []

    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        with connection.connection.cursor() as cursor:
            said.append(cursor.mogrify(sql, params) if params else sql)
        return execute(sql, params, many, context)

    with transaction.atomic(), connection.execute_wrapper(listen):
        operation()
        transaction.set_rollback(True)
    return [each for each in said if "SAVEPOINT" not in each]


def once(scripts: Sequence[Sequence[Statements]]) -> float:
    """Run each script in a session of its own, all at once; return the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.sql" for number in range(len(scripts))]
        for file, operations in zip(files, scripts, strict=True):
            file.write_text("".join(_transaction(each) for each in operations))
        with contextlib.ExitStack() as stack:
            started = time.perf_counter()
            running = [
                stack.enter_context(_running("-t", "1", "-f", str(file)))
                for file in files
            ]
            for process in running:
                _said_at_the_end(process)
            return time.perf_counter() - started


def rate(statements: Statements, *, clients: int, seconds: int) -> float:
    """Repeat a transaction by so many clients; return how many a second."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "script.sql"
        file.write_text(_NEW_ID + _transaction(statements))
        how = ("-c", str(clients), "-j", "2", "-T", str(seconds))
        with _running(*how, "-f", str(file)) as process:
            said = _said_at_the_end(process)
    found = re.search(r"tps = ([0-9.]+)", said)
    if not found:
        raise RuntimeError(f"pgbench says no rate:\n{said}")
    return float(found[1])


# `:id` in a script is another one in each transaction.
_NEW_ID = "SELECT gen_random_uuid() AS id \\gset\n"


def _transaction(statements: Statements) -> str:
    lines = (" ".join(each.split("\n")) for each in ["BEGIN", *statements, "COMMIT"])
    return "".join(f"{line};\n" for line in lines)


@contextlib.contextmanager
def _running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run pgbench; what interrupts us ends it, too."""
    found = connection.get_connection_params()
    where = {"-h": found["host"], "-U": found["user"]}
    if found.get("port"):
        where["-p"] = str(found["port"])
    program = programs_and_user()[0] / "pgbench"
    options = [part for item in where.items() for part in item]
    with subprocess.Popen(
        [str(program), "-n", *options, *arguments, found["dbname"]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PGPASSWORD": found.get("password") or ""},
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _said_at_the_end(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=300)
    if process.returncode:
        raise RuntimeError(f"pgbench failed:\n{said[-2000:]}")
    return said
