"""Answers from memory as they go over the wire: their heads are written once, and not for each reader.

To copy an answer's headers, complete them and write them out takes aiohttp longer than all else that happens to an
answer from memory.
"""

import time
from email.utils import formatdate
from functools import lru_cache

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

from moderation_service.web.cache.answers import Encoded

_OK = b"HTTP/1.1 200 OK\r\n"
_NOT_MODIFIED = b"HTTP/1.1 304 Not Modified\r\n"
_CLOSE = b"Connection: close\r\n"


def suits(request: web.BaseRequest) -> bool:
    """Tell whether a request can be answered so: its connection stays open, by HTTP/1.1."""
    return request.version == HttpVersion11 and request.keep_alive


class ReadyResponse(web.Response):
    """The whole of an answer, or a 304 to whom it is known; `server_head` is what all answers of a server carry.

    Its headers cannot be changed. The state of aiohttp's classes is not set up: none of it is used.
    """

    def __init__(self, encoded: Encoded, *, is_known: bool) -> None:
        """Take what is sent."""
        self._encoded = encoded
        self._is_known = is_known
        self._status = 304 if is_known else 200
        self._keep_alive = True
        self._eof_sent = False
        self._payload_writer = None
        self._reader: web.BaseRequest | None = None
        self.server_head = b""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Note to whom it goes."""
        self._reader = request
        return request._payload_writer  # noqa: SLF001 - as aiohttp's own answers do

    async def write_eof(self, data: bytes = b"") -> None:
        """Send all at once, and wait for room for the next; raise ConnectionError where the reader has left."""
        del data
        assert self._reader is not None  # noqa: S101 - it is prepared before
        transport = self._reader.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        encoded = self._encoded
        end = _date(int(time.time())) if self._keep_alive else _CLOSE + _date(int(time.time()))
        if self._is_known:
            transport.write(b"".join((_NOT_MODIFIED, encoded.not_modified_head, self.server_head, end)))
        else:
            transport.write(b"".join((_OK, encoded.head, self.server_head, end, encoded.body)))
        await self._reader._payload_writer.drain()  # noqa: SLF001 - as aiohttp's own answers do
        self._eof_sent = True


@lru_cache(maxsize=2)
def _date(second: int) -> bytes:
    """Return the last header and the end of a head."""
    return f"Date: {formatdate(second, usegmt=True)}\r\n\r\n".encode()
