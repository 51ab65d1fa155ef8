"""
Our settings and the peers beside: for this process, and those that run a peer.

Relays of ours run with our own settings, and with nothing more.
"""

from __future__ import annotations

from config.settings import *  # noqa: F403

INSTALLED_APPS = [
    *INSTALLED_APPS,  # noqa: F405
    "benchmarks.heard",
    "benchmarks.peers",
    "django_domain_events",
    "django_outbound_webhooks",
]
DJANGO_OUTBOUND_WEBHOOKS = {"ALLOW_PRIVATE_ADDRESSES": True}
