"""Doing things at the same moment, each on a connection of its own."""

from __future__ import annotations

import threading

from django.db import connections

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
