"""Answering a comment by a mailed link, in the name of its site."""

from http import HTTPStatus

from aiohttp import web

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.errors import FieldsInvalidError
from moderation_service.domain.moderation.decisions import Actor, Channel, Decision, Outcome, Request
from moderation_service.web.context import CONTEXT
from moderation_service.web.http import requests
from moderation_service.web.http.validation import load
from moderation_service.web.moderation import links
from schemas.moderation import AnswerForm

_FORM = AnswerForm()


async def publish(request: web.Request) -> web.Response:
    """Publish what was typed below the comment, if our page showed that as it stands; else show it again."""
    context = request.app[CONTEXT]
    case = await links.open_case(request)
    fields = await requests.fields_of(request) if request.can_read_body else {}
    typed = str(fields.get("body", ""))
    try:
        form = load(_FORM, fields)
    except FieldsInvalidError as error:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return await links.page(request, case, Decision.ANSWER, status=status, typed=typed, error=error)
    seen, revision = form["seen"], case.comment.newest_revision
    was_shown = seen is not None and context.links.is_form_token(
        request.match_info["token"], seen, revision, form["form_token"]
    )
    if not was_shown:
        return await links.page(request, case, Decision.ANSWER, status=HTTPStatus.CONFLICT, typed=typed)
    asked = Request(
        comment_id=case.comment.id,
        decision=Decision.ANSWER,
        expected=Status(seen),
        revision=revision,
        answer=await context.answers.write(form["body"]),
    )
    actor = Actor(channel=Channel.LINK, moderator_id=case.moderator.id, name=case.moderator.name)
    [result] = await context.moderation.decide(case.site, [asked], actor=actor)
    case = await links.open_case(request)
    if result.outcome in (Outcome.CONFLICT, Outcome.NOT_FOUND):
        return await links.page(request, case, Decision.ANSWER, status=HTTPStatus.CONFLICT, typed=typed)
    return await links.page(request, case, Decision.ANSWER, status=HTTPStatus.OK)
