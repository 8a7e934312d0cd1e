"""What a browser asks before a script of another origin may ask: which methods and headers it may use (CORS)."""

import re
from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler

from moderation_service.web.endpoint import Credential, Endpoint

_REQUESTED = "Access-Control-Request-Method"
_HEADERS = "Content-Type, If-Modified-Since, If-None-Match, Last-Event-ID"
_HEADERS_OF_SITES = "Content-Type, Idempotency-Key"
_DAY = 86_400
_TEN_MINUTES = 600
"""Seconds for which a browser remembers what sites' own pages may do: which those are may change."""


def of(endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """Return a row for each path that scripts of other origins may ask, of any origin or of listed sites."""
    shared: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        if endpoint.is_public or endpoint.is_for_sites:
            shared.setdefault(endpoint.path, []).append(endpoint)
    return tuple(_row(path, rows) for path, rows in shared.items())


def subject(request: web.Request, endpoint: Endpoint) -> Endpoint:
    """Return the row that a request is about: of a preflight that of the method that is to follow."""
    return _following(request, endpoint.preflight_of) if endpoint.preflight_of else endpoint


def _row(path: str, rows: Sequence[Endpoint]) -> Endpoint:
    by_most = sorted(rows, key=lambda row: not row.is_public)
    return Endpoint(
        method="OPTIONS",
        path=path,
        handler=_handler(path, by_most),
        credential=Credential.NONE,
        summary="Ask whether a script of another origin may do so",
        answers={204: None},
        preflight_of=tuple(by_most),
    )


def _handler(path: str, rows: Sequence[Endpoint]) -> Handler:
    answers = {row.method: _answer(rows, is_public=row.is_public) for row in rows}

    async def preflight(request: web.Request) -> web.Response:
        return web.Response(status=204, headers=answers[_following(request, rows).method])

    preflight.__name__ = re.sub(r"\W+", "_", path).strip("_")
    return preflight


def _following(request: web.Request, rows: Sequence[Endpoint]) -> Endpoint:
    """Return the row of the method that is to follow, the first where the browser names none that there is."""
    method = request.headers.get(_REQUESTED, "").replace("HEAD", "GET")
    return next((row for row in rows if row.method == method), rows[0])


def _answer(rows: Sequence[Endpoint], *, is_public: bool) -> dict[str, str]:
    methods = [row.method.replace("GET", "GET, HEAD") for row in rows if row.is_public is is_public]
    return {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": _HEADERS if is_public else _HEADERS_OF_SITES,
        "Access-Control-Max-Age": str(_DAY if is_public else _TEN_MINUTES),
    }
