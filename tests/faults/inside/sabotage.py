"""
Safeguards taken out, one at a time: SABOTAGE="no_fence".

The suite of faults has to notice each; `make chaos-oracle` shows that it does.
"""

from __future__ import annotations

SABOTAGES = {}


def remove(name):
    """Take a safeguard out of this process; nothing for an empty name."""
    if name:
        SABOTAGES[name]()
