"""Demos and scenes, run for a claim."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import orjson

from config import machine
from config.demo.performance import Play, Played, perform
from config.demo.progress import Show
from config.demo.report import Report, compare
from config.proof.claims import Finding
from config.proof.running import Ran, run
from config.state import CHECKOUT

LONGEST_DEMO = 720.0  # seconds
LONGEST_SCENE = 180.0

SMALL = ("--members", "20", "--loans", "100")
LARGE = ("--members", "1000", "--loans", "5000")


def demo(*arguments: str) -> Ran:
    """Run `manage.py demo --json` as a process of its own."""
    argv = [sys.executable, str(CHECKOUT / "manage.py"), "demo", "--json", *arguments]
    return run(argv, env=machine.environment(), seconds=LONGEST_DEMO)


def demo_on_books() -> Ran:
    """Run the demo on the file that BOOKS names, or on the sample."""
    books = os.environ.get("BOOKS")
    if not books:
        return demo(*SMALL)
    return demo("--books", str(Path(books).absolute()), *LARGE)


def finding(ran: Ran) -> Finding:
    """Return what a demo has shown."""
    try:
        figures = orjson.loads(ran.last_json)
    except orjson.JSONDecodeError:
        return Finding(ran.last_line, False)
    return Finding(summary(figures) if ran.well else ran.last_line, ran.well)


def summary(figures: dict[str, Any]) -> str:
    """Say in one line what a demo's figures mean."""
    owed = (
        figures["signals"]["expected"]
        + figures["webhooks"]["expected"]
        + figures["emails"]["expected"]
    )
    doubles = sum(
        figures[channel]["wire_duplicates"] for channel in ("webhooks", "emails")
    )
    return (
        f"{figures['lost']} of {owed} lost, {doubles} doubles on the wire, "
        f"{figures['killed_in_flight']} killed in flight, {figures['seconds']:.0f} s"
    )


def scene(name: str, *, broker: str = "", undisturbed: bool = False) -> Played:
    """Play a small scene, without killing anybody."""
    play = Play(
        command="demo_scene",
        arguments=(name,),
        broker=broker,
        kill=False,
        undisturbed=undisturbed,
        longest=LONGEST_SCENE,
    )
    with Show() as show:
        return perform(play, show)


def problems(played: Played) -> list[str]:
    """Return what is not as it must be."""
    report: Report = compare(played.owed, played.seen, kills=0)
    return report.problems
