"""For those who run the service."""

import orjson
from aiohttp import web

from moderation_service import __version__
from moderation_service.domain.errors import NotFoundError
from moderation_service.web import client_address
from moderation_service.web.context import CONTEXT, OPENAPI


async def live(_: web.Request) -> web.Response:
    """Say that the process runs."""
    return web.json_response({"status": "live"}, headers={"Cache-Control": "no-store"})


async def ready(request: web.Request) -> web.Response:
    """Say whether a comment could be stored; the reasons only to those who run the service."""
    context = request.app[CONTEXT]
    unready = await context.health.unready()
    answer: dict[str, object] = {"status": "unready" if unready else "ready"}
    if _is_operators(request):
        answer["version"] = __version__
        answer["reasons"] = unready
        answer["degraded"] = [] if unready else await context.health.degraded()
    return web.Response(
        status=503 if unready else 200,
        body=orjson.dumps(answer),
        content_type="application/json",
        headers={"Cache-Control": "no-store"} | ({"Retry-After": "2"} if unready else {}),
    )


async def metrics(request: web.Request) -> web.Response:
    """Return the metrics to those who run the service; for all others there is nothing here."""
    if not _is_operators(request):
        raise NotFoundError
    body, content_type = await request.app[CONTEXT].metrics.exposition(request.headers.get("Accept", ""))
    return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})


def _is_operators(request: web.Request) -> bool:
    """Tell whether a request came straight from this machine or from where metrics may be read."""
    return client_address.is_direct_from(request, request.app[CONTEXT].settings.metrics_from)


async def openapi(request: web.Request) -> web.Response:
    """Return the OpenAPI document."""
    return web.Response(body=request.app[OPENAPI], content_type="application/json")
