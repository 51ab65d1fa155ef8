"""Doing things at the same moment, each on a connection of its own."""

from __future__ import annotations

import threading

from django.db import connection, connections

PATIENCE = 60


def at_once(count, work):
    """
    Run `work(number)` in so many threads that start together.

    Return the answers in the order they came; an exception is an answer too.
    """
    start, answers = threading.Barrier(count), []

    def run(number):
        start.wait(PATIENCE)
        try:
            answers.append(work(number))
        except Exception as error:  # noqa: BLE001 - it is an answer
            answers.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return answers


def in_thread(work):
    """Run `work()` in a thread with a connection of its own; return the thread."""

    def run():
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def wait_until_it_waits(thread):
    """Return once another session waits for a lock of ours."""
    with connection.cursor() as cursor:
        while thread.is_alive():
            cursor.execute(
                "SELECT count(*), pg_sleep(0.02) FROM pg_locks "
                "WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return
    raise AssertionError("it did not wait")
