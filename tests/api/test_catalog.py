from __future__ import annotations

from uuid import uuid4

import pytest

from outbox.models import Event
from tests.api.problems import problem

BOOK = {"title": "Oʻtkan kunlar", "authors": ["Abdulla Qodiriy"]}
ISBN = "978-3-16-148410-0"


def test_a_librarian_catalogues_a_book_and_everybody_sees_it(librarian, reader):
    made = librarian.post("/api/v1/books/", BOOK | {"isbn": ISBN, "year": 1926})

    assert made.status_code == 201
    book = made.json()
    assert book["title"] == BOOK["title"]
    assert (book["isbn"], book["isbn13"]) == (ISBN, "9783161484100")
    assert reader.get(f"/api/v1/books/{book['id']}/").json() == book


def test_a_write_answers_with_the_id_of_its_event(librarian):
    made = librarian.post("/api/v1/books/", BOOK)

    event = Event.objects.get(id=made["Consistency-Token"])
    assert event.type == "book.created"
    assert event.metadata["actor"] == f"user:{librarian.member_id}"


def test_put_says_a_book_again(librarian, a_book):
    book_id = a_book(year=1926)

    answer = librarian.put(f"/api/v1/books/{book_id}/", BOOK | {"title": "Chinor"})

    assert answer.status_code == 200
    assert (answer.json()["title"], answer.json()["year"]) == ("Chinor", None)
    assert answer["Consistency-Token"]


def test_patch_leaves_the_rest_of_a_book(librarian, a_book):
    book_id = a_book(year=1926, isbn=ISBN)

    answer = librarian.patch(f"/api/v1/books/{book_id}/", {"title": "Chinor"})

    assert answer.status_code == 200
    assert answer.json()["title"] == "Chinor"
    assert (answer.json()["year"], answer.json()["isbn"]) == (1926, ISBN)


def test_subjects_are_catalogued_corrected_and_shown(librarian, reader):
    book = librarian.post("/api/v1/books/", BOOK | {"subjects": ["Love", "Love"]})
    path = f"/api/v1/books/{book.json()['id']}/"

    assert reader.get(path).json()["subjects"] == ["Love"]
    assert librarian.patch(path, {"year": 1926}).json()["subjects"] == ["Love"]
    assert librarian.patch(path, {"subjects": []}).json()["subjects"] == []
    said_again = librarian.put(path, BOOK | {"subjects": ["War"]})
    assert said_again.json()["subjects"] == ["War"]
    assert librarian.put(path, BOOK).json()["subjects"] == []
    problem(librarian.patch(path, {"subjects": [""]}), 400, "validation_error")


def test_a_withdrawn_book_is_there_no_more(librarian, a_book):
    book_id = a_book()

    answer = librarian.delete(f"/api/v1/books/{book_id}/")

    assert (answer.status_code, answer.content) == (204, b"")
    assert Event.objects.get(id=answer["Consistency-Token"]).type == "book.deleted"
    problem(librarian.get(f"/api/v1/books/{book_id}/"), 404, "unknown_book")
    assert librarian.get("/api/v1/books/").json()["count"] == 0
    problem(librarian.patch(f"/api/v1/books/{book_id}/", {}), 404, "unknown_book")


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ({}, ["Chinor", "Kecha va kunduz"]),
        ({"title": "CHIN"}, ["Chinor"]),
        ({"author": "choʻlpon"}, ["Kecha va kunduz"]),
        ({"author": "{"}, []),
        ({"isbn": "9783161"}, ["Chinor"]),
        ({"isbn": "978-3-16"}, ["Chinor"]),
        ({"title": ""}, ["Chinor", "Kecha va kunduz"]),
        ({"title": "chinor", "author": "choʻlpon"}, []),
        ({"title": "%"}, []),
    ],
)
def test_books_are_found_by_parts_of_what_is_known(reader, a_book, query, titles):
    a_book(title="Kecha va kunduz", authors=["Choʻlpon"])
    a_book(title="Chinor", authors=["Asqad Muxtor", "O. Y."], isbn=ISBN)

    answer = reader.get("/api/v1/books/", query)

    assert [book["title"] for book in answer.json()["results"]] == titles


def test_a_list_comes_in_pages(reader, a_book):
    for number in range(3):
        a_book(title=f"Kitob {number}")

    first = reader.get("/api/v1/books/", {"limit": 2}).json()
    second = reader.get(first["next"]).json()

    assert first["count"] == 3
    assert [book["title"] for book in first["results"]] == ["Kitob 0", "Kitob 1"]
    assert [book["title"] for book in second["results"]] == ["Kitob 2"]
    assert second["next"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "many"},
        {"limit": ""},
        {"limit": "9" * 30},
        {"offset": "-1"},
        {"offset": "9" * 30},
        {"titel": "a"},
    ],
)
def test_a_page_or_filter_that_cannot_be_is_an_error(reader, query):
    found = problem(reader.get("/api/v1/books/", query), 400, "validation_error")

    assert [error["field"] for error in found["errors"]] == list(query)


@pytest.mark.parametrize("query", [{"limit": "1"}, {"limit": "200"}, {"offset": "0"}])
def test_a_page_within_bounds_is_none(reader, query):
    assert reader.get("/api/v1/books/", query).status_code == 200


def test_a_copy_is_added_and_removed(librarian, reader, a_book):
    book_id = a_book()

    made = librarian.post("/api/v1/copies/", {"book_id": book_id, "barcode": "c1"})
    copy = made.json()

    assert made.status_code == 201
    assert (copy["book_id"], copy["barcode"]) == (str(book_id), "C1")
    assert reader.get(f"/api/v1/copies/{copy['id']}/").json() == copy
    assert librarian.delete(f"/api/v1/copies/{copy['id']}/").status_code == 204
    problem(reader.get(f"/api/v1/copies/{copy['id']}/"), 404, "unknown_copy")


def test_copies_are_listed_by_book(reader, a_copy, a_book):
    book_id = a_book()
    mine = a_copy(book_id=book_id)
    a_copy()

    answer = reader.get("/api/v1/copies/", {"book": str(book_id)}).json()

    assert [copy["id"] for copy in answer["results"]] == [str(mine)]
    assert reader.get("/api/v1/copies/").json()["count"] == 2


def test_availability_follows_the_log(reader, a_loan, sequenced):
    loan = a_loan()
    sequenced()

    answer = reader.get(f"/api/v1/books/{loan.book_id}/availability/").json()

    assert (answer["copies"], answer["on_loan"], answer["available"]) == (1, 1, 0)
    unknown = reader.get(f"/api/v1/books/{uuid4()}/availability/")
    problem(unknown, 404, "not_found")


class TestRefusals:
    def test_an_isbn_that_is_taken(self, librarian, a_book):
        book_id = a_book(isbn=ISBN)

        answer = librarian.post("/api/v1/books/", BOOK | {"isbn": ISBN})

        found = problem(answer, 409, "isbn_taken")
        assert found["facts"] == {"isbn13": "9783161484100", "book_id": str(book_id)}
        assert [reason["code"] for reason in found["reasons"]] == ["isbn_taken"]

    def test_an_isbn_that_does_not_hold(self, librarian):
        answer = librarian.post("/api/v1/books/", BOOK | {"isbn": "978-3-16-148410-1"})

        problem(answer, 400, "invalid_isbn")

    def test_a_barcode_that_is_taken(self, librarian, a_copy, a_book):
        a_copy(barcode="C1")

        body = {"book_id": a_book(), "barcode": "C1"}
        problem(librarian.post("/api/v1/copies/", body), 409, "barcode_taken")

    def test_a_barcode_with_a_blank(self, librarian, a_book):
        body = {"book_id": a_book(), "barcode": "C 1"}

        problem(librarian.post("/api/v1/copies/", body), 400, "invalid_barcode")

    def test_a_copy_of_no_book(self, librarian):
        body = {"book_id": uuid4(), "barcode": "C1"}

        problem(librarian.post("/api/v1/copies/", body), 404, "unknown_book")

    def test_a_copy_on_loan_stays(self, librarian, a_loan):
        loan = a_loan()

        copy = librarian.delete(f"/api/v1/copies/{loan.copy_id}/")
        book = librarian.delete(f"/api/v1/books/{loan.book_id}/")

        assert problem(copy, 409, "still_in_use")["facts"]["blockers"] == [
            str(loan.loan_id)
        ]
        problem(book, 409, "still_in_use")
        assert librarian.get(f"/api/v1/copies/{loan.copy_id}/").status_code == 200
