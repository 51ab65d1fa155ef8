"""Receivers that raise, or take their process with them; and one that is well."""

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


def raises(**kwargs):
    """Fail each time."""
    raise RuntimeError("poison")


def does_nothing(**kwargs):
    """Be well: what the others are compared with."""


POISONS = {
    "poison.does_nothing": does_nothing,
    "poison.never_ends": never_ends,
    "poison.kills": kills,
    "poison.raises": raises,
}


def connect(name):
    """Connect the one that a test asks for."""
    book_created.connect(POISONS[name], dispatch_uid=name)
