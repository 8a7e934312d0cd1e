"""The pages behind mailed links: GET shows, POST decides."""

from http import HTTPStatus

from aiohttp import web

from moderation_service.domain import decisions as rules
from moderation_service.domain import markup, plain_text
from moderation_service.domain.comments import Status
from moderation_service.domain.decisions import Actor, Decision, Means, Outcome, Request
from moderation_service.services import moderation
from moderation_service.services.moderation import Case
from moderation_service.web import html, reading
from moderation_service.web.authentication import HOLDER
from moderation_service.web.context import CONTEXT
from moderation_service.web.loading import load
from schemas.moderation import DecisionForm

_FORM = DecisionForm()


async def show(request: web.Request) -> web.Response:
    """Show the comment and one button for the decision in the path. Mail scanners come here too."""
    case = await _open(request)
    return await _page(request, case, Decision(request.match_info["decision"]), status=200)


async def decide(request: web.Request) -> web.Response:
    """Take the decision in the path, if a button of our page was pressed that showed the comment as it stands."""
    context = request.app[CONTEXT]
    case = await _open(request)
    decision = Decision(request.match_info["decision"])
    form = load(_FORM, await reading.fields_of(request) if request.can_read_body else {})
    seen = form["seen"]
    if seen is None or not context.links.is_form_token(request.match_info["token"], seen, form["form_token"]):
        return await _page(request, case, decision, status=409, was_pressed=False)
    asked = Request(
        comment_id=case.comment.id, decision=decision, expected=Status(seen), revision=case.comment.revision
    )
    actor = Actor(means=Means.LINK, moderator_id=case.moderator.id, name=case.moderator.name)
    [result] = await moderation.decide(
        context.database,
        case.site,
        [asked],
        actor=actor,
        now=context.clock(),
        announce=context.tail.catch_up,
    )
    refused = result.outcome in (Outcome.CONFLICT, Outcome.NOT_FOUND)
    return await _page(request, await _open(request), decision, status=409 if refused else 200)


async def _open(request: web.Request) -> Case:
    holder = request[HOLDER]
    return await moderation.open_case(request.app[CONTEXT].database, holder.link, holder.site, holder.moderator)


async def _page(
    request: web.Request, case: Case, decision: Decision, *, status: int, was_pressed: bool = True
) -> web.Response:
    context = request.app[CONTEXT]
    now = context.clock()
    may_change = case.last is None or rules.is_fresh(case.last, now) or case.comment.status is Status.PENDING
    is_conflict = status == HTTPStatus.CONFLICT and was_pressed
    return html.page(
        request,
        "moderate.html",
        case.moderator.language,
        {
            "case": case,
            "decision": decision,
            "view": _view(case, decision, is_conflict=is_conflict),
            "has_decided": request.method == "POST" and was_pressed,
            "offered": [one for one, target in rules.TARGETS.items() if target is not case.comment.status]
            if may_change
            else [],
            "may_undo": rules.may_undo(case.last, now),
            "undo_until": None if case.last is None else case.last.at + rules.SECOND_THOUGHTS,
            "is_conflict": is_conflict,
            "form_token": context.links.form_token(request.match_info["token"], case.comment.status),
            "safe_html": markup.with_links_as_text,
            "words": plain_text.words,
            "now": now,
            "desk_url": f"{context.settings.public_url}/desk",
        },
        status=status,
    )


def _view(case: Case, decision: Decision, *, is_conflict: bool) -> str:
    """Return what the page is about: the question, what was undone, what a colleague or oneself decided."""
    last = case.last
    if case.comment.status is Status.PENDING:
        if last is not None and last.decision is Decision.UNDO:
            return "undone"
        return "after" if is_conflict or decision is Decision.UNDO else "before"
    if last is None or last.decision is Decision.UNDO or last.actor.moderator_id == case.moderator.id:
        return "after"
    return "colleague"
