"""
A few makers, all through the real operations.

    def test_something(db, a_loan, now):
        loan = a_loan()

`a_book`, `a_branch`, `a_copy` and `a_member` return ids, `a_loan` and `a_hold` the
event; what a test does not name is made up. A test asks for `db`, or for
`committed_db` where it has to commit.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count

import pytest
from django.test.utils import setup_databases, teardown_databases

from library.catalog import books, branches, copies
from library.lending import holds, loans
from library.members import users

_numbers = count(1)


@pytest.fixture
def now():
    """A Monday morning; operations take the clock from their caller."""
    return datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.fixture
def a_book(now):
    """Add a book and return its id."""

    def make(title="Oʻtkan kunlar", authors=("Abdulla Qodiriy",), **more):
        more = {"now": now, **more}
        return books.add_book(title=title, authors=authors, **more).book_id

    return make


@pytest.fixture
def a_branch(now):
    """Open a branch in Tashkent and return its id."""

    def make(time_zone="Asia/Tashkent", **more):
        said = {"name": f"Branch {next(_numbers)}", "now": now, **more}
        return branches.describe_branch(time_zone=time_zone, **said).branch_id

    return make


@pytest.fixture
def a_copy(a_book, now):
    """Add a copy, of a book of its own unless one is named, and return its id."""

    def make(book_id=None, barcode=None, **more):
        added = copies.add_copy(
            book_id=book_id or a_book(),
            barcode=barcode or f"C{next(_numbers):06}",
            **{"now": now, **more},
        )
        return added.copy_id

    return make


@pytest.fixture
def a_member(now):
    """Register a member and return the id, which is the user's too."""

    def make(username=None, **more):
        username = username or f"reader{next(_numbers)}"
        more = {"email": f"{username}@example.org", "now": now, **more}
        return users.register_member(username=username, **more).member_id

    return make


@pytest.fixture
def a_loan(a_copy, a_member, now):
    """Lend a copy to a member and return what was recorded."""

    def make(copy_id=None, member_id=None, **more):
        return loans.borrow_copy(
            copy_id=copy_id or a_copy(),
            member_id=member_id or a_member(),
            **{"now": now, **more},
        )

    return make


@pytest.fixture
def a_hold(a_member, now):
    """Place a hold of a book for a member and return what was recorded."""

    def make(book_id, member_id=None, **more):
        who = {"book_id": book_id, "member_id": member_id or a_member()}
        return holds.place_hold(**who, **{"now": now, **more})

    return make


@pytest.fixture(scope="session")
def django_db_setup(
    request, django_test_environment, django_db_blocker, django_db_modify_db_settings
):
    """Make the test database for every run: a test that commits clones it."""
    with django_db_blocker.unblock():
        made = setup_databases(
            verbosity=request.config.option.verbose, interactive=False
        )
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=request.config.option.verbose)
