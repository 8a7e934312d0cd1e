"""A client that holds every JSON answer it reads against the table of endpoints."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import orjson
from aiohttp import ClientResponse, ClientSession
from marshmallow import Schema

from moderation_service.web.endpoint import Endpoint
from moderation_service.web.routes import ENDPOINTS
from schemas.problems import Problem

_PARAMETER = re.compile(r"{\w+(?::([^}]+))?}")
_PROBLEM = "application/problem+json"
_JSON = {"application/json", "application/feed+json", _PROBLEM}
_ANYWHERE = {400, 404, 405, 413, 500}
"""What HTTP itself may come to on any route: no request at all, no such route or method, a fault of ours."""


def _pattern(path: str) -> re.Pattern[str]:
    """Return what addresses of a route look like, below any path of a public address."""
    parts = _PARAMETER.split(path)
    literal = [re.escape(part) for part in parts[::2]]
    values = [f"(?:{part or '[^/]+'})" for part in parts[1::2]]
    woven = [*(text for pair in zip(literal, values, strict=False) for text in pair), literal[-1]]
    return re.compile("".join(woven))


_ROUTES = [(endpoint, _pattern(endpoint.path)) for endpoint in ENDPOINTS]


def endpoint_of(method: str, path: str) -> Endpoint | None:
    """Return the documented route of a request."""
    for endpoint, pattern in _ROUTES:
        if endpoint.method == ("GET" if method == "HEAD" else method) and pattern.fullmatch(path):
            return endpoint
    return None


def differences(method: str, path: str, status: int, content_type: str, body: bytes) -> list[str]:
    """Say where an answer is not what the table of endpoints says; nothing where it is no JSON of ours."""
    endpoint = endpoint_of(method, path)
    if endpoint is None or not body or content_type not in _JSON:
        return []
    if content_type == _PROBLEM:
        listed = _ANYWHERE | set(endpoint.problems)
        found = [] if status in listed else [f"a problem that is not in the table: {status}"]
        return found + list(_differ(_made(Problem), orjson.loads(body)))
    if status not in endpoint.answers:
        return [f"an answer that is not in the table: {status}"]
    schema = endpoint.answers[status]
    return [] if schema is None else list(_differ(_made(schema), orjson.loads(body)))


@cache
def _made(schema: Callable[[], Schema]) -> Schema:
    """Return a schema, made once: that takes longer than what it checks."""
    return schema()


def _differ(schema: Schema, answer: Any) -> Iterator[str]:
    yield from (f"{name}: {fault}" for name, fault in schema.validate(answer).items())
    yield from keys_differ(schema, answer)


def keys_differ(schema: Schema, answer: Any) -> list[str]:
    """Where an answer has other keys than its schema, in depth; what is not required may be missing."""
    fields = {field.data_key or name: field for name, field in schema.fields.items()}
    required = {name for name, field in fields.items() if field.required}
    fits = required <= set(answer) <= set(fields)
    found = [] if fits else [f"{schema}: {set(answer) ^ set(fields)}"]
    for name, field in fields.items():
        nested = getattr(getattr(field, "inner", field), "schema", None)
        inner = answer.get(name)
        if isinstance(nested, Schema) and inner is not None:
            for one in inner if isinstance(inner, list) else [inner]:
                found += keys_differ(nested, one)
    return found


class CheckedResponse(ClientResponse):
    """An answer that is checked once its body has been read."""

    async def read(self) -> bytes:
        is_first = self._body is None
        body = await super().read()
        if is_first:
            found = differences(self.method, self.url.path, self.status, self.content_type, body)
            assert not found, f"{self.method} {self.url.path}: {found}"
        return body


def client_of(url: str, **options: Any) -> ClientSession:
    """Return a client of a service whose JSON answers are checked."""
    return ClientSession(url, response_class=CheckedResponse, **options)
