"""The pages behind mailed links: GET shows, POST decides."""

from functools import partial
from http import HTTPStatus
from typing import Any

from aiohttp import web

from moderation_service.domain.comments import markup, plain_text
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.errors import FieldsInvalidError
from moderation_service.domain.moderation import decisions as rules
from moderation_service.domain.moderation.decision_batch import Result
from moderation_service.domain.moderation.decisions import Actor, Channel, Decision, Outcome, Request
from moderation_service.locales import reason_texts
from moderation_service.services.moderation.decisions import Case
from moderation_service.web.authentication import HOLDER
from moderation_service.web.context import CONTEXT
from moderation_service.web.http import problems, requests, templates
from moderation_service.web.http.validation import load
from schemas.moderation import DecisionForm, RedactionForm

_FORM, _REDACTION = DecisionForm(), RedactionForm()


async def show(request: web.Request) -> web.Response:
    """Show the comment and one button for the decision in the path. Mail scanners come here too."""
    case = await open_case(request)
    return await page(request, case, Decision(request.match_info["decision"]), status=200)


async def show_redaction(request: web.Request) -> web.Response:
    """Show the comment and a form with its text, out of which passages may be taken."""
    return await page(request, await open_case(request), Decision.REDACT, status=200)


async def decide(request: web.Request) -> web.Response:
    """Take the decision in the path, if a button of our page was pressed that showed the comment as it stands."""
    context = request.app[CONTEXT]
    case = await open_case(request)
    decision = Decision(request.match_info["decision"])
    form = load(_FORM, await requests.fields_of(request) if request.can_read_body else {})
    if (conflict := await _shown_otherwise(request, case, decision, form)) is not None:
        return conflict
    [result] = await context.moderation.decide(case.site, [_request(case, decision, form)], actor=_actor(case))
    return await _decided(request, decision, result)


async def redact(request: web.Request) -> web.Response:
    """Approve what is left of the text, if a form of our page was sent that showed the comment as it stands."""
    context = request.app[CONTEXT]
    case = await open_case(request)
    sent = await requests.fields_of(request) if request.can_read_body else {}
    form = load(_FORM, {name: value for name, value in sent.items() if name != "body"})
    typed = sent.get("body")
    if (conflict := await _shown_otherwise(request, case, Decision.REDACT, form, typed=typed)) is not None:
        return conflict
    try:
        asked = _request(case, Decision.REDACT, form, body=load(_REDACTION, sent)["body"])
        [result] = await context.moderation.decide(case.site, [asked], actor=_actor(case))
    except FieldsInvalidError as error:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        return await page(request, case, Decision.REDACT, status=status, left=typed, left_error=error)
    return await _decided(request, Decision.REDACT, result, typed=typed)


async def open_case(request: web.Request) -> Case:
    """Return the comment of the link with its newest text."""
    holder = request[HOLDER]
    return await request.app[CONTEXT].moderation.open_case(holder.link, holder.site, holder.moderator)


async def _shown_otherwise(
    request: web.Request, case: Case, decision: Decision, form: dict[str, Any], *, typed: str | None = None
) -> web.Response | None:
    """Return the page as it is now unless the form that was sent showed the comment so."""
    links, seen, token = request.app[CONTEXT].links, form["seen"], request.match_info["token"]
    shown = [case.comment.newest_revision, request[HOLDER].link.revision]
    of_shown = [seen and links.is_form_token(token, seen, one, form["form_token"]) for one in shown]
    if seen is not None and of_shown[0]:
        return None
    return await page(request, case, decision, status=409, was_pressed=any(of_shown), left=typed)


def _request(case: Case, decision: Decision, form: dict[str, Any], *, body: str | None = None) -> Request:
    return Request(
        comment_id=case.comment.id,
        decision=decision,
        expected=Status(form["seen"]),
        revision=case.comment.newest_revision,
        reason=form["reason"] if decision in (Decision.REJECT, Decision.REDACT) else None,
        note=form["note"],
        body=body,
    )


def _actor(case: Case) -> Actor:
    return Actor(channel=Channel.LINK, moderator_id=case.moderator.id, name=case.moderator.name)


async def _decided(
    request: web.Request, decision: Decision, result: Result, *, typed: str | None = None
) -> web.Response:
    refused = result.outcome in (Outcome.CONFLICT, Outcome.NOT_FOUND)
    status = HTTPStatus.CONFLICT if refused else HTTPStatus.OK
    return await page(request, await open_case(request), decision, status=status, left=typed if refused else None)


async def page(
    request: web.Request,
    case: Case,
    decision: Decision,
    *,
    status: int,
    was_pressed: bool = True,
    typed: str | None = None,
    error: FieldsInvalidError | None = None,
    left: str | None = None,
    left_error: FieldsInvalidError | None = None,
) -> web.Response:
    """Show the comment as it stands; with an answer that was `typed` and not published, and what is wrong with it.

    Whoever answers does not decide by the button that stands first, so that is the one that approves.
    `left` is what was to be left of the text, and `left_error` what is wrong with that.
    """
    context = request.app[CONTEXT]
    now, spoken = context.clock(), case.moderator.language
    is_withdrawn = case.comment.status is Status.WITHDRAWN
    waits_again = case.comment.waits_again
    may_change = (
        case.last is None or rules.is_fresh(case.last, now) or rules.waits(case.comment.status, again=waits_again)
    )
    is_conflict = status == HTTPStatus.CONFLICT and was_pressed
    offers_answer = may_change and case.comment.status in rules.ANSWERABLE
    return templates.page(
        request,
        "moderate.html",
        spoken,
        {
            "case": case,
            "decision": Decision.APPROVE if decision is Decision.ANSWER else decision,
            "view": _view(case, decision, is_conflict=is_conflict),
            "has_decided": request.method == "POST" and was_pressed and error is None,
            "offers_answer": offers_answer or typed is not None,
            "typed": typed,
            "errors": {} if error is None else problems.field_errors(error.errors, spoken),
            "offered": [
                one for one, target in rules.TARGETS.items() if waits_again or target is not case.comment.status
            ]
            if may_change and not is_withdrawn
            else [],
            "may_undo": rules.may_undo(case.last, now) and not waits_again,
            "undo_until": None if case.last is None else case.last.at + rules.UNDO_WINDOW,
            "is_conflict": is_conflict,
            "form_token": context.links.form_token(
                request.match_info["token"], case.comment.status, case.comment.newest_revision
            ),
            "left": left,
            "left_errors": {} if left_error is None else problems.field_errors(left_error.errors, spoken),
            "may_redact": may_change and not is_withdrawn,
            "reasons": reason_texts.choices(spoken, case.site.language, case.site.reasons),
            "reason_label": partial(reason_texts.label, spoken, case.site.language, case.site.reasons),
            "safe_html": markup.with_links_as_text,
            "words": plain_text.words,
            "now": now,
            "desk_url": f"{context.settings.public_url}/desk",
        },
        status=status,
    )


def _view(case: Case, decision: Decision, *, is_conflict: bool) -> str:
    """Return what the page is about: the question, what waits again, was withdrawn, undone, or decided by whom."""
    last = case.last
    if case.comment.waits_again:
        return "edited" if case.comment.is_edited else "reported"
    if case.comment.status is Status.WITHDRAWN:
        return "withdrawn"
    if case.comment.status is Status.PENDING:
        if last is not None and last.decision is Decision.UNDO:
            return "undone"
        return "after" if is_conflict or decision is Decision.UNDO else "before"
    if last is None or last.decision is Decision.UNDO or last.actor.moderator_id == case.moderator.id:
        return "after"
    return "colleague"
