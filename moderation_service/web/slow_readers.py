"""Readers who take long answers slowly hold little memory, and those who take nothing are let go.

A long answer handed to a connection in one piece would be copied for each reader. In pieces, each waiting until
the one before it is taken, all readers share the bytes that are kept.
"""

import asyncio
from typing import Any

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

PIECE = 64 * 1024
"""Bytes that are handed over at once."""

PATIENCE = 30.0
"""Seconds within which a reader has to take something of what waits for it."""

_log = structlog.stdlib.get_logger(__name__)


class PiecewiseResponse(web.Response):
    """An answer of which a slow reader's connection holds a piece at a time."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Hand over all but the last piece, then that and the end."""
        writer, body = self._payload_writer, self._body
        if writer is None or not isinstance(body, bytes) or self._must_be_empty_body:
            await super().write_eof(data)
            return
        view = memoryview(body)
        for start in range(0, len(body), PIECE):
            await writer.write(view[start : start + PIECE])
            await writer.drain()
        self._body = None
        await super().write_eof()


class PatientConnection(RequestHandler):
    """A connection that ends when its reader takes nothing for a time."""

    __slots__ = ("_left", "_patience")

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """Begin with nothing that waits to be taken."""
        super().__init__(*arguments, **named)
        self._left = 0
        self._patience: asyncio.TimerHandle | None = None

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

    def _look_later(self) -> None:
        assert self.transport is not None  # noqa: S101 - it said that it is full
        self._left = self.transport.get_write_buffer_size()
        self._patience = self._loop.call_later(PATIENCE, self._look)

    def _look(self) -> None:
        if self.transport is None:
            return
        if self.transport.get_write_buffer_size() < self._left:
            self._look_later()
            return
        _log.warning("reader.too_slow", waiting=self._left, seconds=PATIENCE)
        self.transport.abort()

    def _stop_looking(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
