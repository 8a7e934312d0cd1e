"""The routes of those who follow a site: its changes, at once or when there are some, and as a stream."""

import asyncio
from contextlib import ExitStack, aclosing, suppress
from typing import Any

from aiohttp import web

from moderation_service.domain.errors import UnknownSiteError
from moderation_service.services.comments.change_feed import Place
from moderation_service.web.cache.answers import Answer
from moderation_service.web.context import CONTEXT, Context
from moderation_service.web.http import requests
from moderation_service.web.http.responses import (
    FOR_ANY_ORIGIN,
    NOT_TO_BE_GUESSED,
    SERVER,
    fitting,
    send,
    to_json,
)
from moderation_service.web.http.slow_readers import EventStreamResponse, noticing_departure
from moderation_service.web.http.validation import load
from moderation_service.web.stream.site_stream import StreamReader
from schemas.changes import ChangeQuery, EventPlace, StreamHeaders, StreamQuery

_CHANGES, _STREAM, _HEADERS = ChangeQuery(), StreamQuery(), StreamHeaders()
_LAST_EVENT_ID = "Last-Event-ID"
_STREAMED = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    **NOT_TO_BE_GUESSED,
    **FOR_ANY_ORIGIN,
}


class _FeedAnswer(Answer):
    """A slice of the feed as it goes over the wire, and whether there is anything in it."""

    has_changes: bool = False


async def index(request: web.Request) -> web.Response:
    """Return what a site's readers saw change after a number; with `wait`, as soon as there is something."""
    context = request.app[CONTEXT]
    asked = requests.query(request, _CHANGES)
    if asked["wait"] and request.method == "GET":
        answer = await _awaited(request, context, asked)
    else:
        answer = await _answer(context, request.raw_path, asked)
    return await send(request, answer, context.clock)


async def stream(request: web.Request) -> web.StreamResponse:
    """Send what a site's readers see change, as it does, until the client leaves or the service stops."""
    context = request.app[CONTEXT]
    asked = requests.query(request, _STREAM)
    place = _last_place(request) or asked["after"]
    headers = {**_STREAMED, "Server": SERVER, **context.settings.transport_security}
    if request.method == "HEAD":
        await context.change_feed.newest(asked["site"])
        return web.Response(headers=headers)
    reader = StreamReader()
    with context.followers.admitted(request), noticing_departure(request, reader.leave):
        async with context.streams.joined(asked["site"], reader) as site_stream:
            response = EventStreamResponse(headers=headers)
            begins_at = None if place is None else Place(number=place.number, epoch=place.epoch)
            with suppress(ConnectionError, UnknownSiteError):
                await response.prepare(request)
                async with aclosing(site_stream.pieces(reader, begins_at)) as pieces:
                    async for piece in pieces:
                        await response.send(piece)
            return response


async def _awaited(request: web.Request, context: Context, asked: dict[str, Any]) -> "_FeedAnswer":
    """Return an answer with changes; without any at the end of the wait, or when client or service go."""
    bell = asyncio.Event()
    question = f"changes {asked['site']} {asked['after']} {asked['epoch']} {asked['limit']}"
    answer = await _answer(context, question, asked)
    if answer.has_changes:
        return answer
    with ExitStack() as stack, suppress(TimeoutError):
        stack.enter_context(context.followers.admitted(request))
        stack.enter_context(noticing_departure(request, bell.set))
        stack.enter_context(context.announcements.listening(asked["site"], bell.set))
        async with asyncio.timeout(asked["wait"]):
            while True:
                answer = await _answer(context, question, asked)
                if answer.has_changes or context.announcements.is_closed or request.transport is None:
                    break
                await bell.wait()
                bell.clear()
    return answer


async def _answer(context: Context, question: str, asked: dict[str, Any]) -> _FeedAnswer:
    """Return the answer of just now, from memory where followers ask for the newest changes."""
    site_id = asked["site"]

    async def make() -> _FeedAnswer:
        feed = await context.change_feed.read(
            site_id, after=asked["after"], epoch=asked["epoch"], limit=asked["limit"], fitting=fitting
        )
        told = {"epoch": feed.epoch, "changes": feed.changes, "next": feed.next, "head": feed.head}
        answer = _FeedAnswer(
            to_json(told),
            {"Cache-Control": "no-cache", "Vary": "Accept-Encoding", **NOT_TO_BE_GUESSED, **FOR_ANY_ORIGIN},
        )
        answer.has_changes = bool(feed.changes)
        return answer

    if not context.tail.is_near_head(site_id, asked["after"], within=asked["limit"]):
        return await make()
    answer = await context.kept_answers.answer(question, (site_id,), make)
    assert isinstance(answer, _FeedAnswer)  # noqa: S101 - no other is made for this question
    return answer


def _last_place(request: web.Request) -> EventPlace | None:
    """Return where a client that comes back goes on, None for one that comes for the first time."""
    given = request.headers.get(_LAST_EVENT_ID)
    if not given:
        return None
    place: EventPlace = load(_HEADERS, {_LAST_EVENT_ID: given})["last_event_id"]
    return place
