"""Readers who take long answers slowly hold little memory, and those who take nothing are let go.

A long answer handed to a connection in one piece would be copied for each reader. In pieces, each waiting until
the one before it is taken, all readers share the bytes that are kept.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_protocol import RequestHandler

PIECE = 64 * 1024
"""Bytes that are handed over at once."""

_STREAM_BUFFER = 16 * 1024
"""Bytes of a stream that wait in a connection before the next are waited with."""

_STREAM_IN_KERNEL = 64 * 1024
"""Bytes of a stream that the kernel takes on: else it would take megabytes for each who reads nothing."""

_log = structlog.stdlib.get_logger(__name__)


class PiecewiseResponse(web.Response):
    """An answer of which a slow reader's connection holds a piece at a time."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Hand over one piece after the other, then the end; others have their turn after each piece."""
        writer, body = self._payload_writer, self._body
        if writer is None or not isinstance(body, bytes) or self._must_be_empty_body:
            await super().write_eof(data)
            return
        view = memoryview(body)
        for start in range(0, len(body), PIECE):
            await writer.write(view[start : start + PIECE])
            await writer.drain()
            await asyncio.sleep(0)
        self._body = None
        await super().write_eof()


class EventStreamResponse(web.StreamResponse):
    """An answer without an end, of which a slow reader's connection holds little."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send the head, and let the connection hold less than it does for an answer that is made at once."""
        if request.transport is not None:
            request.transport.set_write_buffer_limits(high=_STREAM_BUFFER)
            connection = request.transport.get_extra_info("socket")
            if connection is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _STREAM_IN_KERNEL)
        return await super().prepare(request)

    async def send(self, piece: bytes) -> None:
        """Hand over a piece, and wait until there is room for the next; raise ConnectionError if nobody reads."""
        await self.write(piece)
        if self._payload_writer is not None:
            await self._payload_writer.drain()


class PatientConnection(RequestHandler):
    """A connection that ends when its reader takes nothing for so many seconds.

    While an answer waits for something, `on_departure` is called when the reader leaves.
    """

    __slots__ = ("_left", "_looking", "_patience", "on_departure")

    def __init__(self, *arguments: Any, patience: float, **named: Any) -> None:
        """Begin with nothing that waits to be taken."""
        super().__init__(*arguments, **named)
        self._left = 0
        self._patience = patience
        self._looking: asyncio.TimerHandle | None = None
        self.on_departure: Callable[[], None] | None = None

    def pause_writing(self) -> None:
        """Note how much waits, and look again after a time."""
        super().pause_writing()
        self._look_later()

    def resume_writing(self) -> None:
        """Go on; nobody is waited for."""
        super().resume_writing()
        self._stop_looking()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the reader."""
        self._stop_looking()
        super().connection_lost(exc)
        if self.on_departure is not None:
            self.on_departure()

    def _look_later(self) -> None:
        assert self.transport is not None  # noqa: S101 - it said that it is full
        self._left = self.transport.get_write_buffer_size()
        self._looking = self._loop.call_later(self._patience, self._look)

    def _look(self) -> None:
        if self.transport is None:
            return
        if self.transport.get_write_buffer_size() < self._left:
            self._look_later()
            return
        _log.warning("reader.too_slow", waiting=self._left, seconds=self._patience)
        self.transport.abort()

    def _stop_looking(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None


@contextmanager
def noticing_departure(request: web.BaseRequest, notice: Callable[[], None]) -> Iterator[None]:
    """Call `notice` when the client of a request leaves before the end of the block: a handler is not told."""
    connection = request.protocol
    if not isinstance(connection, PatientConnection):
        raise TypeError("only connections of our own server say when their client leaves")
    connection.on_departure = notice
    try:
        yield
    finally:
        connection.on_departure = None
