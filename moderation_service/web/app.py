"""The application: every row of the route table, behind one guard."""

from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware

from moderation_service.web import middleware
from moderation_service.web.context import CONTEXT, OPENAPI, Context
from moderation_service.web.endpoint import Endpoint
from moderation_service.web.http.request_log import RequestLog
from moderation_service.web.http.requests import LARGEST_REQUEST
from moderation_service.web.http.timeouts import TIMEOUTS
from moderation_service.web.operations.openapi import Description
from moderation_service.web.routes import ENDPOINTS


def create_app(
    context: Context, *, more: Sequence[Endpoint] = (), before: Sequence[Middleware] = ()
) -> web.Application:
    """Return the application; `more` endpoints and middlewares `before` all others are no part of the contract."""
    endpoints = (*more, *ENDPOINTS)
    guard = middleware.guarding(
        {endpoint.handler: endpoint for endpoint in endpoints}, RequestLog(context.metrics)
    )
    app = web.Application(middlewares=[*before, guard], client_max_size=LARGEST_REQUEST + 1)
    app[CONTEXT] = context
    app[TIMEOUTS] = context.timeouts
    app[OPENAPI] = Description(ENDPOINTS, server=context.settings.public_url)
    for endpoint in endpoints:
        if endpoint.method == "GET":
            app.router.add_get(endpoint.path, endpoint.handler, allow_head=True)
        else:
            app.router.add_route(endpoint.method, endpoint.path, endpoint.handler)
    return app
