"""Processor time: what a piece of work takes of the machine, whoever else uses it."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from django.db import connection


def seconds() -> float:
    """Return what this process, its ended children and the server have used so far."""
    ours = (
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return sum(each.ru_utime + each.ru_stime for each in ours) + _of_the_server()


def _of_the_server() -> float:
    server, ticks = _server(), 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended since
            continue
        times = [int(each) for each in fields[11:15]]  # its own, its ended children's
        if stat.parent.name == server:
            ticks += sum(times)
        elif fields[1] == server:
            ticks += sum(times[:2])
    return ticks / os.sysconf("SC_CLK_TCK")


def _server() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        (folder,) = cursor.fetchone()
    return Path(folder, "postmaster.pid").read_text().split()[0]
