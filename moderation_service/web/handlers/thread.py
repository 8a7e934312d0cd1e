"""A page's comments and the form below them, as a page of their own that works without JavaScript."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from moderation_service.domain import threads
from moderation_service.domain.comments import PublicComment
from moderation_service.domain.pages import Page
from moderation_service.domain.sites import Site
from moderation_service.locales import LANGUAGES
from moderation_service.services import listing
from moderation_service.services.listing import Listing
from moderation_service.web import html, reading, submitting, thread_page
from moderation_service.web.answers import NOT_TO_BE_GUESSED, send
from moderation_service.web.context import CONTEXT, LANGUAGE
from moderation_service.web.handlers import front
from moderation_service.web.kept_pages import Meaning
from moderation_service.web.lists import page_of
from moderation_service.web.page_cache import Answer
from schemas.comments import Order, ThreadQuery

_QUERY = ThreadQuery()


async def show(request: web.Request) -> web.Response:
    """Show the approved comments of a page as threads, and the form; pages of the site may frame it."""
    if "page_url" not in request.query:
        return front.page(request, status=422, no_page_named=True)
    context = request.app[CONTEXT]
    site = submitting.site_of(request, dict(request.query))
    if site is not None:
        request[LANGUAGE] = site.language
    asked = reading.query(request, _QUERY)
    page = page_of(context.directory.sites, asked["page_url"])
    assert site is not None  # noqa: S101 - a page of no site was refused
    meaning = Meaning(page.id, asked["lang"] if asked["lang"] in LANGUAGES else None, site.language)
    make = partial(_make, request, site, page, asked)
    accepted = request.headers.get("Accept-Language")
    return send(request, await context.kept_pages.answer(request.raw_path, meaning, accepted, make))


async def _make(request: web.Request, site: Site, page: Page, asked: Mapping[str, Any], language: str) -> Answer:
    context = request.app[CONTEXT]
    found = await listing.list_page(
        context.database,
        page,
        after=asked["cursor"],
        limit=asked["limit"],
        newest_first=asked["order"] is Order.NEWEST,
    )
    parent = None
    if asked["reply_to"] is not None:
        parent = await listing.answered(context.database, page, asked["reply_to"])
    title = found.title or asked["page_title"] or page.url
    values = _shown(request, site, found, title, language) | _form(request, page, parent)
    text = html.render(request, "thread.html", language, values)
    headers = html.HEADERS | {
        "Cache-Control": context.settings.cache_control,
        "Content-Security-Policy": html.policy(framed_by=site.origins),
        "Vary": "Accept-Encoding, Accept-Language",
        **NOT_TO_BE_GUESSED,
    }
    answer = Answer(text.encode(), headers, content_type="text/html; charset=utf-8", last_change=found.last_change)
    await answer.compress()
    return answer


def _shown(request: web.Request, site: Site, found: Listing, title: str, language: str) -> dict[str, Any]:
    """Return what stands above the form."""
    query = request.query
    return {
        "site": site,
        "page_url": found.page_url,
        "page_title": title,
        "heading": html.comments_heading(found.count, language),
        "count": found.count,
        "placed": threads.arrange(found.comments),
        "was_held": "held" in query,
        "was_simplified": query.get("held") == thread_page.SIMPLIFIED,
        "newest_first": query.get("order") == Order.NEWEST,
        "is_first": "cursor" not in query,
        "link": lambda **changed: _link(query, changed),
        "next_after": found.next_after,
    }


def _form(request: web.Request, page: Page, parent: PublicComment | None) -> dict[str, Any]:
    """Return what the form needs. A title out of a link is shown only: whoever made the link could make it up."""
    fields = {"page_url": page.url, "redirect_to": thread_page.address(request)}
    if parent is not None:
        fields["parent_id"] = parent.id
    return {"fields": fields, "parent": parent, "action": thread_page.action(request)}


def _link(query: Mapping[str, str], changed: Mapping[str, str | None]) -> str:
    """Return a link to this page with some parameters changed, None to leave one out."""
    kept = {name: value for name, value in query.items() if name in _QUERY.fields and name != "held"}
    merged = {**kept, **changed}
    return f"?{urlencode({name: value for name, value in merged.items() if value is not None})}"
