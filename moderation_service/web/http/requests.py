"""Reading requests: bodies and queries."""

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from aiohttp import web
from marshmallow import Schema, ValidationError
from multidict import MultiMapping

from moderation_service.domain.errors import FieldsInvalidError, MalformedRequestError
from moderation_service.web.http import bodies
from moderation_service.web.http.timeouts import TIMEOUTS
from moderation_service.web.http.validation import load

LARGEST_REQUEST = 256 * 1024
"""Bytes of a body, in any encoding."""

_PAGE_URL = "page_url"
_ANY_PAGE = "https://www.example.org/"
_REMEMBERED = 1_024
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


def query(request: web.BaseRequest, schema: Schema) -> dict[str, Any]:
    """Return the parameters of a URL; raise FieldsInvalidError for those that are wrong or repeated."""
    return load(schema, once(request.query, schema))


def page_query(parameters: MultiMapping[str], schema: Schema) -> Mapping[str, Any]:
    """Return the same of a URL that names a page; what stands beside its address is checked once for all pages."""
    given = once(parameters, schema)
    try:
        url = schema.fields[_PAGE_URL].deserialize(given.pop(_PAGE_URL), _PAGE_URL)
        return {**_beside(schema, tuple(given.items())), _PAGE_URL: url}
    except (KeyError, ValidationError, FieldsInvalidError):
        return load(schema, once(parameters, schema))


@lru_cache(_REMEMBERED)
def _beside(schema: Schema, parameters: tuple[tuple[str, str], ...]) -> Mapping[str, Any]:
    return load(schema, {_PAGE_URL: _ANY_PAGE, **dict(parameters)})


def once(parameters: MultiMapping[str], schema: Schema) -> dict[str, str]:
    """Return the parameters of a URL; raise FieldsInvalidError where one that means something is there twice."""
    found = dict(parameters)
    if len(found) != len(parameters):
        names = [name for name in found if name in schema.fields and len(parameters.getall(name)) > 1]
        if names:
            raise FieldsInvalidError({name: ["repeated"] for name in names})
    return found


async def json_of(request: web.Request) -> Any:
    """Return what a JSON body holds; raise HTTPUnsupportedMediaType for anything else, and as `fields_of`."""
    body = await _body(request)
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    bodies.check_charset(request.charset)
    return bodies.from_json(body)


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
        async with asyncio.timeout(request.app[TIMEOUTS].body):
            return await request.read()
    except (TimeoutError, ConnectionError) as error:
        raise MalformedRequestError from error
