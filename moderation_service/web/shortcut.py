"""The short way of most answers: lists and pages of comments, before a route is looked for.

They are most of what a busy site is asked for, and on the way to their handler and back a request costs more than
the answer itself (docs/decisions/0008-lists-from-memory.md).
"""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from moderation_service.web.cache.answers import Answer
from moderation_service.web.context import CONTEXT, Context
from moderation_service.web.endpoint import Credential, Endpoint
from moderation_service.web.http.request_log import RequestLog
from moderation_service.web.http.responses import send
from moderation_service.web.public import changes, comments, feeds, fragment, overview, thread
from moderation_service.web.routes import ENDPOINTS

_SAME_FOR_ALL = (
    overview.counts,
    overview.pages,
    overview.latest,
    fragment.show,
    changes.index,
    feeds.as_atom,
    feeds.as_json,
)
Answering = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def answering_from_memory(app: web.Application, inside: Answering) -> Answering:
    """Return what answers the requests of a server whose application is asked by `inside`."""
    context = app[CONTEXT]
    request_log = RequestLog(context.metrics)
    of_handlers = {one.handler: one for one in ENDPOINTS if one.credential is Credential.NONE}
    lists, pages = of_handlers[comments.index], of_handlers[thread.show]
    same_for_all = {of_handlers[one].path: of_handlers[one] for one in _SAME_FOR_ALL}

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        started = time.perf_counter()
        target = request.raw_path
        found: Answer | None = None
        endpoint: Endpoint | None = None
        if request.method == "GET":
            path = target.partition("?")[0]
            if path == lists.path:
                endpoint = lists
                found = await _list(context, request, target)
            elif path == pages.path:
                endpoint = pages
                found = await _page(context, request, target)
            elif (endpoint := same_for_all.get(path)) is not None:
                found = context.kept_answers.kept(target)
        if found is None or endpoint is None:
            return await inside(request)
        response = await send(request, found, context.clock, as_it_is=True)
        request_log.note("GET", endpoint, response.status, started)
        return response

    return answer


async def _list(context: Context, request: web.BaseRequest, target: str) -> Answer | None:
    """Return the answer to a list's target; None where there is none, which is for the handler to say."""
    kept = context.lists.kept(target)
    if kept is not None:
        return kept
    try:
        return await context.lists.answer(context.lists.read(target, request.query))
    except Exception:
        return None


async def _page(context: Context, request: web.BaseRequest, target: str) -> Answer | None:
    """Return the answer to a page's target; None where there is none, which is for the handler to say."""
    kept = context.kept_pages.kept(target, request.headers.get("Accept-Language"))
    if kept is not None:
        return kept
    try:
        return await thread.answer(context, request)
    except Exception:
        return None
