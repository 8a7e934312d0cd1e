"""The door: lists, and pages that are in memory already, are answered here, before a route is looked for.

They are most of what a busy site is asked for, and on the way to their handler and back a request costs more than
the answer itself (docs/decisions/0008-lists-from-memory.md).
"""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from moderation_service.web import thread_page
from moderation_service.web.answers import send
from moderation_service.web.context import CONTEXT, Context
from moderation_service.web.endpoints import Credential, Endpoint
from moderation_service.web.handlers import comments, thread
from moderation_service.web.journal import Journal
from moderation_service.web.page_cache import Answer
from moderation_service.web.routes import ENDPOINTS

Answering = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def at_the_door(app: web.Application, inside: Answering) -> Answering:
    """Return what answers the requests of a server whose application is asked by `inside`."""
    context = app[CONTEXT]
    journal = Journal(context.metrics.traffic)
    [lists] = [one for one in ENDPOINTS if one.handler is comments.index and one.credential is Credential.NONE]
    [pages] = [one for one in ENDPOINTS if one.handler is thread.show and one.credential is Credential.NONE]
    of_lists, of_pages = f"{lists.path}?", f"{thread_page.PATH}?"

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        started = time.perf_counter()
        target = request.raw_path
        found: Answer | None = None
        endpoint: Endpoint = lists
        if request.method == "GET":
            if target.startswith(of_lists):
                found = await _list(context, request, target)
            elif target.startswith(of_pages):
                endpoint = pages
                found = context.kept_pages.kept(target, request.headers.get("Accept-Language"))
        if found is None:
            return await inside(request)
        response = send(request, found)
        journal.note("GET", endpoint, response.status, started)
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
