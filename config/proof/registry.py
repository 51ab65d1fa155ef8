"""All claims there are, by WHAT they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from config.proof import (
    chaos,
    folds,
    lending,
    letters,
    main_job,
    relay,
    rules,
    speed,
    webhooks,
)
from config.proof.claims import Claim

CLAIMS: Mapping[str, Sequence[Claim]] = {
    "main-job": main_job.CLAIMS,
    "relay": (*relay.RELAY, *chaos.CLAIMS, *speed.CLAIMS),
    "webhooks": webhooks.CLAIMS,
    "letters": letters.CLAIMS,
    "folds": folds.CLAIMS,
    "lending": (*lending.CLAIMS, *rules.CLAIMS),
}
