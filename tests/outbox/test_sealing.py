from __future__ import annotations

import pytest

from outbox import sealing
from outbox.errors import BrokenSeal, UnknownSealingKey


@pytest.fixture
def keys(settings):
    """Say which keys are configured, the one that seals first."""

    def configure(*ids):
        found = {key_id: key_id.encode().ljust(32) for key_id in ids}
        settings.OUTBOX = {**settings.OUTBOX, "SEALING_KEYS": found}

    return configure


def test_a_secret_comes_back_and_is_not_to_be_read_in_its_seal():
    sealed = sealing.seal("whsec_abc", about="endpoint 1")

    assert sealing.unseal(sealed, about="endpoint 1") == "whsec_abc"
    assert b"whsec_abc" not in sealed
    assert sealed != sealing.seal("whsec_abc", about="endpoint 1")


def test_a_seal_opens_only_for_what_it_was_made_for():
    sealed = sealing.seal("whsec_abc", about="endpoint 1")

    with pytest.raises(BrokenSeal, match="endpoint 2"):
        sealing.unseal(sealed, about="endpoint 2")


def test_the_first_key_seals_and_every_key_opens(keys):
    seals = [sealing.seal("whsec_0", about="e")]
    for number, configured in enumerate([["a"], ["b", "a"]], start=1):
        keys(*configured)
        seals.append(sealing.seal(f"whsec_{number}", about="e"))

    opened = [sealing.unseal(each, about="e") for each in seals]

    assert opened == ["whsec_0", "whsec_1", "whsec_2"]
    assert [sealing.key_of(each) for each in seals[1:]] == ["a", "b"]
    assert sealing.key_of(seals[0]).startswith("secret-key-")
    assert sealing.newest() == "b"


def test_a_seal_under_a_key_that_is_not_here_says_which(keys):
    keys("gone")
    sealed = sealing.seal("whsec_abc", about="endpoint 1")
    keys("other")

    with pytest.raises(UnknownSealingKey, match="'gone'"):
        sealing.unseal(sealed, about="endpoint 1")


def test_a_seal_does_not_open_under_another_secret_key(settings):
    sealed = sealing.seal("whsec_abc", about="endpoint 1")
    settings.SECRET_KEY = "another"

    with pytest.raises(UnknownSealingKey, match="'secret-key-"):
        sealing.unseal(sealed, about="endpoint 1")


def test_a_seal_that_names_another_key_is_broken(keys):
    keys("a", "b")
    sealed = sealing.seal("whsec_abc", about="endpoint 1")

    with pytest.raises(BrokenSeal):
        sealing.unseal(b"b" + sealed[1:], about="endpoint 1")


@pytest.mark.parametrize("length", [0, 3, 12, 20, -1])
def test_a_seal_that_was_cut_or_changed_never_opens(keys, length):
    keys("a")
    sealed = sealing.seal("whsec_abc", about="endpoint 1")

    with pytest.raises((BrokenSeal, UnknownSealingKey)):
        sealing.unseal(sealed[:length], about="endpoint 1")
    with pytest.raises(BrokenSeal):
        sealing.unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), about="endpoint 1")
