"""Reading requests: bodies, queries and keys."""

import asyncio
from typing import Any

from aiohttp import web
from marshmallow import Schema
from multidict import MultiMapping

from moderation_service.domain.errors import FieldsInvalidError, MalformedRequestError
from moderation_service.web import bodies
from moderation_service.web.loading import load

LARGEST_REQUEST = 256 * 1024
"""Bytes of a body, in any encoding."""

PATIENCE = 30.0
"""Seconds in which a body has to arrive."""

_LONGEST_KEY = 255
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


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
    """Return the parameters of a URL; raise FieldsInvalidError for those that are wrong or repeated."""
    return load(schema, once(request.query, schema))


def once(parameters: MultiMapping[str], schema: Schema) -> dict[str, str]:
    """Return the parameters of a URL; raise FieldsInvalidError where one that means something is there twice."""
    found = dict(parameters)
    if len(found) != len(parameters):
        names = [name for name in found if name in schema.fields and len(parameters.getall(name)) > 1]
        if names:
            raise FieldsInvalidError({name: ["repeated"] for name in names})
    return found


def idempotency_key(request: web.Request) -> str | None:
    """Return the client's key, None where it sent none; raise FieldsInvalidError for one that is none."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise FieldsInvalidError({"Idempotency-Key": ["invalid_key"]})
    return key


async def form_of(request: web.Request) -> dict[str, str]:
    """Return the fields of a form; raise HTTPUnsupportedMediaType for anything else, and as `fields_of`."""
    if not is_form(request):
        raise web.HTTPUnsupportedMediaType
    fields: dict[str, str] = await fields_of(request)
    return fields


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
