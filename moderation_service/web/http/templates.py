"""Pages: rendered in one language, under a policy that lets in nothing but our own style sheet."""

from collections.abc import Collection
from typing import Any

from aiohttp import web
from jinja2 import Environment

from moderation_service import locales
from moderation_service.locales import translations
from moderation_service.templating import environment
from moderation_service.templating.patterns import Pattern
from moderation_service.web.context import CONTEXT
from moderation_service.web.http import static_files
from moderation_service.web.http.problems import Problem
from schemas.problems import ProblemCode

WITH_A_SCRIPT = "script-src 'self'; connect-src 'self'"
"""What a page with a script of ours adds to its policy."""

_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'"
HEADERS = {
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
    framed_by: Collection[str] = (),
) -> web.Response:
    """Return a page of ours; it is never stored or indexed, and tells no other site where it was.

    Templates are those of this package and of `packages`. A form on it may end at us or at the origins that it
    `leads_to`: browsers hold the redirection after a form against the page's policy too. Only pages of the origins
    that it is `framed_by` may frame it.
    """
    return web.Response(
        status=status,
        text=render(request.app[CONTEXT].settings.root, template, language, values, packages=packages),
        content_type="text/html",
        headers=HEADERS | {"Content-Security-Policy": policy(leads_to, framed_by)} | (headers or {}),
    )


def render(
    root: str, template: str, language: str, values: dict[str, Any], *, packages: tuple[str, ...] = ()
) -> str:
    """Return the text of a page; `root` is the path before those of the service."""
    text = _templates(language, packages).get_template(template)
    return text.render(values, root=root, version=static_files.version())


def pattern(template: str, macro: str, language: str, *arguments: Any, **named: Any) -> Pattern:
    """Return what a macro of a template writes, some of its arguments being gaps (`templating.patterns.gap`)."""
    module = _templates(language).get_template(template).module
    return Pattern(getattr(module, macro)(*arguments, **named))


def _templates(language: str, packages: tuple[str, ...] = ()) -> Environment:
    return environment((*packages, "moderation_service.web"), locales.tag(language) or locales.SOURCE)


def policy(leads_to: Collection[str] = (), framed_by: Collection[str] = ()) -> str:
    """Return the policy of a page: where its form may end, and whose pages may frame it.

    Only a page that may be framed has a script, one of ours that says how high it is (`framed.html`).
    """
    targets = " ".join(sorted(leads_to))
    framing = " ".join(sorted(framed_by)) or "'none'"
    scripts = "; script-src 'self'" if framed_by else ""
    return f"{_POLICY}{scripts}; frame-ancestors {framing}; form-action 'self' {targets}".strip()


def problem_page(
    request: web.Request, problem: Problem, language: str, *, desk_url: str | None = None, notice: str = ""
) -> web.Response:
    """Return a problem as a page; one for moderators leads to the desk, and may say more than the problem does."""
    sign = "pending" if problem.code is ProblemCode.LINK_EXPIRED else "warning"
    return page(
        request,
        "problem.html" if desk_url is None else "moderator_problem.html",
        language,
        {"problem": problem, "desk_url": desk_url, "notice": notice, "name": sign},
        status=problem.status,
        headers=problem.headers,
    )


def more_replies(count: int, language: str) -> str:
    """Return how many replies of a thread are not shown, as the text of a link."""
    return translations(language).ngettext("One more reply", "%(count)s more replies", count) % {"count": count}


def comments_heading(count: int, language: str) -> tuple[str, str]:
    """Return the heading over a page's comments in two halves, to stand before and behind its title."""
    catalogue = translations(language)
    text = catalogue.ngettext("One comment on %(page)s", "%(count)s comments on %(page)s", count)
    if count == 0:
        text = catalogue.gettext("Comments on %(page)s")
    before, _, behind = (text % {"count": count, "page": "\0"}).partition("\0")
    return before, behind
