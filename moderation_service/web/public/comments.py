"""The routes of readers: lists and single comments."""

from aiohttp import web

from moderation_service.domain.errors import NotFoundError
from moderation_service.web.cache.answers import Answer
from moderation_service.web.context import CONTEXT
from moderation_service.web.http.responses import send, to_json
from schemas.base import is_id


async def index(request: web.Request) -> web.Response:
    """List a page's approved comments."""
    context = request.app[CONTEXT]
    answer = await context.lists.answer(context.lists.read(request.raw_path, request.query))
    return await send(request, answer, context.clock)


async def show(request: web.Request) -> web.Response:
    """Return one approved comment."""
    comment_id = request.match_info["comment_id"]
    if not is_id(comment_id):
        raise NotFoundError
    context = request.app[CONTEXT]
    found = await context.listings.get(comment_id)
    headers = {"Cache-Control": context.settings.cache_control, "Vary": "Accept-Encoding"}
    answer = Answer(to_json(found.comment), headers, last_change=found.last_change)
    return await send(request, answer, context.clock)
