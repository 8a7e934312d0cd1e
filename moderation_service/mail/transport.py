"""Handing mails to an SMTP server, and saying how far the conversation came where it failed."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import SMTPUTF8 as SMTPUTF8_POLICY

from aiosmtplib import SMTP
from aiosmtplib.errors import SMTPException

from moderation_service.config.values import Server, Tls
from moderation_service.domain import addresses
from moderation_service.domain.notices import Phase
from moderation_service.mail.failures import DeliveryError, failing_in

_CLOSING = 421
_NOT_INTERNATIONAL = (553, "5.6.7 This server does not offer SMTPUTF8, which the address needs")
_PATIENCE_FOR_QUIT = 2.0
_OF_ONE_MESSAGE = frozenset({Phase.RECIPIENT, Phase.DATA})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long things may take, in seconds, and how many messages one connection carries."""

    connecting: float = 30.0
    message: float = 60.0
    connection: float = 300.0
    messages: int = 100


class Transport:
    """One connection to the mail server, kept open over a run of messages.

    Every failure of the server or the network is a DeliveryError; any other exception of `send` comes before
    the server saw the mail. `on_step` hears of each phase that went well, with a word about it.
    """

    def __init__(
        self,
        server: Server,
        *,
        sender: str,
        helo: str,
        limits: Limits | None = None,
        on_step: Callable[[Phase, str], None] = lambda _, __: None,
    ) -> None:
        self.limits = limits or Limits()
        self._server = server
        self._sender = addresses.on_the_wire(sender)
        self._helo = helo
        self._on_step = on_step
        self._client: SMTP | None = None
        self._opened_at = 0.0
        self._carried = 0

    async def send(self, mail: EmailMessage, recipient: str) -> None:
        """Hand in one mail for one recipient; raise DeliveryError unless the server accepted it."""
        address = addresses.on_the_wire(recipient)
        international = not (address.isascii() and self._sender.isascii())
        content = mail.as_bytes(policy=SMTPUTF8_POLICY if international else SMTP_POLICY)
        phase = Phase.CONNECT
        try:
            async with asyncio.timeout(self.limits.message):
                client = await self._with_envelope(address, international=international)
                phase = Phase.ANSWER
                with failing_in(Phase.DATA, unanswered=Phase.ANSWER):
                    answer = await client.data(content)
        except DeliveryError as error:
            await self._after_refusal(error)
            raise
        except TimeoutError as error:
            self._drop()
            raise DeliveryError(phase, None, "no answer in time") from error
        except Exception as error:
            self._drop()
            if phase is Phase.ANSWER:
                raise DeliveryError(phase, None, type(error).__name__) from error
            raise
        except BaseException:
            self._drop()
            raise
        self._carried += 1
        self._on_step(Phase.DATA, answer.message)

    async def log_in(self) -> None:
        """Connect, secure the connection and log in; raise DeliveryError where that fails."""
        await self._connected()

    async def close(self) -> None:
        """End the connection, with QUIT where the server still listens."""
        client, self._client = self._client, None
        if client is None:
            return
        if client.is_connected:
            with suppress(SMTPException, OSError, TimeoutError):
                await client.quit(timeout=_PATIENCE_FOR_QUIT)
        client.close()

    async def _with_envelope(self, address: str, *, international: bool) -> SMTP:
        """Return a connection on which sender and recipient were accepted.

        Where a server has ended a connection that was kept open, that says nothing about this message.
        """
        client, is_kept = await self._connected()
        try:
            await self._name(client, address, international=international)
        except DeliveryError as error:
            if not is_kept or error.code not in (None, _CLOSING):
                raise
            self._drop()
            client, _ = await self._connected()
            await self._name(client, address, international=international)
        return client

    async def _name(self, client: SMTP, address: str, *, international: bool) -> None:
        options: list[str] = []
        encoding = "ascii"
        if international:
            if not client.supports_extension("smtputf8"):
                raise DeliveryError(Phase.RECIPIENT, *_NOT_INTERNATIONAL)
            options, encoding = ["SMTPUTF8", "BODY=8BITMIME"], "utf-8"
        with failing_in(Phase.SENDER):
            answer = await client.mail(self._sender, options=options, encoding=encoding)
        self._on_step(Phase.SENDER, answer.message)
        with failing_in(Phase.RECIPIENT):
            answer = await client.rcpt(address, encoding=encoding)
        self._on_step(Phase.RECIPIENT, answer.message)

    async def _connected(self) -> tuple[SMTP, bool]:
        """Return the connection, and whether it was kept open from an earlier message."""
        if self._client is not None:
            age = asyncio.get_running_loop().time() - self._opened_at
            is_worn = age > self.limits.connection or self._carried >= self.limits.messages
            if self._client.is_connected and not is_worn:
                return self._client, True
            await self.close()
        phase = Phase.CONNECT
        try:
            async with asyncio.timeout(self.limits.connecting):
                return await self._connect(), False
        except TimeoutError as error:
            self._drop()
            raise DeliveryError(phase, None, "no connection in time") from error
        except BaseException:
            self._drop()
            raise

    async def _connect(self) -> SMTP:
        server = self._server
        client = self._client = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls is Tls.IMPLICIT,
            start_tls=False,
            tls_context=None if server.tls is Tls.NONE else _tls_context(server.ca_file),
            local_hostname=self._helo,
            timeout=self.limits.message,
        )
        self._opened_at, self._carried = asyncio.get_running_loop().time(), 0
        with failing_in(Phase.CONNECT):
            greeting = await client.connect()
            await client.ehlo()
        self._on_step(Phase.CONNECT, greeting.message)
        if server.tls is Tls.STARTTLS:
            with failing_in(Phase.TLS):
                await client.starttls()
                await client.ehlo()
        if server.tls is not Tls.NONE:
            self._on_step(Phase.TLS, str(client.get_transport_info("cipher")[1]))
        if server.username is not None:
            with failing_in(Phase.LOGIN):
                answer = await client.login(server.username, server.password or "")
            self._on_step(Phase.LOGIN, answer.message)
        return client

    async def _after_refusal(self, error: DeliveryError) -> None:
        """Keep the connection for the next message where the server refused only this one."""
        if self._client is None or error.code in (None, _CLOSING) or error.phase not in _OF_ONE_MESSAGE:
            await self.close() if error.code is not None else self._drop()
            return
        try:
            await self._client.rset(timeout=_PATIENCE_FOR_QUIT)
        except (SMTPException, OSError):
            self._drop()

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def _tls_context(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise DeliveryError(Phase.TLS, None, f"the file of certificate authorities: {error}") from error
