"""How the catalogue says no."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from library.refusals import Invalid, NotFound, Refusal


class UnknownBook(NotFound):
    """There is no such book, or it was withdrawn."""

    code = "unknown_book"

    def __init__(self, book_id: UUID) -> None:
        super().__init__(
            f"There is no book {book_id} in the catalogue. Look it up again.",
            book_id=book_id,
        )


class UnknownCopy(NotFound):
    """There is no such copy, or it was removed."""

    code = "unknown_copy"

    def __init__(self, copy_id: UUID) -> None:
        super().__init__(
            f"There is no copy {copy_id} in stock. Scan its barcode again.",
            copy_id=copy_id,
        )


class UnknownBranch(NotFound):
    """There is no such branch."""

    code = "unknown_branch"

    def __init__(self, branch_id: UUID) -> None:
        super().__init__(
            f"There is no branch {branch_id}. Choose one of the list of branches.",
            branch_id=branch_id,
        )


class InvalidBranch(Invalid):
    """What was given about a branch cannot be right."""

    code = "invalid_branch"


class InvalidDescription(Invalid):
    """A book's description lacks something or cannot be right."""

    code = "invalid_description"


class InvalidIsbn(Invalid):
    """An ISBN whose form or check digit is wrong."""

    code = "invalid_isbn"

    def __init__(self, given: str) -> None:
        super().__init__(
            f"{given!r} is not a valid ISBN. Read the number on the back of the "
            "book again, or leave it out.",
            isbn=given,
        )


class InvalidKind(Invalid):
    """A kind of copies that is no short code."""

    code = "invalid_kind"

    def __init__(self, given: str) -> None:
        super().__init__(
            "A kind of copies is 1 to 20 small letters, digits or hyphens, such as "
            "'book' or 'reading-room'. Enter such a code.",
            kind=given[:100],
        )


class InvalidPrice(Invalid):
    """A price that nobody can pay."""

    code = "invalid_price"

    def __init__(self, given: int, most: int) -> None:
        super().__init__(
            f"A copy cannot cost {given}. Give a price from 0 to {most}, in the "
            "smallest unit of money, or leave it out.",
            price=given,
        )


class InvalidCondition(Invalid):
    """A copy cannot be marked as this."""

    code = "invalid_condition"

    def __init__(self, given: str) -> None:
        super().__init__(
            "A copy is marked 'missing' or 'damaged', or as '' when it is found or "
            "whole again. Say which; a loan is declared lost, not a copy.",
            condition=given[:100],
        )


class InvalidBarcode(Invalid):
    """A barcode that is empty or too long."""

    code = "invalid_barcode"

    def __init__(self, given: str) -> None:
        super().__init__(
            "A barcode has 1 to 64 characters without blanks. Scan it again.",
            barcode=given[:100],
        )


class BranchNameTaken(Refusal):
    """Another branch has this name."""

    code = "branch_name_taken"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"A branch is named {name!r} already. Choose another name.", name=name
        )


class BranchNeverOpens(Refusal):
    """A branch whose calendar has no open day for a year."""

    code = "branch_never_opens"

    def __init__(self, day: date) -> None:
        super().__init__(
            f"The branch has no open day within a year from {day:%d %B %Y}. "
            "Open it in its calendar first.",
            day=day,
        )


class IsbnTaken(Refusal):
    """Another live book has this ISBN."""

    code = "isbn_taken"

    def __init__(self, isbn13: str | None, book_id: UUID) -> None:
        super().__init__(
            f"The book {book_id} has the ISBN {isbn13} already. "
            "Add a copy to it instead.",
            isbn13=isbn13,
            book_id=book_id,
        )


class BarcodeTaken(Refusal):
    """Another copy in stock has this barcode."""

    code = "barcode_taken"

    def __init__(self, barcode: str) -> None:
        super().__init__(
            f"A copy with the barcode {barcode} is in stock already. "
            "Print a new label.",
            barcode=barcode,
        )


class AlreadyMarked(Refusal):
    """The copy is marked so already."""

    code = "already_marked"

    def __init__(self, copy_id: UUID, condition: str) -> None:
        said = f"is marked {condition}" if condition else "bears no mark"
        super().__init__(
            f"Copy {copy_id} {said} already. There is nothing left to do.",
            copy_id=copy_id,
            condition=condition,
        )
