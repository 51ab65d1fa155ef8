"""How policies say no."""

from __future__ import annotations

from library.refusals import Invalid


class InvalidPolicy(Invalid):
    """What was given about a policy cannot be right."""

    code = "invalid_policy"
