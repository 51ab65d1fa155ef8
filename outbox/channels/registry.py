"""The channels there are, from OUTBOX['CHANNELS']."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import cast

from django.conf import settings

from outbox.channels.contract import Channel


@cache
def channels() -> Mapping[str, Channel]:
    """Return the channel modules by name."""
    modules = [
        cast("Channel", import_module(path)) for path in settings.OUTBOX["CHANNELS"]
    ]
    return {module.NAME: module for module in modules}
