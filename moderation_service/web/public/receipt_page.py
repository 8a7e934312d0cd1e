"""An author's own comment by its receipt, as a page that works without JavaScript."""

from http import HTTPStatus

from aiohttp import web

from moderation_service import templating
from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.receipts import AuthorAction, OwnComment
from moderation_service.domain.errors import (
    FieldsInvalidError,
    NotEditableError,
    NotObjectableError,
    RefusedError,
    TooManyCommentsError,
    UnavailableError,
)
from moderation_service.domain.moderation.statements import Statement
from moderation_service.locales import decision_texts, reason_texts
from moderation_service.web.authentication import OWN, SITE
from moderation_service.web.context import CONTEXT
from moderation_service.web.http import language, problems, requests, templates
from moderation_service.web.http.problems import Problem
from moderation_service.web.http.validation import load
from schemas.receipts import EditForm, ObjectionForm

_EDIT = EditForm()
_OBJECTION = ObjectionForm()
_REFUSED = (
    FieldsInvalidError,
    NotEditableError,
    NotObjectableError,
    RefusedError,
    TooManyCommentsError,
    UnavailableError,
)


async def show(request: web.Request) -> web.Response:
    """Show the comment as it stands, and what its author can do about it."""
    return await page(request, request[OWN])


async def change(request: web.Request) -> web.Response:
    """Edit, withdraw or object if a button of our page was pressed that showed the comment as it stands."""
    context = request.app[CONTEXT]
    client = context.clients.of(request)
    await context.submissions.await_turn(client)
    sent = await requests.form_of(request)
    token, own = request.match_info["token"], request[OWN]
    typed = sent.get("text" if sent.get("do") == AuthorAction.OBJECT else "body")
    if not context.receipts.is_form_token(token, own, sent.get("form_token", "")):
        return await page(request, own, typed=typed, status=HTTPStatus.CONFLICT)
    try:
        if sent.get("do") == AuthorAction.WITHDRAW:
            return await page(request, await context.receipts.withdraw(own))
        if sent.get("do") == AuthorAction.OBJECT:
            words = load(_OBJECTION, sent)["text"]
            objected = await context.objections.submit(own, request[SITE], words, client=client)
            return await page(request, objected, was_objected=True)
        body = load(_EDIT, sent)["body"]
        edited = await context.receipts.edit(own, request[SITE], body, client=client)
        return await page(request, edited, was_edited=True)
    except _REFUSED as error:
        _, now = await context.receipts.find(token)
        return await page(request, now, typed=typed, problem=problems.of(error, language.of(request)))


async def page(
    request: web.Request,
    own: OwnComment,
    *,
    was_edited: bool = False,
    was_objected: bool = False,
    link_was_asked: bool = False,
    ended: str | None = None,
    typed: str | None = None,
    problem: Problem | None = None,
    status: int = HTTPStatus.OK,
) -> web.Response:
    """Return the page; what was typed and could not be kept is in its form still, while there is one.

    `ended` is what mail has just been ended.
    """
    token, site = request.match_info["token"], request[SITE]
    spoken = language.of(request)
    return templates.page(
        request,
        "receipt.html",
        spoken,
        {
            "site": site,
            "own": own,
            "stated": own.statement and _stated(spoken, site, own.statement),
            "redaction": own.redaction and _stated(spoken, site, own.redaction),
            "token": token,
            "form_token": request.app[CONTEXT].receipts.form_token(token, own),
            "was_edited": was_edited,
            "was_objected": was_objected,
            "link_was_asked": link_was_asked,
            "ended": ended,
            "mails": await request.app[CONTEXT].subscriptions.mails_of(own),
            "typed": typed if own.may_edit or own.may_object else None,
            "problem": problem,
            "errors": {} if problem is None else problem.errors,
            "has_changed": status == HTTPStatus.CONFLICT,
        },
        status=status if problem is None else problem.status,
        headers=None if problem is None else problem.headers,
    )


def _stated(spoken: str, site: Site, statement: Statement) -> dict[str, str | None]:
    """Return the statement of a decision in words, as the author is mailed it."""
    when = templating.at_time(spoken, statement.decided_at, site.timezone)
    code = statement.reason
    return {
        "heading": decision_texts.heading(spoken, statement),
        "reason": code and reason_texts.sentence(spoken, site.language, site.reasons, code),
        "decided_by": decision_texts.decided_by(spoken, statement.decided_by, when, rule=statement.rule),
    }
