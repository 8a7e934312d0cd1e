"""The page behind a mailed link that is too old: to whom it was mailed it says what became of the comment."""

from aiohttp import web

from moderation_service.domain.errors import LinkExpiredError, LinkVoidError
from moderation_service.services import moderation
from moderation_service.web import desk_pages, html, problems
from moderation_service.web.context import CONTEXT


async def page(request: web.Request, error: LinkExpiredError, language: str) -> web.Response:
    """Return the page; it shows nothing of the comment itself."""
    notice = await _what_was_decided(request, error)
    desk_url = f"{request.app[CONTEXT].settings.public_url}/desk"
    problem = problems.of_error(error, language)
    return html.problem_page(request, problem, language, desk_url=desk_url, notice=notice)


async def _what_was_decided(request: web.Request, error: LinkExpiredError) -> str:
    context = request.app[CONTEXT]
    try:
        site, moderator = moderation.holder(error.link, context.directory.sites, context.links)
        case = await moderation.open_case(context.database, error.link, site, moderator)
    except LinkVoidError:
        return ""
    return "" if case.last is None else desk_pages.done_by(case, context.clock())
