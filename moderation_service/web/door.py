"""The door: what is in memory already is answered here, before a route is looked for.

Lists are most of what a busy site is asked for, and on the way to their handler and back a request costs more
than the answer itself (docs/decisions/0008-lists-from-memory.md).
"""

import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from moderation_service.web.answers import send
from moderation_service.web.context import CONTEXT
from moderation_service.web.endpoints import Credential
from moderation_service.web.handlers import comments
from moderation_service.web.journal import Journal
from moderation_service.web.routes import ENDPOINTS

Answering = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def at_the_door(app: web.Application, inside: Answering) -> Answering:
    """Return what answers the requests of a server whose application is asked by `inside`."""
    lists = app[CONTEXT].lists
    journal = Journal(app[CONTEXT].metrics.traffic)
    [endpoint] = [one for one in ENDPOINTS if one.handler is comments.index and one.credential is Credential.NONE]

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        started = time.perf_counter()
        kept = lists.kept(request.raw_path) if request.method == "GET" else None
        if kept is None:
            return await inside(request)
        response = send(request, kept)
        journal.note("GET", endpoint, response.status, started)
        return response

    return answer
