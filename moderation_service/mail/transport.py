"""Handing mails to an SMTP server, and saying how far the conversation came where it failed."""

import asyncio
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.policy import SMTPUTF8 as SMTPUTF8_POLICY
from typing import Protocol

from aiosmtplib import SMTP, SMTPResponse, SMTPStatus
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPConnectTimeoutError,
    SMTPDataError,
    SMTPException,
    SMTPServerDisconnected,
)

from moderation_service.config import causes
from moderation_service.config.values import Server, Tls
from moderation_service.domain.accounts import addresses
from moderation_service.domain.notifications.retry_policy import Phase
from moderation_service.mail.failures import DeliveryError, failing_in
from moderation_service.mail.rendering import host_of

_CLOSING = 421
_REFUSED_LOG_IN = 535
_LINE_BEGINS_WITH_DOT = re.compile(rb"^\.", re.MULTILINE)
_NOT_INTERNATIONAL = (553, "5.6.7 This server does not offer SMTPUTF8, which the address needs")
_PATIENCE_FOR_QUIT = 2.0
_OF_ONE_MESSAGE = frozenset({Phase.RECIPIENT, Phase.DATA})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a server may take for each phase, in seconds (RFC 5321, 4.5.3.2), and what a connection carries."""

    connecting: float = 30.0
    greeting: float = 300.0
    command: float = 300.0
    data: float = 120.0
    block: float = 180.0
    answer: float = 600.0
    connection: float = 300.0
    messages: int = 100


def greeting_name(chosen: str, public_url: str) -> str:
    """Return the name by which every command greets the mail server (RFC 5321, 4.1.1.1).

    What was `chosen`, else the host of the public URL where that is a full name, else this machine's full name,
    else an address literal.
    """
    if chosen:
        return chosen
    host = host_of(public_url)
    if host.startswith("[") or "." not in host.strip("."):
        own = socket.getfqdn()
        return own if "." in own and own.isascii() and ":" not in own else _own_address(host)
    return host


def _own_address(host: str) -> str:
    if host.startswith("["):
        return host
    try:
        return f"[{socket.gethostbyname(socket.gethostname())}]"
    except OSError:
        return "[127.0.0.1]"


class Tokens(Protocol):
    """Where access tokens for XOAUTH2 come from; `get` raises DeliveryError where there are none."""

    async def get(self) -> str:
        """Return a token, a kept one as long as it is good."""

    def forget(self) -> None:
        """Do not give out the last one again: it was refused."""


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
        tokens: Tokens | None = None,
        limits: Limits | None = None,
        on_step: Callable[[Phase, str], None] = lambda _, __: None,
    ) -> None:
        self.limits = limits or Limits()
        self._server = server
        self._sender = addresses.on_the_wire(sender)
        self._helo = helo
        self._tokens = tokens
        self._on_step = on_step
        self._client: SMTP | None = None
        self._opened_at = 0.0
        self._carried = 0
        self.is_handing_in = False
        """Whether the server may have seen the mail that is being sent; stays so where that was broken off."""

    async def send(self, mail: EmailMessage, recipient: str) -> None:
        """Hand in one mail for one recipient; raise DeliveryError unless the server accepted it."""
        address = addresses.on_the_wire(recipient)
        international = not (address.isascii() and self._sender.isascii())
        content = mail.as_bytes(policy=SMTPUTF8_POLICY if international else SMTP_POLICY)
        self.is_handing_in = False
        try:
            client = await self._with_envelope(address, international=international)
            self.is_handing_in = True
            with failing_in(Phase.DATA, unanswered=Phase.ANSWER):
                answer = await self._hand_in(client, content)
        except DeliveryError as error:
            self.is_handing_in = False
            await self._after_refusal(error)
            raise
        except Exception as error:
            self._drop()
            if self.is_handing_in:
                self.is_handing_in = False
                raise DeliveryError(Phase.ANSWER, None, type(error).__name__) from error
            raise
        except BaseException:
            self._drop()
            raise
        self.is_handing_in = False
        self._carried += 1
        self._on_step(Phase.DATA, answer.message)

    async def _hand_in(self, client: SMTP, content: bytes) -> SMTPResponse:
        """Give DATA and the mail, each with its own patience, which the library's `data` does not know."""
        start = await client.execute_command(b"DATA", timeout=self.limits.data)
        if start.code != SMTPStatus.start_input:
            raise SMTPDataError(start.code, start.message)
        if client.protocol is None:
            raise SMTPServerDisconnected("Connection lost")
        client.protocol.write(_LINE_BEGINS_WITH_DOT.sub(b"..", content) + b".\r\n")
        answer = await client.protocol.read_response(timeout=self.limits.block + self.limits.answer)
        if answer.code != SMTPStatus.completed:
            raise SMTPDataError(answer.code, answer.message)
        return answer

    async def log_in(self) -> None:
        """Connect, secure the connection and log in; raise DeliveryError where that fails."""
        await self._connected()

    async def try_envelope(self, recipient: str) -> None:
        """Let the server accept sender and recipient, and take both back: no mail is sent.

        Raises DeliveryError where it does not.
        """
        address = addresses.on_the_wire(recipient)
        international = not (address.isascii() and self._sender.isascii())
        client = await self._with_envelope(address, international=international)
        with failing_in(Phase.RECIPIENT):
            await client.rset()

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
        try:
            return await self._connect(), False
        except BaseException:
            self._drop()
            raise

    async def _connect(self) -> SMTP:
        server, limits = self._server, self.limits
        token = None if self._tokens is None else await self._token(self._tokens)
        client = self._client = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls is Tls.IMPLICIT,
            start_tls=False,
            tls_context=None if server.tls is Tls.NONE else _tls_context(server.ca_file),
            local_hostname=self._helo,
            timeout=limits.command,
        )
        self._opened_at, self._carried = asyncio.get_running_loop().time(), 0
        with failing_in(Phase.CONNECT):
            greeting = await self._greeted(client)
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
                answer = await self._logged_in(client, server.username, token)
            self._on_step(Phase.LOGIN, answer.message)
        return client

    async def _greeted(self, client: SMTP) -> SMTPResponse:
        """Connect, a matter of seconds, and wait for the greeting, for which a busy server takes its time."""
        connecting = asyncio.create_task(client.connect(timeout=self.limits.greeting))
        try:
            await asyncio.wait([connecting], timeout=self.limits.connecting)
            if not connecting.done() and client.transport is None:
                raise SMTPConnectTimeoutError("no connection in time")
            return await connecting
        finally:
            connecting.cancel()

    async def _logged_in(self, client: SMTP, username: str, token: str | None) -> SMTPResponse:
        if self._tokens is None or token is None:
            return await client.login(username, self._server.password or "")
        try:
            return await client.auth_xoauth2(username, token)
        except SMTPAuthenticationError as error:
            self._tokens.forget()
            if error.code != _REFUSED_LOG_IN:
                raise
        return await client.auth_xoauth2(username, await self._token(self._tokens))

    async def _token(self, tokens: Tokens) -> str:
        token = await tokens.get()
        self._on_step(Phase.TOKEN, "")
        return token

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
        raise DeliveryError(
            Phase.TLS, None, f"the file of certificate authorities {ca_file}: {causes.why(error)}"
        ) from error
