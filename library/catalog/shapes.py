"""What the catalogue's API takes and shows."""

from __future__ import annotations

from rest_framework import serializers

from library.catalog import calendars, rules
from outbox.api.given import Given

Text = serializers.CharField


class BookShown(serializers.Serializer[object]):
    """A book. `isbn` is the number as it was written, `isbn13` what it means."""

    id = serializers.UUIDField()
    title = Text()
    authors = serializers.ListField(child=Text())
    isbn = Text(source="isbn_given")
    isbn13 = Text(allow_null=True)
    language = Text()
    year = serializers.IntegerField(allow_null=True)
    subjects = serializers.ListField(child=Text())
    created_at = serializers.DateTimeField()
    withdrawn_at = serializers.DateTimeField(allow_null=True)


class CopyShown(serializers.Serializer[object]):
    """
    A copy: the thing with a barcode. `price` is in the smallest unit of money.

    `condition` is missing, damaged or lost, and empty while nothing is wrong.
    """

    id = serializers.UUIDField()
    book_id = serializers.UUIDField()
    branch_id = serializers.UUIDField(allow_null=True)
    kind = Text()
    barcode = Text()
    restricted = serializers.BooleanField(
        help_text="Lent only to those whose policy says so."
    )
    price = serializers.IntegerField(allow_null=True)
    condition = Text(allow_blank=True)
    added_at = serializers.DateTimeField()
    removed_at = serializers.DateTimeField(allow_null=True)


class BookDescription(Given):
    """What is said of a book. A correction with PUT says all of it again."""

    title = Text(max_length=rules.LONGEST_TITLE)
    authors = serializers.ListField(
        child=Text(max_length=rules.LONGEST_NAME), allow_empty=False, max_length=100
    )
    isbn = Text(max_length=rules.LONGEST_ISBN, allow_blank=True, default="")
    language = Text(max_length=rules.LONGEST_LANGUAGE, allow_blank=True, default="")
    year = serializers.IntegerField(
        min_value=rules.YEARS.start,
        max_value=rules.YEARS.stop - 1,
        allow_null=True,
        default=None,
    )
    subjects = serializers.ListField(
        child=Text(max_length=rules.LONGEST_SUBJECT), max_length=100, default=list
    )


class NewCopy(Given):
    """A copy to put on the shelf."""

    book_id = serializers.UUIDField()
    barcode = Text(max_length=rules.LONGEST_BARCODE)
    restricted = serializers.BooleanField(required=False)
    branch_id = serializers.UUIDField(required=False, allow_null=True)
    kind = serializers.RegexField(
        rf"^[a-z0-9-]{{1,{rules.LONGEST_KIND}}}$", required=False
    )
    price = serializers.IntegerField(
        min_value=0, max_value=rules.HIGHEST_PRICE, required=False, allow_null=True
    )


class BranchShown(serializers.Serializer[object]):
    """A branch. Weekdays are numbers from 0, Monday, to 6, Sunday."""

    id = serializers.UUIDField()
    name = Text()
    time_zone = Text()
    closed_weekdays = serializers.ListField(child=serializers.IntegerField())
    closed_on = serializers.ListField(child=serializers.DateField())


class BranchDescription(Given):
    """What is said of a branch. Saying it again says all of it."""

    name = Text(max_length=calendars.LONGEST_BRANCH_NAME)
    time_zone = Text(max_length=60)
    closed_weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6),
        max_length=7,
        default=list,
    )
    closed_on = serializers.ListField(
        child=serializers.DateField(),
        max_length=calendars.MOST_CLOSED_DAYS,
        default=list,
    )


class BookQuery(Given):
    """Which books to list: parts of the title, an author's name or the ISBN."""

    title = Text(max_length=200, required=False, allow_blank=True)
    author = Text(max_length=200, required=False, allow_blank=True)
    isbn = Text(max_length=rules.LONGEST_ISBN, required=False, allow_blank=True)


class CopyQuery(Given):
    """Which copies to list."""

    book = serializers.UUIDField(required=False)
