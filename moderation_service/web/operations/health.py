"""For those who run the service."""

import orjson
from aiohttp import web

from moderation_service import __version__
from moderation_service.web.authentication import is_operator
from moderation_service.web.context import CONTEXT, OPENAPI
from moderation_service.web.http.responses import send


async def live(_: web.Request) -> web.Response:
    """Say that the process runs."""
    return web.json_response({"status": "live"}, headers={"Cache-Control": "no-store"})


async def ready(request: web.Request) -> web.Response:
    """Say whether a comment could be stored; the reasons only to those who run the service."""
    context = request.app[CONTEXT]
    unready = await context.health.unready()
    answer: dict[str, object] = {"status": "unready" if unready else "ready"}
    if is_operator(request):
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
    """Return the metrics; for all but those who run the service there is nothing here."""
    body, content_type = await request.app[CONTEXT].exposition.text(request.headers.get("Accept", ""))
    return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})


async def openapi(request: web.Request) -> web.Response:
    """Return the OpenAPI document."""
    return await send(request, request.app[OPENAPI].answer, request.app[CONTEXT].clock)
