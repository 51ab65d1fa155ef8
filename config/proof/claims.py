"""What a claim is: a sentence, and how to find out whether it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found: a figure that a reader can judge, and the verdict."""

    figure: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that is true, or the proof fails."""

    sentence: str
    check: Callable[[], Finding]
