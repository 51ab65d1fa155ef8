"""
The claims about time: how soon, how steadily, and at what cost to the neighbours.

The figures are measured by `benchmarks/`, which nothing here may import: they are run
as a person would run them.
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from config.proof.claims import Claim, Finding
from config.proof.running import environment, run

LONGEST = 2400.0  # seconds
MEDIAN, UNIT = "median", "unit"


def measured(what: str, *, quick: bool) -> Finding:
    """Run a benchmark; every row of it has to be what it must."""
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder, "figures.json")
        argv = [sys.executable, "-m", "benchmarks", what, "--json", str(figures)]
        env = environment()
        ran = run([*argv, *(["--quick"] if quick else [])], env=env, seconds=LONGEST)
        if not figures.exists():
            return Finding(ran.last_line, False)
        rows = orjson.loads(figures.read_bytes())["rows"]
    return Finding("; ".join(map(_said, rows)), ran.well)


def _said(row: dict[str, Any]) -> str:
    figure, ratio = row["figure"], row["ratio"]
    said = f"{row['what']}: {figure[MEDIAN]:.3g} {figure[UNIT]}"
    if ratio:
        said += f", {ratio[MEDIAN]:.2f}x"
    return said if row["holds"] else f"{said} (must be {row['must']})"


CLAIMS = (
    Claim(
        "a commit is heard of at once, and within a second without nudges",
        partial(measured, "latency", quick=False),
    ),
    Claim(
        "a fault costs its neighbours nothing",
        partial(measured, "neighbours", quick=False),
    ),
    Claim(
        "a backlog drains at a steady rate, whatever lies beside it",
        partial(measured, "backlog", quick=True),
    ),
)
