"""What a line of log looks like: stamped, and with what is known of its cause."""

from __future__ import annotations

from typing import Any

import structlog

_STAMPED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(allow=("outcome", "seconds")),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configured(*, level: str, json: bool) -> dict[str, Any]:
    """Configure structlog; return what Django's LOGGING has to be."""
    structlog.configure(
        processors=[*_STAMPED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _STAMPED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    structlog.processors.JSONRenderer()
                    if json
                    else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "dramatiq": {"level": "WARNING"},
            "psycopg.pool": {"level": "ERROR"},
            "urllib3": {"level": "ERROR"},  # what it says quotes the URLs of webhooks
            # A broker that is away is counted, not shouted.
            "pika": {"level": "CRITICAL"},
        },
    }
