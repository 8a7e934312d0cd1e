"""The page behind a mailed link that is too old: to whom it was mailed it says what became of the comment."""

from aiohttp import web

from moderation_service.domain.errors import LinkExpiredError, LinkVoidError
from moderation_service.web.context import CONTEXT
from moderation_service.web.desk import frame
from moderation_service.web.http import problems, templates


async def page(request: web.Request, error: LinkExpiredError, language: str) -> web.Response:
    """Return the page; it shows nothing of the comment itself."""
    notice = await _what_was_decided(request, error)
    desk_url = f"{request.app[CONTEXT].settings.public_url}/desk"
    problem = problems.of(error, language)
    return templates.problem_page(request, problem, language, desk_url=desk_url, notice=notice)


async def _what_was_decided(request: web.Request, error: LinkExpiredError) -> str:
    context = request.app[CONTEXT]
    try:
        site, moderator = context.moderation.holder(error.link)
        case = await context.moderation.open_case(error.link, site, moderator)
    except LinkVoidError:
        return ""
    return "" if case.last is None else frame.done_by(case, context.clock())
