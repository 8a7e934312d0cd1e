"""The page behind a digest's link: all comments that the mail showed, above one button that approves them."""

from collections.abc import Sequence
from http import HTTPStatus

from aiohttp import web

from moderation_service.domain import markup, plain_text
from moderation_service.domain.comments import Status
from moderation_service.domain.decisions import Actor, Decision, Means, Outcome, Request
from moderation_service.domain.errors import LinkVoidError
from moderation_service.services import moderation
from moderation_service.services.moderation import Case
from moderation_service.web import desk_words, html, reading
from moderation_service.web.authentication import HOLDERS
from moderation_service.web.context import CONTEXT

_SHOWN = "shown"


async def show(request: web.Request) -> web.Response:
    """Show all that the mail showed and that is this moderator's still; changes nothing."""
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
    for site_id, moderator_id in sorted({(one.site.id, one.moderator.id) for one in cases}):
        here = [one for one in cases if (one.site.id, one.moderator.id) == (site_id, moderator_id)]
        requests = [
            Request(
                comment_id=one.comment.id,
                decision=Decision.APPROVE,
                expected=Status.PENDING,
                revision=one.comment.revision,
            )
            for one in here
            if one.comment.id in shown
        ]
        results = await moderation.decide(
            context.database,
            here[0].site,
            requests,
            actor=Actor(means=Means.LINK, moderator_id=moderator_id, name=here[0].moderator.name),
            now=context.clock(),
            announce=context.tail.catch_up,
        )
        taken = sum(one.outcome in (Outcome.DONE, Outcome.UNCHANGED) for one in results)
        done, refused = done + taken, refused + len(results) - taken
    said = desk_words.summary(cases[0].moderator.language, Decision.APPROVE, done, refused)
    return _page(request, await _cases(request), said=said, status=HTTPStatus.OK)


async def _cases(request: web.Request) -> list[Case]:
    """Return the comments of the link that are there as they were mailed; raise LinkVoidError without any."""
    database = request.app[CONTEXT].database
    found = []
    for one in request[HOLDERS]:
        try:
            found.append(await moderation.open_case(database, one.link, one.site, one.moderator))
        except LinkVoidError:
            continue
    if not found:
        raise LinkVoidError
    return found


def _page(request: web.Request, cases: Sequence[Case], *, said: str, status: int) -> web.Response:
    context = request.app[CONTEXT]
    waiting = [one.comment.id for one in cases if one.comment.status is Status.PENDING]
    return html.page(
        request,
        "approve_all.html",
        cases[0].moderator.language,
        {
            "cases": cases,
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
