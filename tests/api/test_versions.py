"""Someone changed it since I read it: `ETag`, `If-Match` and `stale_version`."""

from __future__ import annotations

import pytest

from library.catalog.books import correct_parts_of_book
from library.catalog.models import Book
from library.members.models import Member
from outbox import log
from outbox.context import acting
from outbox.errors import StaleStream
from tests.api.problems import problem
from tests.threads import at_once

BRANCH = {"name": "Chilonzor", "time_zone": "Asia/Tashkent"}


@pytest.fixture
def things(librarian, a_book, a_copy, a_member):
    """Return, by name, a thing's path and two changes to it, one after the other."""
    branch = librarian.post("/api/v1/branches/", BRANCH).json()
    book_path = f"/api/v1/books/{a_book()}/"
    branch_path = f"/api/v1/branches/{branch['id']}/"
    member_path = f"/api/v1/members/{a_member()}/"
    return {
        "book": (
            book_path,
            lambda **more: librarian.patch(book_path, {"title": "Sarob"}, **more),
        ),
        "branch": (
            branch_path,
            lambda **more: librarian.put(
                branch_path, BRANCH | {"closed_weekdays": [6]}, **more
            ),
        ),
        "member": (
            member_path,
            lambda **more: librarian.patch(
                member_path, {"category": "student"}, **more
            ),
        ),
    }


@pytest.mark.parametrize("thing", ["book", "branch", "member"])
def test_what_was_not_changed_since_i_read_it_is_changed(librarian, things, thing):
    path, change = things[thing]
    read = librarian.get(path)

    answer = change(headers={"If-Match": read["ETag"]})

    assert (read["ETag"], answer.status_code) == ('"1"', 200)
    assert librarian.get(path)["ETag"] == '"2"'


@pytest.mark.parametrize("thing", ["book", "branch", "member"])
def test_a_change_of_somebody_else_in_between_stands(librarian, things, thing):
    path, change = things[thing]
    read = librarian.get(path)
    change()
    theirs = librarian.get(path)

    answer = change(headers={"If-Match": read["ETag"]})

    facts = problem(answer, 412, "stale_version")["facts"]
    assert (facts["expected"], facts["version"]) == (1, 2)
    now = librarian.get(path)
    assert (now.json(), now["ETag"]) == (theirs.json(), theirs["ETag"])


def test_a_copy_that_was_lent_since_i_read_it_stays(librarian, a_copy, a_member):
    copy_id = a_copy()
    path = f"/api/v1/copies/{copy_id}/"
    read = librarian.get(path)
    lent = {"copy_id": str(copy_id), "member_id": str(a_member())}
    loan = librarian.post("/api/v1/loans/", lent).json()
    librarian.post(f"/api/v1/loans/{loan['id']}/return/", {})

    answer = librarian.delete(path, headers={"If-Match": read["ETag"]})

    problem(answer, 412, "stale_version")
    assert librarian.get(path)["ETag"] == '"3"'
    gone = librarian.delete(path, headers={"If-Match": '"3"'})
    assert gone.status_code == 204


def test_a_member_who_changed_in_between_is_not_erased(librarian, things):
    path, change = things["member"]
    read = librarian.get(path)
    change()

    answer = librarian.delete(path, headers={"If-Match": read["ETag"]})

    problem(answer, 412, "stale_version")
    assert Member.objects.filter(erased_at__isnull=True).count() == 2


def test_whatever_the_version_a_star_will_do(librarian, things):
    _, change = things["book"]

    assert change(headers={"If-Match": "*"}).status_code == 200


@pytest.mark.parametrize("given", ["3", '""', '"x"', 'W/"1"', '"1", "2"', '"-1"', "**"])
def test_what_is_no_version_of_ours_is_told_so(librarian, things, given):
    path, change = things["book"]

    answer = change(headers={"If-Match": given})

    problem(answer, 400, "invalid_if_match")
    assert librarian.get(path)["ETag"] == '"1"'


def test_of_two_at_once_who_read_the_same_one_is_told(committed_db, a_book, now):
    book_id = a_book()

    def change(number):
        with acting(expects={f"book:{book_id}": 1}):
            return correct_parts_of_book(book_id=book_id, title=f"T{number}", now=now)

    answers = at_once(6, change)

    stale = [each for each in answers if isinstance(each, StaleStream)]
    (done,) = [each for each in answers if not isinstance(each, StaleStream)]
    assert len(stale) == 5
    assert Book.objects.get(id=book_id).title == done.title
    assert log.version_of(f"book:{book_id}") == 2


def test_who_records_twice_goes_on_from_his_own(db, a_book, now):
    book_id = a_book()

    with acting(expects={f"book:{book_id}": 1}):
        for title in ("Sarob", "Chinor"):
            correct_parts_of_book(book_id=book_id, title=title, now=now)

    assert log.version_of(f"book:{book_id}") == 3
