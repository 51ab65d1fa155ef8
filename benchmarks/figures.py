"""What a benchmark says: figures with their spread, rows with a verdict."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """Several measurements of one thing: never one number without its spread."""

    smallest: float
    median: float
    largest: float
    unit: str

    @classmethod
    def of(cls, values: Sequence[float], unit: str) -> Figure:
        """Sum measurements up."""
        return cls(min(values), statistics.median(values), max(values), unit)

    def __str__(self) -> str:
        numbers = " / ".join(
            f"{each:,.3g}" if each < 1000 else f"{each:,.0f}"
            for each in (self.smallest, self.median, self.largest)
        )
        return f"{numbers} {self.unit}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing measured: the figure, what it stands beside, and what it must be."""

    what: str
    figure: Figure
    beside: str = ""
    ratio: Figure | None = None
    must: str = ""
    holds: bool = True


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Figure:
    """Return ours by theirs, round by round: both of a round met the same noise."""
    return Figure.of([a / b for a, b in zip(ours, theirs, strict=True)], "x")
