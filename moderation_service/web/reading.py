"""Reading requests: bodies in every encoding of the contract, queries, keys, and where they came from."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import BodyPartReader, web
from marshmallow import Schema

from moderation_service.config.values import Network
from moderation_service.domain.errors import FieldsInvalidError, MalformedRequestError, UnauthorizedError
from moderation_service.domain.sites import Site
from moderation_service.web.context import CONTEXT
from moderation_service.web.loading import load

LARGEST_REQUEST = 256 * 1024
"""Bytes of a body, in any encoding."""

_MOST_FIELDS = 100
_LONGEST_KEY = 255
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")


def is_form(request: web.Request) -> bool:
    """Tell whether the body is that of an HTML form."""
    return request.content_type in _FORMS


async def fields_of(request: web.Request) -> Any:
    """Return what a JSON or form body holds; a form's is a dict of strings.

    Raises HTTPRequestEntityTooLarge, HTTPUnsupportedMediaType, or MalformedRequestError, in this order.
    """
    if request.content_length is not None and request.content_length > LARGEST_REQUEST:
        raise web.HTTPRequestEntityTooLarge(LARGEST_REQUEST, request.content_length)
    kind = request.content_type
    if kind == "application/json":
        return _json(await request.read())
    if kind == "application/x-www-form-urlencoded":
        return _urlencoded(await request.read(), request.charset or "utf-8")
    if kind == "multipart/form-data":
        return await _multipart(request)
    await request.read()
    raise web.HTTPUnsupportedMediaType


def query(request: web.Request, schema: Schema) -> dict[str, Any]:
    """Return the parameters of a URL."""
    return load(schema, dict(request.query))


def idempotency_key(request: web.Request) -> str | None:
    """Return the client's key, None where it sent none; raise FieldsInvalidError for one that is none."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise FieldsInvalidError({"Idempotency-Key": ["invalid_key"]})
    return key


def site_of_bearer(request: web.Request) -> Site:
    """Return the site whose bearer key was sent; raise UnauthorizedError without one."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    site = request.app[CONTEXT].directory.sites.of_bearer(key.strip()) if scheme.lower() == "bearer" else None
    if site is None:
        raise UnauthorizedError
    return site


def client(request: web.Request) -> IPv4Address | IPv6Address:
    """Return the client's address: the last one that no trusted proxy vouches for."""
    trusted = request.app[CONTEXT].settings.trusted_proxies
    address = _peer(request)
    if "X-Forwarded-For" not in request.headers:
        return address
    hops = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
    for hop in reversed(hops):
        if not any(address in network for network in trusted):
            break
        try:
            address = ip_address(hop.strip())
        except ValueError:
            break
    return address


def is_direct_from(request: web.Request, networks: tuple[Network, ...]) -> bool:
    """Tell whether a request came without a proxy from this machine or one of the networks."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    peer = _peer(request)
    return peer.is_loopback or any(peer in network for network in networks)


def _peer(request: web.Request) -> IPv4Address | IPv6Address:
    return _parsed(request.remote or "127.0.0.1")


@lru_cache(4_096)
def _parsed(remote: str) -> IPv4Address | IPv6Address:
    peer = ip_address(remote.partition("%")[0])
    return peer.ipv4_mapped or peer if isinstance(peer, IPv6Address) else peer


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedRequestError from error


def _urlencoded(body: bytes, charset: str) -> dict[str, str]:
    try:
        text = body.decode(charset)
        pairs = parse_qsl(
            text, keep_blank_values=True, encoding=charset, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except LookupError as error:
        raise web.HTTPUnsupportedMediaType from error
    except ValueError as error:
        raise MalformedRequestError from error
    return dict(pairs)


async def _multipart(request: web.Request) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        reader = await request.multipart()
        async for part in reader:
            if not isinstance(part, BodyPartReader) or len(found) >= _MOST_FIELDS:
                raise MalformedRequestError
            content = await _part(request, part)
            if part.name is not None and part.filename is None:
                found[part.name] = content.decode(part.get_charset("utf-8"))
    except LookupError as error:
        raise web.HTTPUnsupportedMediaType from error
    except (ValueError, AssertionError, RuntimeError) as error:
        raise MalformedRequestError from error
    return found


async def _part(request: web.Request, part: BodyPartReader) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk():
        content += chunk
        if request.content.total_bytes > LARGEST_REQUEST:
            raise web.HTTPRequestEntityTooLarge(LARGEST_REQUEST, request.content.total_bytes)
    return part.decode(bytes(content))
