#!/usr/bin/env python3
"""The door for every command of the project: `manage.py help` lists them."""

from __future__ import annotations

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from environs import EnvValidationError


def main() -> None:
    """Run the command named on the command line; mistakes need no traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        execute_from_command_line(sys.argv)
    except EnvValidationError as error:
        wrong = (
            f"{name}: {' '.join(why)}" for name, why in error.error_messages.items()
        )
        sys.exit("These environment variables are wrong:\n  " + "\n  ".join(wrong))
    except ImproperlyConfigured as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
