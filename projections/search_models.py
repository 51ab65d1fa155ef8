"""The read models of the search: what can be found, and how words are spelled."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models

from outbox.folds import FoldedModel


class Searchable(FoldedModel):
    """A book as somebody looks for it; `words` as `questions/words.py` has them."""

    book_id = models.UUIDField(primary_key=True)
    title = models.TextField()
    authors = ArrayField(models.TextField())
    isbn13 = models.CharField(max_length=13, null=True)  # noqa: DJ001 - NULL: none
    language = models.CharField(max_length=16, default="")
    year = models.SmallIntegerField(null=True)
    title_words = models.TextField()
    words = ArrayField(models.TextField())

    class Meta:
        db_table = "search"
        verbose_name_plural = "searchable"
        indexes = [
            GinIndex(
                models.Func("words", function="array_to_tsvector"), name="search_words"
            ),
            models.Index(fields=["isbn13"], name="search_isbn13"),
        ]

    def __str__(self) -> str:
        return self.title


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
