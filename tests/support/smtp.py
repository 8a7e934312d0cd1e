"""A real mail server on a free port, which keeps what arrives and misbehaves when told to."""

import asyncio
import re
from asyncio import BaseTransport
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.running import until

_LINK = re.compile(r"https?://\S+")


@dataclass(slots=True)
class Mail:
    """A mail that arrived."""

    recipients: tuple[str, ...]
    raw: bytes
    message: EmailMessage

    def text(self) -> str:
        return self._part("plain")

    def html(self) -> str:
        return self._part("html")

    def links(self) -> list[str]:
        return _LINK.findall(self.text())

    def link(self, ending: str) -> str:
        """The one link of the text part that ends so."""
        [found] = {link for link in self.links() if link.endswith(ending)}
        return found

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        assert part is not None
        return str(part.get_content())


@dataclass(slots=True)
class MailServer:
    """What arrived, in order, and what to answer instead of 250."""

    url: str = ""
    mails: list[Mail] = field(default_factory=list)
    refuse_recipient: str | None = None
    refuse_data: str | None = None
    refuse_for: dict[str, str] = field(default_factory=dict)
    refuse_data_for: dict[str, str] = field(default_factory=dict)
    refuse_word: str | None = None
    before_250: Callable[[], None] = lambda: None
    while_sent: Callable[[], Awaitable[None]] | None = None
    """What is done while a mail is on its way: its text has come, and the answer to it has not gone."""
    talking: int = 0
    greetings: list[str] = field(default_factory=list)

    def to(self, address: str) -> list[Mail]:
        return [mail for mail in self.mails if address in mail.recipients]

    async def wait_for(self, count: int) -> list[Mail]:
        """All mails, once there are so many and nobody is connected any more.

        The mail is here before its sender has written that down; the sender hangs up when that is done.
        """
        await until(lambda: len(self.mails) >= count and not self.talking)
        return self.mails

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        del server, envelope
        self.greetings.append(hostname)
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if self.refuse_recipient is not None:
            return self.refuse_recipient
        if address in self.refuse_for:
            return self.refuse_for[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        del server, session
        if self.while_sent is not None:
            await self.while_sent()
        if self.refuse_data is not None:
            return self.refuse_data
        for address in envelope.rcpt_tos:
            if address in self.refuse_data_for:
                return self.refuse_data_for[address]
        raw = envelope.content
        assert isinstance(raw, bytes)
        mail = Mail(tuple(envelope.rcpt_tos), raw, message_from_bytes(raw, policy=default))
        if self.refuse_word is not None and self.refuse_word in mail.text():
            return "550 5.7.1 Spam"
        self.mails.append(mail)
        self.before_250()
        return "250 Kept"


class _Counted(SMTP):
    """A conversation that is counted while it lasts."""

    event_handler: MailServer

    def connection_made(self, transport: BaseTransport) -> None:
        self.event_handler.talking += 1
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.event_handler.talking -= 1
        super().connection_lost(error)


@asynccontextmanager
async def mail_server(port: int = 0) -> AsyncIterator[MailServer]:
    """Listen on loopback until the end of the block."""
    kept = MailServer()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Counted(kept, enable_SMTPUTF8=True), "127.0.0.1", port
    )
    kept.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield kept
    finally:
        server.close()
