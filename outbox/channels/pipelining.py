"""
SMTP with fewer turns: sender, recipient and the wish to send in one (RFC 2920).

A letter takes four turns of a conversation, and each costs the way there and back.
Where the server says that it takes commands together, these three go together, and are
answered together: two turns. The text waits for all three answers, as before.
"""

from __future__ import annotations

import re
import smtplib
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

OK, CLOSING, GO_AHEAD = 250, 421, 354  # RFC 5321
FORWARDED = 251

Answer = tuple[int, bytes]


class Pipelining(smtplib.SMTP):
    """Sends to one recipient in two turns where the server offers it."""

    def sendmail(
        self,
        from_addr: str,
        to_addrs: str | Sequence[str],
        msg: Any,
        mail_options: Sequence[str] = (),
        rcpt_options: Sequence[str] = (),
    ) -> dict[str, Answer]:
        """Send as `smtplib` does, and raise the same."""
        self.ehlo_or_helo_if_needed()
        if isinstance(to_addrs, str) or len(to_addrs) > 1 or not self._may(msg):
            return super().sendmail(
                from_addr, to_addrs, msg, mail_options, rcpt_options
            )
        self._ask(from_addr, to_addrs[0], len(msg))
        self._agree(from_addr, to_addrs[0])
        self._accepted(self.getreply(), GO_AHEAD)
        self.send(_as_text(msg))
        self._accepted(self.getreply(), OK)
        return {}

    def _may(self, msg: Any) -> bool:
        return isinstance(msg, bytes) and self.has_extn("pipelining")

    def _ask(self, sender: str, recipient: str, size: int) -> None:
        said = f" size={size}" if self.has_extn("size") else ""
        commands = (
            f"MAIL FROM:{smtplib.quoteaddr(sender)}{said}",
            f"RCPT TO:{smtplib.quoteaddr(recipient)}",
            "DATA",
        )
        if any(end in command for command in commands for end in "\r\n"):
            raise ValueError("an address would begin another command")
        self.send("".join(f"{command}\r\n" for command in commands))

    def _agree(self, sender: str, recipient: str) -> None:
        """Raise if either was refused, once the wish to send is answered, too."""
        mail = self.getreply()
        if mail[0] == CLOSING:  # nothing else will be answered
            self.close()
            raise smtplib.SMTPSenderRefused(*mail, sender)
        rcpt = self.getreply()
        if mail[0] == OK and rcpt[0] in {OK, FORWARDED}:
            return
        if rcpt[0] == CLOSING:
            self.close()
        else:
            self._decline()
        if mail[0] != OK:
            raise smtplib.SMTPSenderRefused(*mail, sender)
        raise smtplib.SMTPRecipientsRefused({recipient: rcpt})

    def _decline(self) -> None:
        """Send no text, though the server may ask for it; it has nobody to give it."""
        # Not by `self`: who is told of the go-ahead there would take it for one.
        if smtplib.SMTP.getreply(self)[0] == GO_AHEAD:
            self.send(".\r\n")
            smtplib.SMTP.getreply(self)
        self._reset()

    def _accepted(self, answer: Answer, code: int) -> None:
        if answer[0] == code:
            return
        if answer[0] == CLOSING:
            self.close()
        else:
            self._reset()
        raise smtplib.SMTPDataError(*answer)

    def _reset(self) -> None:
        with suppress(smtplib.SMTPServerDisconnected):
            self.rset()


def _as_text(message: bytes) -> bytes:
    """Return a message with its lines kept apart from the dot that ends it."""
    text = re.sub(rb"(?m)^\.", b"..", message)
    return text + (b".\r\n" if text.endswith(b"\r\n") else b"\r\n.\r\n")
