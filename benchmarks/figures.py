"""What a benchmark says: figures with their spread, rows with a verdict."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

LONGEST_REASON = 300  # characters


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
    """
    One thing measured: the figure, what it stands beside, and what it must be.

    `reach` is what we would like beyond that; None where nobody said, or where
    it was not looked at. One that could not be measured has a `reason`, and no figure.
    """

    what: str
    figure: Figure | None = None
    beside: str = ""
    ratio: Figure | None = None
    must: str = ""
    holds: bool = True
    reach: str = ""
    reaches: bool | None = None
    reason: str = ""

    @property
    def verdict(self) -> str:
        """Return the row in one word."""
        if not self.holds:
            return "FAILS"
        return "reaches" if self.reaches else "holds" if self.must else "-"


def row(
    what: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    beside: str,
    must: float | None = None,
    reach: float | None = None,
    at_least: float = 0.0,
    unit: str = "/s",
) -> Row:
    """
    Return a row of rates: ours by theirs must be so many times, or more.

    `at_least` is what our own median must be, too.
    """
    ratio, figure = ratios(ours, theirs), Figure.of(ours, unit)
    wanted = [f">= {must}x"] if must else []
    wanted += [f">= {at_least:,.0f}{unit}"] if at_least else []
    return Row(
        what=what,
        figure=figure,
        beside=f"{beside}: {Figure.of(theirs, unit)}",
        ratio=ratio,
        must=", ".join(wanted),
        holds=ratio.median >= (must or 0) and figure.median >= at_least,
        reach=f">= {reach}x" if reach else "",
        reaches=ratio.median >= reach if reach else None,
    )


def costs(
    what: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    beside: str,
    must: float,
    reach: float,
    unit: str = "ms",
) -> Row:
    """Return a row of costs: ours by theirs must be so many times, or less."""
    ratio = ratios(ours, theirs)
    return Row(
        what=what,
        figure=Figure.of(ours, unit),
        beside=f"{beside}: {Figure.of(theirs, unit)}",
        ratio=ratio,
        must=f"<= {must}x",
        holds=ratio.median <= must,
        reach=f"<= {reach}x",
        reaches=ratio.median <= reach,
    )


def failed(what: str, error: Exception) -> Row:
    """Return the row of what could not be measured to its end."""
    said = " ".join(str(error).split())[:LONGEST_REASON]
    return Row(what=what, holds=False, reason=f"{type(error).__name__}: {said}")


def round_by_round(
    rounds: int, measures: Mapping[str, Callable[[], float]]
) -> dict[str, list[float]]:
    """
    Measure all of them in every round, in an order drawn by lot.

    So a noisy moment of the machine meets one as well as another.
    """
    found: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name in random.sample(list(measures), len(measures)):
            found[name].append(measures[name]())
    return found


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Figure:
    """Return ours by theirs, round by round: both of a round met the same noise."""
    return Figure.of([a / b for a, b in zip(ours, theirs, strict=True)], "x")
