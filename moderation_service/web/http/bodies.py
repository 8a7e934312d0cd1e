"""What the bytes of a body say, in every encoding of the contract; all of it in memory and in UTF-8."""

import asyncio
import codecs
import warnings
import zlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import (
    BadContentDispositionHeader,
    BadContentDispositionParam,
    BodyPartReader,
    MultipartReader,
    StreamReader,
    web,
)
from aiohttp.http_exceptions import HttpProcessingError

from moderation_service.domain.errors import MalformedRequestError

_MOST_FIELDS = 100
_EITHER_ZLIB_OR_GZIP = zlib.MAX_WBITS | 32


def unpacked(body: bytes, encoding: str, *, limit: int) -> bytes:
    """Return a body as it was before its `Content-Encoding`: gzip, deflate or none.

    Raises HTTPRequestEntityTooLarge before more than `limit` bytes are unpacked, HTTPUnsupportedMediaType for
    another encoding, MalformedRequestError for what is not packed so.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise web.HTTPUnsupportedMediaType
    unpacking = zlib.decompressobj(_EITHER_ZLIB_OR_GZIP)
    try:
        plain = unpacking.decompress(body, limit + 1)
    except zlib.error as error:
        raise MalformedRequestError from error
    if len(plain) > limit:
        raise web.HTTPRequestEntityTooLarge(limit, len(plain))
    if not unpacking.eof or unpacking.unused_data:
        raise MalformedRequestError
    return plain


def check_charset(charset: str | None) -> None:
    """Raise HTTPUnsupportedMediaType for anything but UTF-8 and its subset ASCII."""
    try:
        name = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError) as error:
        raise web.HTTPUnsupportedMediaType from error
    if name not in ("utf-8", "ascii"):
        raise web.HTTPUnsupportedMediaType


def from_json(body: bytes) -> Any:
    """Return the value that JSON stands for."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequestError from error


def from_urlencoded(body: bytes) -> dict[str, str]:
    """Return the fields of a form; the last of those with one name."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise MalformedRequestError from error
    return dict(pairs)


async def from_multipart(request: web.Request, body: bytes) -> dict[str, str]:
    """Return the fields of a form; files are passed over."""
    stream = StreamReader(request.protocol, max(len(body), 1), loop=asyncio.get_running_loop())
    stream.feed_data(body)
    stream.feed_eof()
    found: dict[str, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error", BadContentDispositionHeader)
        warnings.simplefilter("error", BadContentDispositionParam)
        try:
            async for name, part in _fields(MultipartReader(request.headers, stream)):
                check_charset(part.get_charset("utf-8"))
                found[name] = bytes(part.decode(await part.read())).decode()
        except (ValueError, LookupError, AssertionError, RuntimeError, Warning, HttpProcessingError) as error:
            raise MalformedRequestError from error
    return found


async def _fields(reader: MultipartReader) -> AsyncIterator[tuple[str, BodyPartReader]]:
    """Yield the parts that are fields; the reader goes on behind a part that was not read."""
    count = 0
    async for part in reader:
        count += 1
        if count > _MOST_FIELDS or not isinstance(part, BodyPartReader):
            raise MalformedRequestError
        if part.name is not None and part.filename is None:
            yield part.name, part
