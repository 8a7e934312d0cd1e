"""The moderation API, for programs with a bearer key of the site."""

from dataclasses import asdict
from typing import Any

from aiohttp import web

from moderation_service.domain.accounts import addresses
from moderation_service.domain.comments.comment import QueuedComment, Status
from moderation_service.domain.comments.receipts import AuthorChange
from moderation_service.domain.errors import FieldsInvalidError, NotFoundError, RedactionInvalidError
from moderation_service.domain.moderation.authors import UNKNOWN, Author
from moderation_service.domain.moderation.decisions import Actor, Channel, Decision, Entry, Request
from moderation_service.domain.moderation.queue_order import Order
from moderation_service.domain.moderation.reports import Reports
from moderation_service.locales import negotiate, reasons
from moderation_service.services.moderation.queue import Filter
from moderation_service.services.moderation.site_queue import Listed
from moderation_service.web.authentication import SITE
from moderation_service.web.context import CONTEXT
from moderation_service.web.http import queue_cursors, requests
from moderation_service.web.http.responses import fitting, unstored_json
from moderation_service.web.http.validation import load
from schemas.base import is_id
from schemas.moderation import Decisions, QueueOrder, QueueQuery
from schemas.problems import FieldCode

_QUERY, _DECISIONS = QueueQuery(), Decisions()


async def queue(request: web.Request) -> web.Response:
    """List the site's comments, oldest first; in the order of the queue those that wait."""
    site = request[SITE]
    asked = requests.query(request, _QUERY)
    context = request.app[CONTEXT]
    page_ids: list[str] = []
    if asked["page_url"]:
        page = context.directory.page_of(asked["page_url"])
        page_ids = await context.page_addresses.ids_of(page.id)
    status, order = _order(asked)
    wanted = Filter(
        status=status,
        page_id=page_ids[0] if page_ids else None,
        more_page_ids=tuple(page_ids[1:]),
        words=asked["q"],
        author=asked["author"],
        order=order,
        reported=order is Order.QUEUE,
    )
    after = queue_cursors.read(asked["cursor"], order)
    found = await context.queue.read(site, wanted, after=after, limit=asked["limit"])
    return unstored_json(comments_of(request, found, order))


def comments_of(request: web.Request, found: Listed, order: Order) -> dict[str, Any]:
    """Return comments as programs see them, as many as have room, and where to go on."""
    spoken = negotiate(request.headers.get("Accept-Language"), "en")
    shown = [_queued(one, found, spoken) for one in found.queue.comments]
    count = fitting(shown)
    next_after = found.queue.next_after if count == len(shown) else found.queue.places[count - 1]
    return {"comments": shown[:count], "next_cursor": queue_cursors.text(next_after, order)}


def _order(asked: dict[str, Any]) -> tuple[Status | None, Order]:
    """Return which comments are listed, and how; the order of the queue is only of those that wait."""
    status = Status(asked["status"]) if asked["status"] else None
    if asked["order"] is QueueOrder.OLDEST:
        return status, Order.OLDEST
    if status not in (None, Status.PENDING):
        raise FieldsInvalidError({"order": [FieldCode.CONTRADICTS]})
    return Status.PENDING, Order.QUEUE


async def history(request: web.Request) -> web.Response:
    """Return who decided what on a comment, and when."""
    site = request[SITE]
    comment_id = request.match_info["comment_id"]
    if not is_id(comment_id):
        raise NotFoundError
    entries = await request.app[CONTEXT].moderation.history(site, comment_id)
    return unstored_json({"id": comment_id, "history": [_line(entry) for entry in entries]})


async def decide(request: web.Request) -> web.Response:
    """Take up to 500 decisions at once."""
    site = request[SITE]
    asked = load(_DECISIONS, await requests.fields_of(request))
    unknown = {
        f"decisions.{number}.reason": [FieldCode.INVALID_CHOICE]
        for number, one in enumerate(asked["decisions"])
        if one["reason"] is not None and not site.has_reason(one["reason"])
    }
    if unknown:
        raise FieldsInvalidError(unknown)
    context = request.app[CONTEXT]
    wanted = [
        Request(
            comment_id=one["id"],
            decision=Decision(one["decision"]),
            expected=Status(one["expected_status"]) if one["expected_status"] else None,
            revision=one["revision"],
            reason=one["reason"],
            note=one["note"],
            body=one["body"] if one["decision"] == Decision.REDACT else None,
            answer=await context.answers.write(one["body"]) if one["decision"] == Decision.ANSWER else None,
        )
        for one in asked["decisions"]
    ]
    try:
        results = await context.moderation.decide(site, wanted, actor=Actor(channel=Channel.API))
    except RedactionInvalidError as error:
        place = f"decisions.{error.position}"
        raise FieldsInvalidError({f"{place}.{name}": codes for name, codes in error.errors.items()}) from error
    return unstored_json(
        {"results": [{"id": one.comment_id, "status": one.status, "outcome": one.outcome} for one in results]}
    )


def _line(entry: Entry | AuthorChange) -> dict[str, object]:
    """Return a line of history; what an author did has neither name nor note."""
    if isinstance(entry, AuthorChange):
        return {
            "decision": entry.action,
            "revision": entry.revision,
            "from_status": entry.from_status,
            "to_status": entry.to_status,
            "actor": None,
            "means": "author",
            "reason": None,
            "note": None,
            "answer_id": None,
            "at": entry.at,
        }
    return {
        "decision": entry.decision,
        "revision": entry.revision,
        "from_status": entry.from_status,
        "to_status": entry.to_status,
        "actor": entry.actor.name,
        "means": entry.actor.channel,
        "reason": entry.reason,
        "note": entry.note,
        "answer_id": entry.answer_id,
        "at": entry.at,
    }


def record_of(author: Author | None) -> dict[str, int]:
    """Return how an author's comments were decided; one who is not known has none."""
    return asdict(UNKNOWN if author is None else author.record)


def _reports(found: Reports | None) -> dict[str, object] | None:
    """Return what readers report of a comment, None where nothing is open."""
    if found is None:
        return None
    return {
        "count": found.count,
        "reasons": found.reasons,
        "explanations": [
            {"reason": one.reason, "text": one.explanation, "at": one.created_at} for one in found.reports
        ],
    }


def _edit(comment: QueuedComment) -> dict[str, object] | None:
    """Return the edit that waits, None where none does."""
    if comment.edit is None:
        return None
    return {
        "body": comment.edit.body,
        "body_html": comment.edit.body_html,
        "difference": [{"kind": one.kind, "text": one.text} for one in comment.difference],
        "created_at": comment.edit.at,
    }


def _queued(comment: QueuedComment, listed: Listed, spoken: str) -> dict[str, object]:
    address = listed.queue.addresses.get(comment.id)
    assessment = comment.doubtful
    return {
        "id": comment.id,
        "parent_id": comment.parent_id,
        "page_url": comment.page_url,
        "page_title": comment.page_title,
        "status": comment.status,
        "author_name": comment.author_name,
        "author_email_masked": None if address is None else addresses.mask(address),
        "address_proved": comment.proved_at is not None,
        "author_url": comment.author_url,
        "by_site": comment.by_site,
        "body": comment.body,
        "body_html": comment.body_html,
        "redacted": comment.redacted,
        "original": None if comment.original is None else comment.original.body,
        "revision": comment.newest_revision,
        "edit": _edit(comment),
        "suspect": assessment.is_suspect,
        "reports": _reports(listed.reports.get(comment.id)),
        "objection": comment.objection and {"text": comment.objection, "at": comment.objected_at},
        "spam_score": None if assessment.probability is None else assessment.probability / 1_000,
        "spam_reasons": [{"code": one.code, "message": reasons.words(spoken, one)} for one in assessment.reasons],
        "author": record_of(listed.authors.get(comment.id)),
        "author_hash": listed.handles.get(comment.id),
        "created_at": comment.created_at,
        "changed_at": comment.changed_at,
    }
