"""
The HTTP door: clients who are logged in by a token, as programs are.

`reader` and `librarian` are clients with a `member_id`; `anonymous` is nobody.
"""

from __future__ import annotations

import pytest
from django.core.cache import cache
from knox.models import AuthToken
from rest_framework.test import APIClient

from library.members.models import User
from outbox import sequencer
from projections import feed


class Client(APIClient):
    """A client who knows whose it is, and does not raise what the server hides."""

    def __init__(self, member_id=None):
        super().__init__(raise_request_exception=False)
        self.member_id = member_id
        if member_id:
            _, token = AuthToken.objects.create(user=User.objects.get(id=member_id))
            self.credentials(HTTP_AUTHORIZATION=f"Token {token}")

    def keyed(self, path, data, key):
        return self.post(path, data, headers={"Idempotency-Key": key})


@pytest.fixture(autouse=True)
def _nobody_was_throttled():
    cache.clear()


@pytest.fixture
def a_reader(a_member):
    """Register a member and return a client of theirs."""
    return lambda: Client(a_member())


@pytest.fixture
def a_librarian(a_member):
    """Register a librarian and return a client of theirs."""

    def make():
        member_id = a_member()
        User.objects.filter(id=member_id).update(is_staff=True)
        return Client(member_id)

    return make


@pytest.fixture
def reader(db, a_reader):
    return a_reader()


@pytest.fixture
def librarian(db, a_librarian):
    return a_librarian()


@pytest.fixture
def anonymous(db):
    return Client()


@pytest.fixture
def sequenced():
    """Give what was recorded its positions, and bring the read models up to them."""

    def catch_up():
        sequencer.sequence_all()
        feed.catch_up_all()

    return catch_up
