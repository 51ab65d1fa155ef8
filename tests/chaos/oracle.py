"""
`python -m tests.chaos.oracle`: does anybody notice when a safeguard is gone?

Each situation of `safeguards.py` is played twice: as things are, when it has to hold,
and with its safeguard taken out, when its own assertion has to fail. The last line is
a JSON object; the exit status is 1 if one is missed, or fails as things are.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import orjson

from config.state import CHECKOUT

TESTS = "tests/chaos/test_safeguards.py"
LONGEST = 900.0  # seconds


@dataclass(frozen=True, slots=True)
class Played:
    """How a situation ended: "" if it held, else what was said."""

    ended: Mapping[str, str]

    def held(self, name: str) -> bool:
        """Tell whether the situation was played, and its safeguard held."""
        return self.ended.get(name) == ""

    def noticed(self, name: str) -> bool:
        """Tell whether its own assertion failed, and not something on the way."""
        return self.ended.get(name, "").startswith(("AssertionError", "assert "))


def main() -> int:
    """Play everything twice and report."""
    healthy, sabotaged = play(), play(SABOTAGE="each")
    names = sorted(healthy.ended.keys() | sabotaged.ended.keys())
    for name in names:
        before = "green" if healthy.held(name) else "RED"
        after = "red" if sabotaged.noticed(name) else "GREEN"
        sys.stdout.write(f"{name:28} {before:5}  without its safeguard {after}\n")
    result = verdict(names, healthy, sabotaged)
    sys.stdout.write(orjson.dumps(result).decode() + "\n")
    return 0 if names and not (result["missed"] or result["not_green"]) else 1


def verdict(names: list[str], healthy: Played, sabotaged: Played) -> dict[str, object]:
    """Return what the last line says."""
    caught = [each for each in names if sabotaged.noticed(each)]
    return {
        "caught": len(caught),
        "of": len(names),
        "missed": [each for each in names if each not in caught],
        "not_green": [each for each in names if not healthy.held(each)],
    }


def play(**env: str) -> Played:
    """Play all situations in a process of their own."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results.xml")
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", TESTS, "-q"),
                *("-p", "no:cacheprovider", "-k", "test_a_safeguard_holds"),
                f"--junit-xml={results}",
            ],
            env=os.environ | env,
            cwd=CHECKOUT,
            stdout=subprocess.DEVNULL,
            timeout=LONGEST,
            check=False,
        )
        return read(results)


def read(results: Path) -> Played:
    """Read what pytest wrote down."""
    ended = {}
    for case in ET.parse(results).iter("testcase"):
        name = case.get("name", "").partition("[")[2].rstrip("]")
        wrong = [each for each in case if each.tag in ("failure", "error", "skipped")]
        ended[name] = " ".join(each.get("message") or each.tag for each in wrong)
    return Played(ended)


if __name__ == "__main__":
    sys.exit(main())
