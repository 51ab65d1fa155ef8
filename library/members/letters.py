"""What we write to members about their membership."""

from __future__ import annotations

from library.members.events import UserRegistered
from outbox.channels.letters import Letter

welcome = Letter(
    name="welcome",
    event=UserRegistered,
    template="letters/welcome",
    recipients=lambda event: (event.member_id,),
    context=lambda event: {},
    mandatory=True,  # once in a lifetime, before there was a chance to mute it
)
