"""
What the house has agreed on with itself, where no other tool looks.

The lists in the documents, the samples of what was released, time-outs that must
stand in order, and the shape of the tree.
"""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from config import machine
from library.signals import SIGNALS
from outbox import claims, codec, relay, sweep, tasks
from outbox.audit import CHECKS
from outbox.channels import answers, emails
from outbox.channels.contract import Outcome
from outbox.channels.letters import letters
from outbox.channels.registry import channels
from outbox.management.commands.relay import SESSION
from outbox.subcommands import SUBCOMMANDS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
RELEASED = ROOT / "tests" / "released_events"
ROOMS = ("config", "library", "outbox", "projections")

LONGEST_MODULE = 300  # lines; past this there is a second idea to be found

EVENT_TYPES = sorted(codec.event_types())


def below(folder, pattern):
    """Return the files below a folder that the project wrote itself, by name."""
    return {
        str(path.relative_to(ROOT)): path
        for path in sorted(folder.rglob(pattern))
        if "__pycache__" not in path.parts
    }


def modules():
    """Return the rooms' modules by name, migrations left out."""
    found = {}
    for room in ROOMS:
        found |= below(ROOT / room, "*.py")
    return {name: path for name, path in found.items() if "migrations" not in name}


def sections(name, level):
    """Return the sections of a document by heading, each up to the next of any."""
    parts = re.split(r"^(#+) (.+)$", (DOCS / name).read_text(), flags=re.MULTILINE)
    return {
        heading.strip("`"): text
        for marks, heading, text in zip(*[iter(parts[1:])] * 3, strict=True)
        if marks == "#" * level
    }


def first_cells(text):
    """Return what stands in backticks at the beginning of a table's lines."""
    return re.findall(r"^\| `([^`]+)`", text, flags=re.MULTILINE)


# --- docs/events.md -----------------------------------------------------------


def event_sections():
    return {
        heading: text
        for heading, text in sections("events.md", 3).items()
        if re.fullmatch(r"[a-z_]+\.[a-z_]+", heading)
    }


def test_the_document_of_events_knows_every_type_and_no_other():
    assert sorted(event_sections()) == EVENT_TYPES
    assert sorted(first_cells(sections("events.md", 2)["Every type"])) == EVENT_TYPES


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_the_document_of_events_has_every_field_of_a_type_in_order(event_type):
    event_class = codec.event_types()[event_type]
    section = event_sections()[event_type]

    fields = [field.name for field in dataclasses.fields(event_class)]

    assert first_cells(section) == fields
    assert f"`{event_class.__name__}`, version {event_class.schema_version}" in section
    assert f"`{event_class.stream}`" in section


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_the_document_of_events_says_who_is_told(event_type):
    event_class = codec.event_types()[event_type]
    rows = sections("events.md", 2)["Every type"].splitlines()
    (row,) = (line for line in rows if line.startswith(f"| `{event_type}`"))
    _, told = row.strip("| ").rsplit("|", 1)

    names = {letter.name for letter in letters() if letter.event is event_class}
    if event_class in SIGNALS:
        names.add(event_type.replace(".", "_"))

    assert set(re.findall(r"`([^`]+)`", told)) == names


# --- docs/letters.md ----------------------------------------------------------


def test_the_document_of_letters_knows_every_letter_and_no_other():
    rows = sections("letters.md", 2)["Every letter"].splitlines()
    told = {tuple(re.findall(r"`([a-z_.]+)`", row)) for row in rows if row[:3] == "| `"}

    assert told == {
        (each.name, each.event.type, *([] if each.mandatory else [each.kind]))
        for each in letters()
    }


def test_the_document_of_letters_knows_what_may_become_of_one():
    told = first_cells(sections("letters.md", 2)["What becomes of a letter"])
    known = {
        value.name
        for module in (answers, emails)
        for value in vars(module).values()
        if isinstance(value, Outcome)
    }

    assert set(told) == known | {
        answers.BOUNCED,
        "refused",
        "put_off",
        "deadline",
        "letter_unknown",
    }


# --- docs/operations.md -------------------------------------------------------


def test_the_document_of_operations_has_every_variable_and_no_other():
    settings = (ROOT / "config" / "settings.py").read_text()
    read = re.findall(r"\benv\.\w+\(\s*\"([A-Z_]+)\"", settings)

    table = first_cells(sections("operations.md", 3)["What the settings read"])

    assert len(read) > 10
    assert sorted(table) == sorted(read)


def test_the_queries_of_the_document_of_operations_can_be_asked(db):
    watch = (DOCS / "operations.md").read_text()
    queries = re.findall(r"^```sql\n(.+?)^```", watch, flags=re.MULTILINE | re.DOTALL)

    assert len(queries) > 5
    with connection.cursor() as cursor:
        for query in queries:
            cursor.execute(query)
            cursor.fetchall()


def test_the_document_of_operations_has_every_outbox_command_and_finding():
    parts = sections("operations.md", 2)["The outbox commands"]
    told = re.findall(r"^\| `([a-z_]+)` \|", parts, flags=re.MULTILINE)
    shown = re.findall(r"^    manage\.py outbox (\w+)", parts, flags=re.MULTILINE)

    checks = [check.code for check in CHECKS]
    assert told == [*SUBCOMMANDS, *checks]
    assert set(shown) == set(SUBCOMMANDS)


# --- All documents ------------------------------------------------------------

DOCUMENTS = {**below(DOCS, "*.md"), "CONTRIBUTING.md": ROOT / "CONTRIBUTING.md"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_names_only_files_that_are_there(name):
    told = re.findall(
        r"`((?:\w+/)+\w+\.(?:py|md|toml|csv))`", DOCUMENTS[name].read_text()
    )

    assert [path for path in told if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_names_only_tests_that_are_there(name):
    written = "\n".join(
        path.read_text() for path in below(ROOT / "tests", "*.py").values()
    )
    known = set(re.findall(r"def (test_\w+)", written))
    known |= {path.stem for path in below(ROOT / "tests", "test_*.py").values()}

    told = set(re.findall(r"\btest_\w+", DOCUMENTS[name].read_text()))

    assert told - known == set()


# --- Released events ----------------------------------------------------------


def type_and_version(name):
    """Return what the name of a sample says, "book.created.v1.json"."""
    event_type, _, version = name.removesuffix(".json").rpartition(".v")
    return event_type, int(version)


SAMPLES = sorted(path.name for path in RELEASED.iterdir())


def test_every_event_type_and_version_has_a_sample_and_there_is_no_other():
    wanted = {
        (event_type, version)
        for event_type, event_class in codec.event_types().items()
        for version in range(1, event_class.schema_version + 1)
    }

    assert {type_and_version(name) for name in SAMPLES} == wanted


@pytest.mark.parametrize("name", SAMPLES)
def test_a_released_event_is_still_read_and_means_the_same(name):
    event_type, version = type_and_version(name)
    data = json.loads((RELEASED / name).read_text())

    event = codec.decode(event_type, version, data)

    assert type(event) is codec.event_types()[event_type]
    if version == event.schema_version:
        assert codec.encode(event) == data


# --- Time-outs in order -------------------------------------------------------


def limit(setting):
    """Return what the relay's sessions set, which is in milliseconds."""
    (value,) = re.findall(rf"{setting} = (\d+);?", SESSION)
    return timedelta(milliseconds=int(value))


@pytest.mark.parametrize("name", channels())
def test_an_attempt_ends_before_its_lease(name):
    assert timedelta(seconds=channels()[name].DEADLINE) < claims.LEASE


@pytest.mark.parametrize(
    "setting", ["statement_timeout", "idle_in_transaction_session_timeout"]
)
def test_the_database_ends_an_attempt_after_its_deadline_and_before_its_lease(setting):
    deadlines = [each.DEADLINE for each in channels().values() if each.IN_TRANSACTION]

    assert timedelta(seconds=max(deadlines)) <= limit(setting) < claims.LEASE


def test_a_stopped_relay_may_finish_what_it_attempts():
    longest = max(channel.DEADLINE for channel in channels().values())

    assert longest + 2 < machine.RELAY_GRACE


def test_an_actor_is_cut_off_later_than_anything_it_does():
    longest = relay.LONGEST_DRAIN + claims.LEASE.total_seconds()

    assert longest < tasks.ACTOR["time_limit"] / 1000


def test_what_a_lost_nudge_left_behind_waits_a_second_at_most():
    assert 0 < sweep.SHORTEST_PAUSE < sweep.LONGEST_PAUSE <= 1


# --- The tree -----------------------------------------------------------------


@pytest.mark.parametrize("room", ROOMS)
def test_a_package_says_nothing_itself(room):
    inits = below(ROOT / room, "__init__.py")

    assert [name for name, path in inits.items() if path.stat().st_size] == []


def test_no_module_is_too_long():
    lengths = {name: path.read_bytes().count(b"\n") for name, path in modules().items()}

    assert {n: lines for n, lines in lengths.items() if lines > LONGEST_MODULE} == {}


def test_no_migration_is_missing(db):
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_the_wiring_is_sound():
    call_command("check", fail_level="WARNING")
