"""A client for URLs that others configured: webhooks, outside checks of comments, push.

Unless private addresses are allowed, it connects to public ones only. That is judged on the very addresses that
the connection is made to, after the look-up, so that a name cannot lead elsewhere between the two. Redirects are
not followed, cookies not kept, and proxies of the environment not used.
"""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from enum import StrEnum
from ssl import SSLContext
from types import SimpleNamespace
from typing import Any

from aiohttp import (
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientSSLError,
    ClientTimeout,
    DummyCookieJar,
    InvalidURL,
    TCPConnector,
    TraceConfig,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from moderation_service import __version__
from moderation_service.outgoing_http import addresses, answers

WITHIN = 10.0
"""Seconds that one request may take in all, from the look-up of the name to the end of what is read."""

_HEADERS = {"User-Agent": f"moderation-service/{__version__}", "Accept-Encoding": "identity"}

LookUp = Callable[..., list[tuple[Any, ...]]]
"""Finds the addresses of a name, as `socket.getaddrinfo` does."""


class Step(StrEnum):
    """How far a request came."""

    RESOLVE = "resolve"
    ADDRESS = "address"
    CONNECT = "connect"
    TLS = "tls"
    ANSWER = "answer"


_STEPS: tuple[tuple[type[BaseException], Step], ...] = (
    (ClientSSLError, Step.TLS),
    (ClientConnectorDNSError, Step.RESOLVE),
    (InvalidURL, Step.RESOLVE),
    (ClientConnectorError, Step.CONNECT),
)
"""Where a request ended, by the first kind of error that it is; else while an answer was waited for."""


class RequestFailedError(Exception):
    """There was no answer; `reason` says why in our words, and `step` where it ended."""

    def __init__(self, step: Step, reason: str) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason


class Answer:
    """An answer whose body was not read yet; header names are found in any case."""

    def __init__(self, response: ClientResponse, within: float) -> None:
        self._response = response
        self._within = within
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    async def beginning(self, most: int) -> bytes:
        """Return up to `most` bytes that the body begins with; raise RequestFailedError."""
        with _failing(self._within):
            return await answers.beginning(self._response.content, most)


class Client:
    """Keeps its connections to itself: a slow server holds back only who shares its client.

    `allow_private` lets it connect to any address. `within` is in seconds, for each request in all. `on_step`
    hears of each step that succeeded, with what was found.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        within: float = WITHIN,
        tls: SSLContext | None = None,
        look_up: LookUp = socket.getaddrinfo,
        on_step: Callable[[Step, str], None] = lambda _, __: None,
    ) -> None:
        self._allow_private = allow_private
        self._within = within
        self._tls = tls
        self._look_up = look_up
        self._on_step = on_step
        self._session: ClientSession | None = None

    @asynccontextmanager
    async def request(
        self, method: str, url: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Answer]:
        """Ask, and hand out the answer as soon as its headers are there, to be read within the context.

        Whatever of the body is not read then is left. Raises RequestFailedError.
        """
        target = URL(url)
        with _failing(self._within):
            self._check_literal(target)
            response = await self._opened().request(
                method,
                target,
                data=body,
                headers=headers,
                allow_redirects=False,
                trace_request_ctx=target.scheme,
            )
        async with response:
            self._on_step(Step.ANSWER, str(response.status))
            yield Answer(response, self._within)

    async def close(self) -> None:
        """End the connections; the next request opens others."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    def _opened(self) -> ClientSession:
        if self._session is None:
            tracing = TraceConfig()
            tracing.on_connection_create_end.append(self._say_connected)
            self._session = ClientSession(
                connector=TCPConnector(
                    resolver=_Resolver(self._look_up, self._judge),
                    use_dns_cache=False,
                    ssl=True if self._tls is None else self._tls,
                ),
                timeout=ClientTimeout(total=self._within),
                headers=_HEADERS,
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,
                trace_configs=[tracing],
            )
        return self._session

    def _check_literal(self, url: URL) -> None:
        """Judge an address that stands in the URL itself, for which nothing is looked up."""
        host = url.raw_host or ""
        if ":" in host or host.replace(".", "").isdigit():
            self._judge([host])

    def _judge(self, found: list[str]) -> list[str]:
        """Return those of some addresses that may be connected to; raise RequestFailedError without any."""
        self._on_step(Step.RESOLVE, ", ".join(found))
        allowed = [one for one in found if self._allow_private or addresses.is_public(one)]
        if not allowed:
            raise RequestFailedError(Step.ADDRESS, f"not of the public internet: {', '.join(found)}")
        self._on_step(Step.ADDRESS, ", ".join(allowed))
        return allowed

    async def _say_connected(self, _: ClientSession, context: SimpleNamespace, __: object) -> None:
        self._on_step(Step.CONNECT, "")
        if context.trace_request_ctx == "https":
            self._on_step(Step.TLS, "")


@contextmanager
def _failing(within: float) -> Iterator[None]:
    """Turn what aiohttp raises into our error, with where the request ended and why."""
    try:
        yield
    except TimeoutError as error:
        raise RequestFailedError(Step.ANSWER, f"no answer within {within:g} seconds") from error
    except (ClientError, OSError) as error:
        step = next((step for kind, step in _STEPS if isinstance(error, kind)), Step.ANSWER)
        raise RequestFailedError(step, answers.why(error)) from error


class _Resolver(AbstractResolver):
    """Looks a name up in a thread of its own, so that a name server that hangs holds nobody else up."""

    def __init__(self, look_up: LookUp, judge: Callable[[list[str]], list[str]]) -> None:
        self._look_up = look_up
        self._judge = judge

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await _in_a_thread(
            lambda: self._look_up(host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG)
        )
        allowed = self._judge(list(dict.fromkeys(_numeric(sockaddr) for *_, sockaddr in found)))
        return [
            ResolveResult(
                hostname=host,
                host=_numeric(sockaddr),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, sockaddr in found
            if _numeric(sockaddr) in allowed
        ]

    async def close(self) -> None:
        pass


def _numeric(sockaddr: tuple[Any, ...]) -> str:
    """Return an address as text, with the scope that a link-local one of IPv6 has."""
    scope = sockaddr[3] if len(sockaddr) > 3 else 0  # noqa: PLR2004 - address, port, flow, scope
    return f"{sockaddr[0]}%{scope}" if scope and "%" not in sockaddr[0] else str(sockaddr[0])


async def _in_a_thread(work: Callable[[], list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    """Do what may hang in a thread that neither a pool nor the end of the process waits for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[list[tuple[Any, ...]]] = loop.create_future()

    def settle(found: list[tuple[Any, ...]], error: Exception | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(found)
        else:
            done.set_exception(error)

    def run() -> None:
        try:
            found, failure = work(), None
        except Exception as error:
            found, failure = [], error
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, found, failure)

    threading.Thread(target=run, name="look-up", daemon=True).start()
    return await done
