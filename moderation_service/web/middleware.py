"""Around every handler: one try for all that can go wrong, sharing with other origins, one log line."""

import time

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from moderation_service import log
from moderation_service.domain.errors import ModerationError
from moderation_service.locales import negotiate
from moderation_service.web import html, problems
from moderation_service.web.context import CONTEXT, LANGUAGE, READER
from moderation_service.web.endpoints import Endpoint

_log = structlog.stdlib.get_logger(__name__)
_ENDPOINTS: web.AppKey[dict[Handler, Endpoint]] = web.AppKey("ENDPOINTS")


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every failure with a problem in the reader's language; log the route, never path or query."""
    started = time.perf_counter()
    endpoint = request.app[_ENDPOINTS].get(handler)
    response: web.StreamResponse
    try:
        response = await handler(request)
    except ModerationError as error:
        response = _answer(request, endpoint, problems.of_error(error, language_of(request)))
    except web.HTTPException as error:
        if error.status < 400:  # noqa: PLR2004 - a redirection is no failure
            raise
        response = _answer(request, endpoint, problems.of_http(error, language_of(request)))
    except Exception:
        _log.exception("request.failed", route=endpoint.path if endpoint else None)
        response = _answer(request, endpoint, problems.internal(language_of(request)))
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    _share(request, response, endpoint)
    log.access(request.method, endpoint.path if endpoint else None, response.status, time.perf_counter() - started)
    return response


def language_of(request: web.Request) -> str:
    """Return the reader's language; where they name none, that of the site, or of all sites if they agree.

    A moderator behind a mailed link is spoken to as in the mail.
    """
    if READER in request:
        return request[READER]
    known = request.get(LANGUAGE)
    if known is None:
        languages = {site.language for site in request.app[CONTEXT].directory.sites}
        known = languages.pop() if len(languages) == 1 else "en"
    return negotiate(request.headers.get("Accept-Language"), known)


def remember(app: web.Application, endpoints: dict[Handler, Endpoint]) -> None:
    """Let the guard know which endpoint a handler belongs to."""
    app[_ENDPOINTS] = endpoints


def _answer(request: web.Request, endpoint: Endpoint | None, problem: problems.Problem) -> web.Response:
    if endpoint is not None and endpoint.is_page:
        desk_url = f"{request.app[CONTEXT].settings.public_url}/desk"
        return html.problem_page(request, problem, language_of(request), desk_url=desk_url)
    if endpoint is None and "text/html" in request.headers.get("Accept", ""):
        return html.problem_page(request, problem, language_of(request))
    return problems.json_answer(problem)


def _share(request: web.Request, response: web.StreamResponse, endpoint: Endpoint | None) -> None:
    """Let scripts of other origins read: everybody the public answers, a site's pages what they posted."""
    if endpoint is None:
        return
    if endpoint.is_public:
        response.headers["Access-Control-Allow-Origin"] = "*"
    elif endpoint.is_for_sites:
        response.headers["Vary"] = "Origin"
        origin = request.headers.get("Origin", "")
        if request.app[CONTEXT].directory.sites.of_origin(origin) is not None:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "Location, Retry-After"
