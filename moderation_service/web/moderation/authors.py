"""The authors of a site, for programs with a bearer key: how their comments were decided, and a note."""

from typing import Any

from aiohttp import web

from moderation_service.domain.moderation.decisions import Actor, Channel
from moderation_service.domain.moderation.queue_order import Order
from moderation_service.services.moderation.site_queue import AuthorFile
from moderation_service.web.authentication import SITE
from moderation_service.web.context import CONTEXT
from moderation_service.web.http import queue_cursors, requests
from moderation_service.web.http.responses import unstored_json
from moderation_service.web.http.validation import load
from moderation_service.web.moderation import api
from schemas.moderation import AuthorNoteChange, AuthorQuery

_QUERY, _NOTE = AuthorQuery(), AuthorNoteChange()


async def show(request: web.Request) -> web.Response:
    """Show an author's comments, the newest first, and what was noted."""
    asked = requests.query(request, _QUERY)
    file = await request.app[CONTEXT].queue.author(
        request[SITE],
        request.match_info["author_hash"],
        after=queue_cursors.read(asked["cursor"], Order.NEWEST),
        limit=asked["limit"],
    )
    return unstored_json(_answer(request, file))


async def put_note(request: web.Request) -> web.Response:
    """Set or take away the note on an author."""
    asked = requests.query(request, _QUERY)
    change = load(_NOTE, await requests.fields_of(request))
    file = await request.app[CONTEXT].queue.put_author_note(
        request[SITE],
        request.match_info["author_hash"],
        change["note"],
        actor=Actor(channel=Channel.API),
        limit=asked["limit"],
    )
    return unstored_json(_answer(request, file))


def _answer(request: web.Request, file: AuthorFile) -> dict[str, Any]:
    note = file.author.note
    return {
        "author_hash": request.match_info["author_hash"],
        "author": api.record_of(file.author),
        "note": None if note is None else {"text": note.text, "actor": note.actor_name, "at": note.at},
        **api.comments_of(request, file.comments, Order.NEWEST),
    }
