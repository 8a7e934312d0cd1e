"""An author's own comment by its receipt, for scripts: to read, edit and, while it waits, withdraw or prove."""

from aiohttp import web

from moderation_service.domain.comments.receipts import OwnComment
from moderation_service.domain.moderation.statements import Statement
from moderation_service.locales import negotiate, reason_texts
from moderation_service.web.authentication import OWN, SITE
from moderation_service.web.context import CONTEXT
from moderation_service.web.http import requests
from moderation_service.web.http.responses import unstored_json
from moderation_service.web.http.validation import load
from moderation_service.web.public import submission
from schemas.receipts import Edit, NewObjection, Proof

_EDIT, _OBJECTION, _PROOF = Edit(), NewObjection(), Proof()


async def show(request: web.Request) -> web.Response:
    """Return the comment as it stands."""
    return _answer(request, request[OWN])


async def edit(request: web.Request) -> web.Response:
    """Give the comment a new text, which waits: in place of the old one or, once that is public, beside it."""
    context = request.app[CONTEXT]
    client = context.clients.of(request)
    await context.submissions.await_turn(client)
    asked = load(_EDIT, await requests.json_of(request))
    site = submission.admitted(request, request[SITE])
    return _answer(request, await context.receipts.edit(request[OWN], site, asked["body"], client=client))


async def withdraw(request: web.Request) -> web.Response:
    """Take the comment back for good or, once it is public, the edit that waits."""
    submission.admitted(request, request[SITE])
    return _answer(request, await request.app[CONTEXT].receipts.withdraw(request[OWN]))


async def object_to(request: web.Request) -> web.Response:
    """Bring a rejected comment back to its moderators, with what its author says."""
    context = request.app[CONTEXT]
    client = context.clients.of(request)
    await context.submissions.await_turn(client)
    asked = load(_OBJECTION, await requests.json_of(request))
    site = submission.admitted(request, request[SITE])
    return _answer(request, await context.objections.submit(request[OWN], site, asked["text"], client=client))


async def prove(request: web.Request) -> web.Response:
    """Take what the author's browser found for the challenge that came with the receipt."""
    asked = load(_PROOF, await requests.json_of(request))
    submission.admitted(request, request[SITE])
    return _answer(request, await request.app[CONTEXT].receipts.prove(request[OWN], asked["proof"]))


def _answer(request: web.Request, own: OwnComment) -> web.Response:
    return unstored_json(
        {
            "id": own.id,
            "status": own.status,
            "body": own.body,
            "body_html": own.body_html,
            "page_url": own.page_url,
            "created_at": own.created_at,
            "may_edit": own.may_edit,
            "edit": None
            if own.edit is None
            else {"body": own.edit.body, "body_html": own.edit.body_html, "created_at": own.edit.at},
            "redacted": own.is_shortened,
            "original": own.original.body if own.is_shortened and own.original is not None else None,
            "reason": _reason(request, own),
            "statement": None if own.newest_statement is None else _stated(own.newest_statement),
            "may_object": own.may_object,
            "objection": own.objection and {"text": own.objection, "at": own.objected_at},
        }
    )


def _reason(request: web.Request, own: OwnComment) -> dict[str, str] | None:
    site = request[SITE]
    code = None if own.newest_statement is None else own.newest_statement.reason
    if code is None:
        return None
    spoken = negotiate(request.headers.get("Accept-Language"), site.language)
    message = reason_texts.sentence(spoken, site.language, site.reasons, code)
    return {"code": code, "message": message}


def _stated(statement: Statement) -> dict[str, object]:
    return {
        "decided_at": statement.decided_at,
        "decided_by": statement.decided_by,
        "rule": statement.rule,
        "was_published": statement.was_published,
        "is_of_edit": statement.is_of_edit,
        "is_redaction": statement.is_redaction,
    }
