"""The moderation API, for programs with a bearer key of the site."""

from aiohttp import web

from moderation_service.domain import addresses
from moderation_service.domain.comments import QueuedComment, Status
from moderation_service.domain.decisions import Actor, Decision, Means, Request
from moderation_service.domain.errors import NotFoundError
from moderation_service.services import moderation
from moderation_service.services import queue as waiting
from moderation_service.services.queue import Filter
from moderation_service.web import reading
from moderation_service.web.answers import to_json
from moderation_service.web.authentication import SITE
from moderation_service.web.bounded import fitting
from moderation_service.web.context import CONTEXT
from moderation_service.web.lists import page_of
from moderation_service.web.loading import load
from schemas.base import is_id
from schemas.moderation import Decisions, QueueQuery

_QUERY, _DECISIONS = QueueQuery(), Decisions()


async def queue(request: web.Request) -> web.Response:
    """List the site's comments, oldest first."""
    site = request[SITE]
    asked = reading.query(request, _QUERY)
    context = request.app[CONTEXT]
    page_ids: list[str] = []
    if asked["page_url"]:
        page = page_of(context.directory.sites, asked["page_url"])
        page_ids = await context.page_addresses.ids_of(page.id)
    wanted = Filter(
        status=Status(asked["status"]) if asked["status"] else None,
        page_id=page_ids[0] if page_ids else None,
        more_page_ids=tuple(page_ids[1:]),
        words=asked["q"],
        author=asked["author"],
    )
    found = await waiting.of_site(
        context.database, context.keys, site, wanted, after=asked["cursor"], limit=asked["limit"]
    )
    shown = [_queued(one, found.addresses[one.id]) for one in found.comments]
    count = fitting(shown)
    next_cursor = found.next_after if count == len(shown) else shown[count - 1]["id"]
    return _answer({"comments": shown[:count], "next_cursor": next_cursor})


async def history(request: web.Request) -> web.Response:
    """Return who decided what on a comment, and when."""
    site = request[SITE]
    comment_id = request.match_info["comment_id"]
    if not is_id(comment_id):
        raise NotFoundError
    entries = await moderation.history(request.app[CONTEXT].database, site, comment_id)
    lines = [
        {
            "decision": entry.decision,
            "from_status": entry.from_status,
            "to_status": entry.to_status,
            "actor": entry.actor.name,
            "means": entry.actor.means,
            "note": entry.note,
            "at": entry.at,
        }
        for entry in entries
    ]
    return _answer({"id": comment_id, "history": lines})


async def decide(request: web.Request) -> web.Response:
    """Take up to 500 decisions at once."""
    site = request[SITE]
    asked = load(_DECISIONS, await reading.fields_of(request))
    context = request.app[CONTEXT]
    results = await moderation.decide(
        context.database,
        site,
        [
            Request(
                comment_id=one["id"],
                decision=Decision(one["decision"]),
                expected=Status(one["expected_status"]) if one["expected_status"] else None,
                note=one["note"],
            )
            for one in asked["decisions"]
        ],
        actor=Actor(means=Means.API),
        now=context.clock(),
        announce=context.tail.catch_up,
    )
    return _answer(
        {"results": [{"id": one.comment_id, "status": one.status, "outcome": one.outcome} for one in results]}
    )


def _queued(comment: QueuedComment, address: str) -> dict[str, object]:
    return {
        "id": comment.id,
        "parent_id": comment.parent_id,
        "page_url": comment.page_url,
        "page_title": comment.page_title,
        "status": comment.status,
        "author_name": comment.author_name,
        "author_email_masked": addresses.mask(address),
        "author_url": comment.author_url,
        "body": comment.body,
        "body_html": comment.body_html,
        "revision": comment.revision,
        "spam_reasons": comment.spam_reasons,
        "created_at": comment.created_at,
        "changed_at": comment.changed_at,
    }


def _answer(value: object) -> web.Response:
    return web.Response(
        body=to_json(value), content_type="application/json", headers={"Cache-Control": "no-store"}
    )
