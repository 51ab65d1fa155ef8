"""What is said of the benchmarks is what there is; how fast, no test says."""

from __future__ import annotations

import ast
import contextlib
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import databases, lives
from benchmarks.__main__ import ALL, _measure
from benchmarks.crowd import KEPT, crowd
from benchmarks.figures import round_by_round, row
from benchmarks.plain import writing
from benchmarks.report import Report
from library.lending import loans
from library.lending.models import Loan
from outbox.audit import audit
from outbox.models import Event
from projections.registry import every_fold
from projections.verify import differences

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "performance.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))


def texts_in(module):
    """Return a pattern for each text in a module; what is filled in may be any."""
    for node in ast.walk(ast.parse((ROOT / "benchmarks" / module).read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.escape(node.value)
        elif isinstance(node, ast.JoinedStr):
            yield "".join(
                re.escape(part.value) if isinstance(part, ast.Constant) else ".+"
                for part in node.values
            )


def test_the_page_has_a_section_for_each_benchmark():
    assert set(SECTIONS) == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_the_rows_on_the_page_are_rows_of_the_benchmark(name):
    named = re.findall(r"^\| ([^|]+?) \|", SECTIONS[name], re.M)

    patterns = list(texts_in(f"{name}.py"))

    for what in set(named) - {"Row", "---"}:
        assert any(re.fullmatch(pattern, what) for pattern in patterns), what


@pytest.mark.parametrize(
    ("theirs", "verdict"), [(100, "reaches"), (150, "holds"), (250, "FAILS")]
)
def test_a_row_is_judged_by_the_median_of_its_ratios(theirs, verdict):
    judged = row("it", [1, 300, 9000], [theirs] * 3, beside="x", must=2, reach=3)

    assert judged.verdict == verdict


def test_a_row_must_also_be_fast_enough_for_itself():
    judged = row("it", [300] * 3, [1] * 3, beside="x", must=2, at_least=301)

    assert judged.verdict == "FAILS"


def test_every_round_measures_everything():
    asked = []

    found = round_by_round(
        3, {name: lambda name=name: asked.append(name) or len(asked) for name in "ab"}
    )

    assert {name: len(values) for name, values in found.items()} == {"a": 3, "b": 3}
    assert all(set(asked[n : n + 2]) == {"a", "b"} for n in (0, 2, 4))


def test_what_breaks_is_a_row_with_its_reason_and_takes_no_other_along(
    monkeypatch, tmp_path
):
    def breaks(*, quick):
        yield row("before", [3], [1], beside="x", must=2)
        raise RuntimeError("the [bold]mailbox[/] was full")

    def works(*, quick):
        yield row("after", [3], [1], beside="x", must=2)

    for name, rows in (("breaks", breaks), ("works", works)):
        monkeypatch.setitem(
            sys.modules, f"benchmarks.{name}", SimpleNamespace(rows=rows)
        )
    monkeypatch.setattr(databases, "fresh", lambda *_, **__: contextlib.nullcontext())
    files = {"json": tmp_path / "bench.json", "table": tmp_path / "bench.txt"}
    report = Report(quick=True, **files)

    _measure(["breaks", "works"], report)

    told = json.loads(files["json"].read_text())
    assert [(each["what"], each["verdict"]) for each in told["rows"]] == [
        ("before", "holds"),
        ("breaks", "FAILS"),
        ("after", "holds"),
    ]
    assert told["seconds"].keys() == {"breaks", "works"}
    assert "the [bold]mailbox[/] was full" in files["table"].read_text()
    assert not all(each.holds for each in report.rows)


def row_of(loan):
    own = {"id", "copy_id", "book_id", "member_id"}
    row = Loan.objects.filter(id=loan.loan_id).values().get()
    return {name: value for name, value in row.items() if name not in own}


def test_what_ours_is_measured_beside_writes_the_same_row_and_tells_nobody(
    db, a_copy, a_member, now
):
    ours, plain = [
        {"copy_id": a_copy(), "member_id": a_member(), "now": now} for _ in range(2)
    ]
    told = loans.borrow_copy(**ours)
    before = Event.objects.count()

    with writing.advancing():
        untold = loans.borrow_copy(**plain)

    assert row_of(untold) == row_of(told)
    assert Event.objects.count() == before


class Desk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_POST(self):
        said = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(json.loads(said))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args):
        pass


@pytest.fixture
def post():
    """Return what has a crowd of two post to a server that answers with a status."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Desk) as server, crowd() as desks:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.bodies, server.connections = [], 0

        def post(bodies, *, status):
            server.status = status
            where = {"port": server.server_address[1], "path": "/loans/"}
            return server, desks.post(bodies, at_once=2, token="t", **where)

        yield post

        server.shutdown()


def test_a_crowd_posts_everything_once_on_connections_that_are_kept(post):
    bodies = list(range(4 * KEPT + 1))

    server, answered = post(bodies, status=201)

    assert sorted(server.bodies) == bodies
    assert server.connections == 5
    assert answered.rate == len(bodies) / answered.seconds


def test_a_crowd_that_is_refused_measures_nothing(post):
    with pytest.raises(RuntimeError, match="answered wrongly"):
        post([1, 2, 3], status=409)


def test_a_past_that_was_made_up_could_have_been(committed_db):
    events = lives.live(20)

    assert events == 5 * 21
    assert Loan.objects.count() == 21
    wrong = {each.table for each in differences(*every_fold().values())}
    assert wrong <= {"activity"}  # counted over all lives
    assert audit() == []
