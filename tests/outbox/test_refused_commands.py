from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command


@pytest.mark.parametrize("command", ["publish", "subscribe"])
def test_the_packages_own_relay_is_never_run(command):
    with pytest.raises(CommandError, match="relay"):
        call_command(command)
