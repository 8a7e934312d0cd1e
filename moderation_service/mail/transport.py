"""Handing a mail to an SMTP server, and saying how far the conversation came where it failed."""

import asyncio
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import SMTPUTF8 as SMTPUTF8_POLICY

from aiosmtplib import SMTP
from aiosmtplib.errors import SMTPException, SMTPNotSupported, SMTPResponseException

from moderation_service.config.values import Server, Tls
from moderation_service.domain.notices import Phase

WHOLE_MESSAGE = 60.0
"""Seconds that one message may take, connecting included."""

_ENHANCED = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")


class DeliveryError(Exception):
    """A mail was not accepted. `reply` holds the server's words, which may repeat addresses: never log it."""

    def __init__(self, phase: Phase, code: int | None, reply: str) -> None:
        super().__init__(phase)
        self.phase = phase
        self.code = code
        self.reply = reply

    @property
    def status(self) -> str | None:
        """The enhanced status code (RFC 3463) of the reply, which holds no address."""
        found = _ENHANCED.search(self.reply)
        return found[1] if found else None


class Transport:
    """One connection to the mail server at a time, kept open over a run of messages."""

    def __init__(self, server: Server, *, sender: str, helo: str) -> None:
        self._server = server
        self._sender = sender
        self._helo = helo
        self._client: SMTP | None = None

    async def send(self, mail: EmailMessage, recipient: str) -> None:
        """Hand in one mail for one recipient; raise DeliveryError unless the server accepted it."""
        phase = Phase.CONNECT
        try:
            async with asyncio.timeout(WHOLE_MESSAGE):
                client = await self._connected()
                international = not recipient.isascii()
                with _failing_in(Phase.SENDER):
                    await client.mail(self._sender, options=["SMTPUTF8", "BODY=8BITMIME"] * international)
                with _failing_in(Phase.RECIPIENT):
                    await client.rcpt(recipient, encoding="utf-8" if international else "ascii")
                policy = SMTPUTF8_POLICY if international else SMTP_POLICY
                content = mail.as_bytes(policy=policy)
                phase = Phase.ANSWER
                with _failing_in(Phase.DATA, unanswered=Phase.ANSWER):
                    await client.data(content)
        except TimeoutError as error:
            await self.close(politely=False)
            raise DeliveryError(phase, None, "no answer in time") from error
        except BaseException:
            await self.close(politely=False)
            raise

    async def log_in(self) -> None:
        """Connect, secure the connection and log in; raise DeliveryError where that fails."""
        try:
            async with asyncio.timeout(WHOLE_MESSAGE / 2):
                await self._connected()
        except TimeoutError as error:
            raise DeliveryError(Phase.CONNECT, None, "no answer in time") from error

    async def close(self, *, politely: bool = True) -> None:
        """End the connection, with QUIT where the server still listens."""
        client, self._client = self._client, None
        if client is None:
            return
        if politely and client.is_connected:
            with suppress(SMTPException, OSError, TimeoutError):
                await client.quit(timeout=2)
        client.close()

    async def _connected(self) -> SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        server = self._server
        secure = server.tls is not Tls.NONE
        client = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls is Tls.IMPLICIT,
            start_tls=False,
            tls_context=ssl.create_default_context(cafile=server.ca_file) if secure else None,
            local_hostname=self._helo,
            timeout=WHOLE_MESSAGE / 2,
        )
        self._client = client
        with _failing_in(Phase.CONNECT):
            await client.connect()
            await client.ehlo()
        if server.tls is Tls.STARTTLS:
            with _failing_in(Phase.TLS):
                await client.starttls()
        if server.username is not None:
            with _failing_in(Phase.LOGIN):
                await client.login(server.username, server.password or "")
        return client


@contextmanager
def _failing_in(phase: Phase, *, unanswered: Phase | None = None) -> Iterator[None]:
    """Turn what aiosmtplib raises into a DeliveryError of this phase.

    With `unanswered`, a failure without a reply counts as that phase instead.
    """
    try:
        yield
    except SMTPResponseException as error:
        raise DeliveryError(phase, error.code, error.message) from error
    except ssl.SSLError as error:
        raise DeliveryError(Phase.TLS, None, error.reason or "TLS failed") from error
    except SMTPNotSupported as error:
        raise DeliveryError(phase, None, error.message) from error
    except (SMTPException, OSError) as error:
        if isinstance(error.__cause__, ssl.SSLError):
            raise DeliveryError(Phase.TLS, None, error.__cause__.reason or "TLS failed") from error
        raise DeliveryError(unanswered or phase, None, type(error).__name__) from error
