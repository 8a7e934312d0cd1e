"""The server's side of connections: who may have one for how long, and how they end.

What is no HTTP is answered in words of our own, with nothing in them of what was sent.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler
from yarl import URL

from moderation_service.domain.screening import networks
from moderation_service.locales import SOURCE
from moderation_service.web.http import problems
from moderation_service.web.http.client_address import Address, plain
from moderation_service.web.http.connections import Connections, Pool, Stage
from moderation_service.web.http.ready_answers import ReadyResponse
from moderation_service.web.http.refusals import Refusals
from moderation_service.web.http.responses import SERVER
from moderation_service.web.http.slow_readers import PatientConnection
from moderation_service.web.http.timeouts import ClientTimeouts

LONGEST_LINE = 32 * 1024
"""Bytes of a request's line: room for the addresses of 200 pages. At most 128 lines of 8 KiB follow it."""

_LOOK_EVERY = 1.0
_LAST_REQUEST_WITHIN = 0.5
_CLOSED_BY_PEER_WITHIN = 0.5
_FORCED_WITHIN = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What connections may do; those whose address `is_trusted` are free of the bound for one network.

    Below the path `root` the same is served as without it: proxies pass it on or strip it.
    """

    connections: int
    running_requests: float
    timeouts: ClientTimeouts = field(default_factory=ClientTimeouts)
    root: str = ""
    is_trusted: Callable[[Address], bool] = lambda _: False
    refusals: Refusals = field(default_factory=Refusals)
    headers: Mapping[str, str] = field(default_factory=dict)
    """What every answer carries, beside the server's name."""


class Runner(web.AppRunner):
    """Runs an application on connections that are bounded, quote nobody and end in order."""

    def __init__(self, app: web.Application, limits: Limits, **options: Any) -> None:
        """Prepare; answers under way when it stops have `limits.running_requests` seconds."""
        super().__init__(
            app,
            shutdown_timeout=_FORCED_WITHIN,
            keepalive_timeout=limits.timeouts.keep_alive,
            max_line_size=LONGEST_LINE,
            **options,
        )
        self._limits = limits

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return Server(
            made.request_handler,
            self._limits,
            request_factory=made.request_factory,
            **made._kwargs,  # noqa: SLF001
        )

    async def cleanup(self) -> None:
        """Take no new connections, let those that are open end in order, and close the application."""
        for site in self.sites:
            await site.stop()
        if isinstance(self.server, Server):
            await self.server.drain()
        await super().cleanup()


class Server(web.Server):
    """Makes the connections of an application."""

    def __init__(self, handler: Any, limits: Limits, *, request_factory: Any, **options: Any) -> None:
        super().__init__(handler, request_factory=_noting(request_factory, limits.root), **options)
        self.limits = limits
        self.headers = (("Server", SERVER), *limits.headers.items())
        self.head = "".join(f"{name}: {value}\r\n" for name, value in self.headers).encode("ascii")
        self.is_stopping = False
        self.open = Connections(limits.connections, clock=self._loop.time, refusals=limits.refusals)
        self._one_less = asyncio.Event()

    def __call__(self) -> RequestHandler:
        """Return what speaks to a new connection."""
        return _Connection(self, loop=self._loop, **self._kwargs)

    def lost(self, connection: "_Connection") -> None:
        """Forget a connection."""
        self.open.lost(connection)
        self._one_less.set()

    async def watch(self) -> None:
        """Close connections whose request's head does not come in time, until cancelled."""
        while True:
            await asyncio.sleep(min(_LOOK_EVERY, self.limits.timeouts.head))
            self.open.close_overdue(self.limits.timeouts.head)

    async def drain(self) -> None:
        """End every connection: by the answer to the request that it brings or brought, else by an orderly close.

        Kept-alive ones have a moment to bring one more request: theirs may be on the way. Then we close our side,
        and wait for the other to close its own, so that what crossed on the way is not answered with a reset.
        """
        self.is_stopping = True
        async with asyncio.TaskGroup() as group:
            group.create_task(self._until(lambda: not self.open.busy, self.limits.running_requests))
            group.create_task(self._close_those_at_rest())

    async def _close_those_at_rest(self) -> None:
        await self._until(lambda: not self.open.at_rest, _LAST_REQUEST_WITHIN)
        closing = self.open.at_rest
        for connection in closing:
            connection.close_our_side()
        await self._until(lambda: not any(one in self.open.at_rest for one in closing), _CLOSED_BY_PEER_WITHIN)

    async def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition():
                    self._one_less.clear()
                    await self._one_less.wait()


class _Connection(PatientConnection):
    __slots__ = ("_has_closed_our_side", "_move", "_server", "began_at", "network", "opened_at", "pools", "stage")

    def __init__(self, server: Server, **options: Any) -> None:
        super().__init__(server, patience=server.limits.timeouts.reading, **options)
        self._server = server
        self._move = server.open.move
        self._has_closed_our_side = False
        self.network: str | None = None
        self.began_at: float | None = None
        self.opened_at = 0.0
        self.stage = Stage.SILENT
        self.pools: tuple[Pool, ...] = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection in; `peername` is kept from here on, also when it is lost."""
        super().connection_made(transport)
        self.network = self._bounded_network()
        self._server.open.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Be forgotten, with the rest of an answered request's body, for which aiohttp would go on waiting."""
        serving = self._task_handler
        super().connection_lost(exc)
        self._server.lost(self)
        if serving is not None and self.stage is Stage.IDLE:
            serving.cancel()

    def data_received(self, data: bytes) -> None:
        """Read on; what comes when our side is closed will not be answered."""
        if self._has_closed_our_side:
            return
        if self.began_at is None and data:
            self.began_at = self._loop.time()
        super().data_received(data)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; once the service is stopping, it is the connection's last."""
        server = self._server
        if isinstance(resp, ReadyResponse):
            resp.server_head = server.head
        else:
            headers = resp.headers
            for name, value in server.headers:
                headers[name] = value
        if server.is_stopping and resp.prepared:
            self.close()
        elif server.is_stopping:
            resp.force_close()
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            if self.transport is not None:
                self.began_at = None
                self._move(self, Stage.IDLE)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer by the status alone: aiohttp's message quotes the line that it could not read.

        What could not be read is answered by a problem document in English: nothing is known of who asked.
        """
        del message
        answer = super().handle_error(request, status, exc, f"{status} {HTTPStatus(status).phrase}")
        if status == HTTPStatus.BAD_REQUEST:
            answer = problems.json_answer(problems.of(web.HTTPBadRequest(), SOURCE))
            answer.force_close()
        return answer

    def requested(self, payload: StreamReader) -> None:
        """Note a request whose head has come."""
        if self.transport is None:
            return
        self.began_at = None
        if payload.is_eof():
            self._move(self, Stage.ANSWER)
        else:
            self._move(self, Stage.BODY)
            payload.on_eof(self._received)

    def close_our_side(self) -> None:
        """Say that no more answers come, and wait for the other side to close its own."""
        self._has_closed_our_side = True
        if self.transport is not None and not self.transport.is_closing() and self.transport.can_write_eof():
            self.transport.write_eof()

    def _received(self) -> None:
        if self.transport is not None and self.stage is Stage.BODY:
            self._move(self, Stage.ANSWER)

    def _bounded_network(self) -> str | None:
        """Return the peer's network, None for this machine, trusted proxies and Unix sockets."""
        if not isinstance(self.peername, tuple):
            return None
        address = plain(self.peername[0])
        if address.is_loopback or self._server.limits.is_trusted(address):
            return None
        return networks.network(address)


def _noting(make_request: Callable[..., web.BaseRequest], root: str) -> Callable[..., web.BaseRequest]:
    """Return what makes requests, without the root in their paths, and tells each connection of its own."""

    def make(
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: "_Connection",
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        protocol.requested(payload)
        if root:
            message = below_root(message, root)
        return make_request(message, payload, protocol, writer, task)

    return make


def below_root(message: RawRequestMessage, root: str) -> RawRequestMessage:
    """Return a request with the path that it has below the root; unchanged where a proxy took the root away."""
    if not message.path.startswith(root):
        return message
    path = message.path[len(root) :]
    if path[:1] not in ("", "/", "?"):
        return message
    path = path if path.startswith("/") else f"/{path}"
    return message._replace(path=path, url=URL(path, encoded=True))
