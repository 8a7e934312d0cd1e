"""A mail server on loopback that keeps what arrives, for people to look at."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, Envelope, Session

_KEPT = 200


@dataclass(frozen=True, slots=True)
class Arrived:
    """A mail that came in over SMTP, and whom it was for."""

    number: int
    recipients: tuple[str, ...]
    mail: EmailMessage

    def text(self) -> str:
        """Return the plain part."""
        return self._part("plain")

    def html(self) -> str:
        """Return the HTML part."""
        return self._part("html")

    def headers(self) -> list[tuple[str, str]]:
        """Return all headers, decoded."""
        return [(name, str(value)) for name, value in self.mail.items()]

    def _part(self, kind: str) -> str:
        part = self.mail.get_body((kind,))
        return str(part.get_content()) if part is not None else ""


class Mailbox:
    """The mail that arrived, newest first."""

    def __init__(self, port: int) -> None:
        self.url = f"smtp://127.0.0.1:{port}"
        self._arrived: deque[Arrived] = deque(maxlen=_KEPT)
        self._count = 0

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator["Mailbox"]:
        """Listen on a free port of loopback until the end."""
        boxes: list[Mailbox] = []
        server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(_Keeper(boxes[0]), enable_SMTPUTF8=True), "127.0.0.1", 0
        )
        boxes.append(cls(server.sockets[0].getsockname()[1]))
        try:
            yield boxes[0]
        finally:
            server.close()

    def __iter__(self) -> Iterator[Arrived]:
        return iter(self._arrived)

    def get(self, number: int) -> Arrived | None:
        """Return a mail by its number."""
        return next((one for one in self._arrived if one.number == number), None)

    def keep(self, recipients: list[str], content: bytes) -> None:
        """Take a mail in."""
        self._count += 1
        mail = message_from_bytes(content, policy=default)
        self._arrived.appendleft(Arrived(self._count, tuple(recipients), mail))


class _Keeper:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        del server, session
        content = envelope.content or b""
        self._mailbox.keep(envelope.rcpt_tos, content if isinstance(content, bytes) else content.encode())
        return "250 Kept"
