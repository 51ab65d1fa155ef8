"""The ledgers of a drill, beside those of the demo."""

from __future__ import annotations

INTENTS = "intents"
ANSWERS = "answers-to-commands"
TROUBLE = "trouble"
