"""Answering a comment at the desk, in the name of its site."""

from http import HTTPStatus

from aiohttp import web

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.errors import FieldsInvalidError
from moderation_service.domain.moderation.decisions import Decision, Outcome, Request
from moderation_service.web.authentication import FIELDS, SESSION
from moderation_service.web.context import CONTEXT
from moderation_service.web.desk import decisions, frame
from moderation_service.web.http.validation import load
from schemas.desk import DeskAnswerForm

SAID = "answered"

_FORM = DeskAnswerForm()


async def add(request: web.Request) -> web.Response:
    """Publish what was typed below the comment; what cannot be is shown again, with the reason."""
    session, fields = request[SESSION], request[FIELDS]
    context = request.app[CONTEXT]
    comment_id = decisions.comment_id(request)
    file = await context.desk.file(session.memberships, comment_id)
    typed = fields.get("body", "")
    try:
        form = load(_FORM, fields)
    except FieldsInvalidError as error:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return await decisions.page(request, session, file, typed=typed, answer_error=error, status=status)
    asked = Request(
        comment_id=comment_id,
        decision=Decision.ANSWER,
        expected=Status(form["seen"]),
        revision=form["revision"],
        answer=await context.answers.write(form["body"]),
    )
    [result] = await context.desk.decide(session.memberships, [asked])
    if result.outcome in (Outcome.CONFLICT, Outcome.NOT_FOUND):
        file = await context.desk.file(session.memberships, comment_id)
        return await decisions.page(request, session, file, typed=typed, status=HTTPStatus.CONFLICT)
    return frame.to_desk(request, {"said": SAID}, path=f"/comments/{comment_id}")
