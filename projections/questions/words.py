"""What is the same word to somebody who searches."""

from __future__ import annotations

import re
import unicodedata

LONGEST_WORD = 64  # characters; what is longer is no word

# The letters of Oʻzbekcha are written with any of these, or with none.
_APOSTROPHES = dict.fromkeys(map(ord, "ʻʼ‘’'`´"))


def words(text: str) -> list[str]:
    """Return the words of a text, each once, without case, accents, apostrophes."""
    plain = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES).casefold())
    bare = "".join(each for each in plain if not unicodedata.combining(each))
    found = re.findall(r"[^\W_]+", bare)
    return list(dict.fromkeys(each[:LONGEST_WORD] for each in found))
