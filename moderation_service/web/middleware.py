"""Around every handler: who may ask, one try for all that can go wrong, sharing with other origins, a log line."""

import time
from collections.abc import Mapping

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from moderation_service.domain.errors import LinkExpiredError, ModerationError
from moderation_service.web import authentication
from moderation_service.web.context import CONTEXT
from moderation_service.web.endpoint import Credential, Endpoint
from moderation_service.web.http import language, preflights, problems, templates
from moderation_service.web.http.request_log import RequestLog
from moderation_service.web.http.responses import FOR_ANY_ORIGIN, NOT_TO_BE_GUESSED, TO_TELL_NOBODY
from moderation_service.web.moderation import expired_links

_log = structlog.stdlib.get_logger(__name__)
_REFUSED = (403, 429)
_NO_ROUTE = Endpoint(method="", path="-", handler=None, credential=Credential.NONE, summary="")  # type: ignore[arg-type]


def guarding(endpoints: Mapping[Handler, Endpoint], request_log: RequestLog) -> Middleware:
    """Return the middleware around the handlers of endpoints, which notes what they answer."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who may ask; answer failures in the reader's language; log the route, never path or query."""
        started = time.perf_counter()
        endpoint = endpoints.get(handler, _NO_ROUTE)
        response: web.StreamResponse
        try:
            if endpoint is _NO_ROUTE and request.match_info.http_exception is None:
                raise web.HTTPNotFound  # noqa: TRY301 - a route that is not in the table is none
            await authentication.admit(request, endpoint)
            response = await handler(request)
        except LinkExpiredError as error:
            response = await expired_links.page(request, error, language.of(request))
        except Exception as error:
            response = _failure(request, endpoint, error)
            if response.status in _REFUSED:
                clients = request.app[CONTEXT].clients
                clients.note_refusal(request, reason=problems.code_of(error), route=endpoint.path)
        response.headers.update(NOT_TO_BE_GUESSED)
        if endpoint.credential.is_of_author:
            response.headers.update(TO_TELL_NOBODY)
        shared = preflights.subject(request, endpoint)
        if shared.is_public:
            response.headers.update(FOR_ANY_ORIGIN)
        elif shared.is_for_sites:
            _share_with_site(request, response)
        request_log.note(request.method, endpoint, response.status, started)
        return response

    return guard


def _failure(request: web.Request, endpoint: Endpoint, error: Exception) -> web.Response:
    if not isinstance(error, ModerationError | web.HTTPException):
        _log.error("request.failed", route=endpoint.path, exc_info=error)
    is_lost = endpoint is _NO_ROUTE and "text/html" in request.headers.get("Accept", "")
    if not endpoint.is_page and not is_lost:
        return problems.json_answer(problems.of(error, language.of_json(request)))
    spoken = language.of(request)
    is_for_moderators = endpoint.is_page and not endpoint.is_for_visitors
    desk_url = f"{request.app[CONTEXT].settings.public_url}/desk" if is_for_moderators else None
    return templates.problem_page(request, problems.of(error, spoken), spoken, desk_url=desk_url)


def _share_with_site(request: web.Request, response: web.StreamResponse) -> None:
    """Let the scripts of a site's own pages read what came of their post."""
    response.headers["Vary"] = "Origin"
    origin = request.headers.get("Origin", "")
    if request.app[CONTEXT].directory.sites.of_origin(origin) is not None:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Location, Retry-After"
