"""Around every handler: who may ask, one try for all that can go wrong, sharing with other origins, a log line."""

import time
from collections.abc import Mapping

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from moderation_service.domain.errors import LinkExpiredError, ModerationError
from moderation_service.locales import LANGUAGES, negotiate
from moderation_service.web import authentication, expired_links, html, problems
from moderation_service.web.answers import FOR_ANY_ORIGIN, NOT_TO_BE_GUESSED
from moderation_service.web.context import CONTEXT, LANGUAGE, READER
from moderation_service.web.endpoints import Credential, Endpoint
from moderation_service.web.journal import Journal

_log = structlog.stdlib.get_logger(__name__)
_REFUSED = (403, 429)
_NO_ROUTE = Endpoint(method="", path="-", handler=None, credential=Credential.NONE, summary="")  # type: ignore[arg-type]


def guarding(endpoints: Mapping[Handler, Endpoint], journal: Journal) -> Middleware:
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
            response = await expired_links.page(request, error, language_of(request))
        except Exception as error:
            response = _failure(request, endpoint, error)
            if response.status in _REFUSED:
                clients = request.app[CONTEXT].clients
                clients.note_refusal(request, reason=problems.code_of(error), route=endpoint.path)
        response.headers.update(NOT_TO_BE_GUESSED)
        if endpoint.is_public:
            response.headers.update(FOR_ANY_ORIGIN)
        elif endpoint.is_for_sites:
            _share_with_site(request, response)
        journal.note(request.method, endpoint, response.status, started)
        return response

    return guard


def _failure(request: web.Request, endpoint: Endpoint, error: Exception) -> web.Response:
    language = language_of(request)
    if isinstance(error, ModerationError):
        return _answer(request, endpoint, problems.of_error(error, language))
    if isinstance(error, web.HTTPException):
        return _answer(request, endpoint, problems.of_http(error, language))
    _log.error("request.failed", route=endpoint.path, exc_info=error)
    return _answer(request, endpoint, problems.internal(language))


def language_of(request: web.Request) -> str:
    """Return the reader's language; where they name none, that of the site, or of all sites if they agree.

    A moderator behind a mailed link is spoken to as in the mail; else `?lang=` wins over what the browser names.
    """
    if READER in request:
        return request[READER]
    if (asked := request.query.get("lang")) in LANGUAGES:
        return asked
    known = request.get(LANGUAGE)
    if known is None:
        languages = {site.language for site in request.app[CONTEXT].directory.sites}
        known = languages.pop() if len(languages) == 1 else "en"
    return negotiate(request.headers.get("Accept-Language"), known)


def _answer(request: web.Request, endpoint: Endpoint, problem: problems.Problem) -> web.Response:
    if endpoint.is_page:
        desk_url = None if endpoint.is_for_visitors else f"{request.app[CONTEXT].settings.public_url}/desk"
        return html.problem_page(request, problem, language_of(request), desk_url=desk_url)
    if endpoint is _NO_ROUTE and "text/html" in request.headers.get("Accept", ""):
        return html.problem_page(request, problem, language_of(request))
    return problems.json_answer(problem)


def _share_with_site(request: web.Request, response: web.StreamResponse) -> None:
    """Let the scripts of a site's own pages read what came of their post."""
    response.headers["Vary"] = "Origin"
    origin = request.headers.get("Origin", "")
    if request.app[CONTEXT].directory.sites.of_origin(origin) is not None:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Location, Retry-After"
