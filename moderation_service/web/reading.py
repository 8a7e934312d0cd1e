"""Reading requests: bodies, queries, keys, and where they came from."""

import asyncio
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from aiohttp import web
from marshmallow import Schema

from moderation_service.config.values import Network
from moderation_service.domain.errors import FieldsInvalidError, MalformedRequestError, UnauthorizedError
from moderation_service.domain.sites import Site
from moderation_service.web import bodies
from moderation_service.web.context import CONTEXT
from moderation_service.web.loading import load

LARGEST_REQUEST = 256 * 1024
"""Bytes of a body, in any encoding."""

PATIENCE = 30.0
"""Seconds in which a body has to arrive."""

_LONGEST_KEY = 255
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_FORWARDED = ("Forwarded", "X-Real-IP", "Via", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP")
_FORWARDED_PREFIX = "x-forwarded-"


def is_form(request: web.Request) -> bool:
    """Tell whether the body is that of an HTML form."""
    return request.content_type in _FORMS


async def fields_of(request: web.Request) -> Any:
    """Return what a JSON or form body holds; a form's is a dict of strings.

    Raises HTTPRequestEntityTooLarge, HTTPUnsupportedMediaType, or MalformedRequestError, in this order.
    """
    body = await _body(request)
    kind = request.content_type
    if kind not in ("application/json", *_FORMS):
        raise web.HTTPUnsupportedMediaType
    bodies.check_charset(request.charset)
    if kind == "application/json":
        return bodies.from_json(body)
    if kind == "application/x-www-form-urlencoded":
        return bodies.from_urlencoded(body)
    return await bodies.from_multipart(request, body)


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
            address = _plain(hop.strip())
        except ValueError:
            break
    return address


def is_direct_from(request: web.Request, networks: tuple[Network, ...]) -> bool:
    """Tell whether a request came without a proxy from this machine or one of the networks."""
    headers = request.headers
    if any(name in headers for name in _FORWARDED):
        return False
    if any(name.lower().startswith(_FORWARDED_PREFIX) for name in headers):
        return False
    peer = _peer(request)
    return peer.is_loopback or any(peer in network for network in networks)


def _peer(request: web.Request) -> IPv4Address | IPv6Address:
    return _plain(request.remote or "127.0.0.1")


@lru_cache(4_096)
def _plain(text: str) -> IPv4Address | IPv6Address:
    """Return an address without its zone; one of IPv4 that is mapped into IPv6 is of IPv4."""
    address = ip_address(text.partition("%")[0])
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


async def _body(request: web.Request) -> bytes:
    """Return the body, unpacked; the limit holds on the wire and for what comes out."""
    if request.content_length is not None and request.content_length > LARGEST_REQUEST:
        raise web.HTTPRequestEntityTooLarge(LARGEST_REQUEST, request.content_length)
    body = await _received(request)
    if len(body) > LARGEST_REQUEST:
        raise web.HTTPRequestEntityTooLarge(LARGEST_REQUEST, len(body))
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    return bodies.unpacked(body, encoding, limit=LARGEST_REQUEST)


async def _received(request: web.Request) -> bytes:
    """Return what the client sent; a body that stops halfway is malformed, whether or not the client waits."""
    if request.content.is_eof():
        return await request.read()
    try:
        async with asyncio.timeout(PATIENCE):
            return await request.read()
    except (TimeoutError, ConnectionError) as error:
        raise MalformedRequestError from error
