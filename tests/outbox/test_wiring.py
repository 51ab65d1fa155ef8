"""A function that the settings name and nobody has is an error at start."""

from __future__ import annotations

import pytest

from outbox import checks


@pytest.mark.parametrize("key", ["FOLLOWERS", "GAUGES"])
def test_a_function_that_is_not_there_is_found_at_start(settings, key):
    settings.OUTBOX = {**settings.OUTBOX, key: ["outbox.relay.drain", "outbox.no.such"]}

    (found,) = checks.check_wiring()

    assert found.id == "outbox.E005"
    assert "outbox.no.such" in found.msg


def test_a_single_path_is_looked_up_whole(settings):
    settings.OUTBOX = {**settings.OUTBOX, "ADDRESSES": "library.members.addresses.no"}

    (found,) = checks.check_wiring()

    assert "library.members.addresses.no" in found.msg


def test_the_wiring_of_the_house_is_sound():
    assert checks.check_wiring() == []
