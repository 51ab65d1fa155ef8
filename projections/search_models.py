"""The read models of the search: what can be found, and how words are spelled."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models

from outbox.folds import FoldedModel


class Searchable(FoldedModel):
    """
    A book as somebody looks for it; words as `questions/words.py` has them.

    `facets` is what it counts for by numbers, `in_at` where a copy is on its shelf: see
    `questions/facets.py`. `stock` has for each copy its id, its branch and its place;
    '' is no branch. The database adds what Django cannot say: `lexemes`, the words to
    look for, in one index with all that they are narrowed by; and that the table is in
    parts, so that for a common word not all of it is read (decision 14). What each
    search reads of a row stands first, since what stands before it is read as well.
    """

    book_id = models.UUIDField(primary_key=True)
    title_words = models.TextField()
    words = models.TextField()
    language = models.CharField(max_length=16, default="")
    year = models.SmallIntegerField(null=True)
    facets = ArrayField(models.BigIntegerField())
    in_at = ArrayField(models.BigIntegerField(), default=list)
    title = models.TextField()
    authors = ArrayField(models.TextField())
    subjects = ArrayField(models.TextField(), default=list)
    isbn13 = models.CharField(max_length=13, null=True)  # noqa: DJ001 - NULL: none
    stock = ArrayField(ArrayField(models.TextField()), default=list)

    class Meta:
        db_table = "search"
        verbose_name_plural = "searchable"
        indexes = [
            models.Index(fields=["isbn13"], name="search_isbn13"),
        ]

    def __str__(self) -> str:
        return self.title


class FacetValue(FoldedModel):
    """An author, a subject or a branch, and the number for it."""

    code = models.BigIntegerField(primary_key=True)
    value = models.TextField()

    class Meta:
        db_table = "facet_values"

    def __str__(self) -> str:
        return self.value


class Word(FoldedModel):
    """A word that a title or a name has, or once had."""

    word = models.TextField(primary_key=True)

    class Meta:
        db_table = "vocabulary"
        indexes = [
            GinIndex(OpClass("word", name="gin_trgm_ops"), name="vocabulary_similar"),
        ]

    def __str__(self) -> str:
        return self.word
