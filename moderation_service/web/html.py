"""Pages: rendered in one language, under a policy that lets in nothing but our own style sheet."""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from moderation_service.locales import LANGUAGES, translations
from moderation_service.templating import environment
from moderation_service.web import static_files
from moderation_service.web.context import CONTEXT
from moderation_service.web.problems import Problem

POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
_HEADERS = {
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-store",
}


def page(
    request: web.Request,
    template: str,
    language: str,
    values: dict[str, Any],
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    packages: tuple[str, ...] = (),
    leads_to: Collection[str] = (),
) -> web.Response:
    """Return a page of ours; it is never stored, indexed or framed, and tells no other site where it was.

    Templates are those of this package and of `packages`. A form on it may end at us or at the origins that it
    `leads_to`: browsers hold the redirection after a form against the page's policy too.
    """
    spoken = language if language in LANGUAGES else "en"
    text = environment((*packages, "moderation_service.web"), spoken).get_template(template)
    root = urlsplit(request.app[CONTEXT].settings.public_url).path
    targets = " ".join(sorted(leads_to))
    policy = f"{POLICY}; form-action 'self' {targets}".strip()
    return web.Response(
        status=status,
        text=text.render(values, root=root, version=static_files.version()),
        content_type="text/html",
        headers=_HEADERS | {"Content-Security-Policy": policy} | (headers or {}),
    )


def problem_page(
    request: web.Request, problem: Problem, language: str, *, desk_url: str | None = None
) -> web.Response:
    """Return a problem as a page."""
    return page(
        request,
        "problem.html",
        language,
        {"problem": problem, "desk_url": desk_url},
        status=problem.status,
        headers=problem.headers,
    )


def comments_heading(count: int, language: str) -> tuple[str, str]:
    """Return the heading over a page's comments in two halves, to stand before and behind its title."""
    text = translations(language).ngettext("One reply to %(page)s", "%(count)s replies to %(page)s", count)
    before, _, behind = (text % {"count": count, "page": "\0"}).partition("\0")
    return before, behind
