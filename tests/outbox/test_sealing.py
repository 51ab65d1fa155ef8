from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag

from outbox import sealing


def test_a_secret_comes_back_and_is_not_to_be_read_in_its_seal():
    sealed = sealing.seal("whsec_abc", about="endpoint 1")

    assert sealing.unseal(sealed, about="endpoint 1") == "whsec_abc"
    assert b"whsec_abc" not in sealed
    assert sealed != sealing.seal("whsec_abc", about="endpoint 1")


def test_a_seal_opens_only_for_what_it_was_made_for():
    sealed = sealing.seal("whsec_abc", about="endpoint 1")

    with pytest.raises(InvalidTag):
        sealing.unseal(sealed, about="endpoint 2")


def test_a_seal_does_not_open_under_another_key(settings):
    sealed = sealing.seal("whsec_abc", about="endpoint 1")
    settings.SECRET_KEY = "another"

    with pytest.raises(InvalidTag):
        sealing.unseal(sealed, about="endpoint 1")
