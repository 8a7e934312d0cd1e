"""The same submission from a browser without script: back to its page, or a page that shows what to mend."""

from typing import Any

from aiohttp import web

from moderation_service.domain import pages
from moderation_service.domain.errors import DuplicateCommentError, ModerationError
from moderation_service.web import html, problems, submitting, thread_page
from moderation_service.web.middleware import language_of
from moderation_service.web.problems import Problem
from schemas.comments import SubmissionForm

_FORM = SubmissionForm()


async def create(request: web.Request) -> web.Response:
    """Keep a comment; a visitor who presses the button twice is sent back as the first time."""
    try:
        fields = await submitting.fields_of(request)
    except ModerationError as error:
        return _sorry(request, problems.of_error(error, language_of(request)), {})
    except web.HTTPException as error:
        return _sorry(request, problems.of_http(error, language_of(request)), {})
    site = submitting.site_of(request, fields)
    is_simplified = False
    try:
        is_simplified = (await submitting.submit(request, fields, _FORM)).is_simplified
    except DuplicateCommentError:
        pass
    except ModerationError as error:
        origins = site.origins if site is not None else frozenset[str]()
        return _sorry(request, problems.of_error(error, language_of(request)), fields, leads_to=origins)
    assert site is not None  # noqa: S101 - a comment of no site is not accepted
    return web.Response(
        status=303,
        headers={
            "Location": _way_back(request, fields, site.origins, is_simplified=is_simplified),
            "Cache-Control": "no-store",
        },
    )


def _sorry(
    request: web.Request, problem: Problem, fields: dict[str, Any], *, leads_to: frozenset[str] = frozenset()
) -> web.Response:
    """Show what went wrong over the form as the visitor filled it in, so that nothing is lost."""
    language = language_of(request)
    is_ours = fields.get("redirect_to") == thread_page.address(request)
    return html.page(
        request,
        "submission.html",
        language,
        {
            "problem": problem,
            "fields": fields,
            "action": thread_page.action(request),
        },
        status=problem.status,
        headers=problem.headers,
        leads_to=leads_to,
        framed_by=leads_to if is_ours else (),
    )


def _way_back(
    request: web.Request, fields: dict[str, str], origins: frozenset[str], *, is_simplified: bool
) -> str:
    """Return where to send the browser: `redirect_to` if it stays on the site, else the page itself.

    `redirect_to` may also name our own page of comments, by exactly its address; all behind that is ours to add.
    """
    page_url = fields["page_url"].strip()
    if fields.get("redirect_to") == thread_page.address(request):
        return thread_page.held(request, pages.canonical(page_url), is_simplified=is_simplified)
    wanted = pages.resolve(page_url, fields.get("redirect_to", "").strip() or page_url)
    if wanted is not None and pages.origin(pages.canonical(wanted)) in origins:
        return wanted
    return pages.canonical(page_url)
