"""The page behind a digest's link: all comments that the mail showed, above one button that approves them."""

from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web

from moderation_service.domain.comments import markup, plain_text
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.errors import LinkVoidError
from moderation_service.domain.moderation.decisions import Actor, Channel, Decision, Outcome, Request
from moderation_service.domain.moderation.links import ShownText
from moderation_service.services.comments.listing import LARGEST
from moderation_service.services.moderation.decisions import Case
from moderation_service.web.authentication import HOLDERS
from moderation_service.web.context import CONTEXT
from moderation_service.web.desk import sentences
from moderation_service.web.http import requests as reading
from moderation_service.web.http import templates

_SHOWN = "shown"


async def show(request: web.Request) -> web.Response:
    """Show what the mail showed and is this moderator's still, as far as there is room; changes nothing."""
    return _page(request, await _cases(request), said="", status=HTTPStatus.OK)


async def approve(request: web.Request) -> web.Response:
    """Approve what the page showed as waiting and waits still; without its value, show the page again."""
    context = request.app[CONTEXT]
    fields = await reading.fields_of(request) if request.can_read_body else {}
    cases = await _cases(request)
    shown = context.links.of_digests.were_shown(request.match_info["token"], str(fields.get(_SHOWN, "")))
    if shown is None:
        return _page(request, cases, said="", status=HTTPStatus.CONFLICT)
    done = refused = 0
    cases_of = {one.comment.id: one for one in cases}
    for site_id, moderator_id in sorted({(one.site.id, one.moderator.id) for one in cases}):
        here = [one for one in cases if (one.site.id, one.moderator.id) == (site_id, moderator_id)]
        requests = [
            Request(
                comment_id=one.comment_id,
                decision=Decision.APPROVE,
                expected=Status(one.seen),
                revision=one.revision,
            )
            for one in shown
            if cases_of.get(one.comment_id) in here
        ]
        results = await context.moderation.decide(
            here[0].site,
            requests,
            actor=Actor(channel=Channel.LINK, moderator_id=moderator_id, name=here[0].moderator.name),
        )
        taken = sum(one.outcome in (Outcome.DONE, Outcome.UNCHANGED) for one in results)
        done, refused = done + taken, refused + len(results) - taken
    said = sentences.summary(cases[0].moderator.language, Decision.APPROVE, done, refused)
    return _page(request, await _cases(request), said=said, status=HTTPStatus.OK)


async def _cases(request: web.Request) -> list[Case]:
    """Return the comments of the link that are there, with their newest texts; raise LinkVoidError without any."""
    moderation = request.app[CONTEXT].moderation
    found = []
    for one in request[HOLDERS]:
        try:
            found.append(await moderation.open_case(one.link, one.site, one.moderator))
        except LinkVoidError:
            continue
    if not found:
        raise LinkVoidError
    return found


def _waits(case: Case) -> bool:
    return case.comment.status is Status.PENDING or case.comment.is_edited


def _shown(cases: Sequence[Case]) -> list[Case]:
    """Return the cases that have room on one page, at least one; those that wait have it first."""
    room, shown = LARGEST, list[Case]()
    for one in sorted(cases, key=lambda one: not _waits(one)):
        room -= len(one.comment.body_html.encode())
        if shown and room < 0:
            break
        shown.append(one)
    return [one for one in cases if one in shown]


def _page(request: web.Request, mailed: Sequence[Case], *, said: str, status: int) -> web.Response:
    context = request.app[CONTEXT]
    cases = _shown(mailed)
    waiting = [
        ShownText(one.comment.id, one.comment.status, one.comment.newest_revision) for one in cases if _waits(one)
    ]
    return templates.page(
        request,
        "approve_all.html",
        cases[0].moderator.language,
        {
            "cases": cases,
            "waits": _waits,
            "beyond": len(mailed) - len(cases),
            "moderator": cases[0].moderator,
            "sites": sorted({one.site.name for one in cases}),
            "waiting": waiting,
            "shown": context.links.of_digests.shown(request.match_info["token"], waiting),
            "said": said,
            "is_conflict": status == HTTPStatus.CONFLICT,
            "safe_html": markup.with_links_as_text,
            "words": plain_text.words,
            "now": context.clock(),
            "desk_url": f"{context.settings.public_url}/desk",
        },
        status=status,
    )
