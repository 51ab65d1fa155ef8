"""Receivers that take their process with them."""

from __future__ import annotations

import os

from library.signals import book_created


def never_ends(**kwargs):
    """Loop until something outside puts an end to it."""
    while True:
        pass


def kills(**kwargs):
    """End the process with no word to anybody."""
    os._exit(1)


def connect(name):
    """Connect the one that a test asks for."""
    receiver = {"poison.never_ends": never_ends, "poison.kills": kills}[name]
    book_created.connect(receiver, dispatch_uid=name)
