"""A page's comments and the form below them, as a page of their own that works without JavaScript."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple
from urllib.parse import quote_plus

from aiohttp import web
from markupsafe import escape

from moderation_service import locales
from moderation_service.domain.accounts.sites import FormFields, Site
from moderation_service.domain.comments.comment import PublicComment
from moderation_service.domain.comments.pages import Page
from moderation_service.domain.comments.receipts import Noted
from moderation_service.domain.comments.threads import Conversation
from moderation_service.domain.errors import NotFoundError
from moderation_service.domain.screening.form_stamps import FormMarks
from moderation_service.services.comments.listing import START, Listing
from moderation_service.templating import when
from moderation_service.templating.patterns import Pattern, gap
from moderation_service.web.cache.answers import Answer
from moderation_service.web.cache.kept_pages import Meaning
from moderation_service.web.cache.lists import wanted
from moderation_service.web.context import CONTEXT, LANGUAGE, Context
from moderation_service.web.http import requests, templates
from moderation_service.web.http.responses import NOT_TO_BE_GUESSED, send
from moderation_service.web.public import articles, front, receipt_address, thread_address
from schemas.comments import Order, ThreadQuery

_QUERY = ThreadQuery()
_OF_ONE_COMMENT = ("held", receipt_address.NOTE)
_ANY_PLACE: Mapping[str, str | None] = {"cursor": None, "thread": None, "around": None, "reply_to": None}
_ANSWERING_NONE: Mapping[str, str | None] = {"reply_to": None}
_STAMP, _HONEYPOT = "form_stamp", "honeypot"
_WITHOUT_TEXTS = dict.fromkeys(("noted_id", "parent_id", "previous", "following", "closes_at"))
_SITES_REMEMBERED = 256
_PAIRS_REMEMBERED = 64
_SHAPES_KEPT = 256
"""Pages of a site differ in few of them; each takes some 4 kB."""


async def show(request: web.Request) -> web.Response:
    """Show the approved comments of a page as threads, and the form; pages of the site may frame it."""
    if "page_url" not in request.query:
        return front.page(request, status=422, no_page_named=True)
    context = request.app[CONTEXT]
    site = context.directory.site_of(request.query["page_url"])
    if site is not None:
        request[LANGUAGE] = site.language
    return await send(request, await answer(context, request), context.clock)


async def answer(context: Context, request: web.BaseRequest) -> Answer:
    """Return the page as a reader asks for it, from memory where it may be.

    One that is asked for with a note of a comment is for one visitor, and kept nowhere.

    Raises FieldsInvalidError, UnknownSiteError or UnavailableError.
    """
    query = request.query
    asked = requests.page_query(query, _QUERY)
    page = context.directory.page_of(asked["page_url"])
    site = context.directory.sites.get(page.site_id)
    assert site is not None  # noqa: S101 - a page of no site was refused
    meaning = Meaning(page.id, asked["lang"] if asked["lang"] in locales.LANGUAGES else None, site.language)
    if asked[receipt_address.NOTE] is not None:
        noted = await context.receipts.noted(asked[receipt_address.NOTE])
        spoken = meaning.language(request.headers.get("Accept-Language"))
        return await _make(context, query, site, page, asked, spoken, noted=noted, is_kept=False)
    make = partial(_make, context, query, site, page, asked)
    return await context.kept_pages.answer(request.raw_path, meaning, request.headers.get("Accept-Language"), make)


async def _make(
    context: Context,
    query: Mapping[str, str],
    site: Site,
    page: Page,
    asked: Mapping[str, Any],
    language: str,
    *,
    noted: Noted | None = None,
    is_kept: bool = True,
) -> Answer:
    found = await _found(context, page, asked)
    parent = None
    if asked["reply_to"] is not None:
        parent = await context.listings.answerable(page, asked["reply_to"])
    marks = None if found.closing.is_closed else context.form_stamps.of_hour(site)
    body = _written(context, query, site, found, asked, language, parent, noted, marks)
    return Answer(
        body,
        _headers(site.shown_at, context.settings.cache_control if is_kept else "no-store"),
        content_type="text/html; charset=utf-8",
        last_change=found.last_change if is_kept else None,
        ends_at=_ends_at(context, found, marks),
    )


@lru_cache(_SITES_REMEMBERED)
def _headers(shown_at: tuple[str, ...], cache_control: str) -> Mapping[str, str]:
    """Return the headers of the pages of a site that is shown at these origins."""
    return templates.HEADERS | {
        "Cache-Control": cache_control,
        "Content-Security-Policy": templates.policy(framed_by=shown_at),
        "Vary": "Accept-Encoding, Accept-Language",
        **NOT_TO_BE_GUESSED,
    }


async def _found(context: Context, page: Page, asked: Mapping[str, Any]) -> Listing:
    """Return the threads asked for, or the first ones where what is named is not public, or not any more."""
    asked_for = wanted(asked, by_threads=True)
    try:
        return await context.listings.read(page, asked_for)
    except NotFoundError:
        return await context.listings.read(page, replace(asked_for, after=None, thread=None, around=None))


def _ends_at(context: Context, found: Listing, marks: FormMarks | None) -> datetime | None:
    """Return when another page is due although nothing changed: when it closes, or with the next hour's stamp."""
    ends = [found.closing.changes_at, None if marks is None else context.form_stamps.hour_ends_at()]
    return min((one for one in ends if one is not None), default=None)


def _written(
    context: Context,
    query: Mapping[str, str],
    site: Site,
    found: Listing,
    asked: Mapping[str, Any],
    language: str,
    parent: PublicComment | None,
    noted: Noted | None,
    marks: FormMarks | None,
) -> bytes:
    """Return the page as HTML, with a form that answers `parent`."""
    pairs = _pairs(query)
    texts = _texts(pairs, site, found, asked, language)
    if parent is not None:
        texts |= {"parent_id": parent.id, "parent_name": parent.author_name}
    if noted is not None:
        texts["noted_id"] = noted.comment_id
    if marks is not None:
        texts |= {_STAMP: marks.stamp, _HONEYPOT: marks.honeypot}
    shape = _Shape(
        language=language,
        root=context.settings.root,
        action=thread_address.action(context.settings.public_url, query),
        redirect_to=thread_address.address(context.settings.public_url),
        asked=site.fields,
        rules_url=site.rules_url,
        contact=site.contact,
        is_empty=found.count == 0,
        has_several=found.count > 1,
        newest_first=asked["order"] is Order.NEWEST,
        is_first=found.previous_after is None,
        is_thread=found.thread is not None,
        is_closed=found.closing.is_closed,
        was_held="held" in query,
        is_simplified=noted is not None and noted.is_simplified,
        texts=tuple(texts),
    )
    escaped = {name: escape(text) for name, text in texts.items()}
    place = articles.Place(
        language=language,
        timezone=site.timezone,
        around=f"{texts['first']}&around=",
        answering="" if found.closing.is_closed else f"{texts['without_answer']}&reply_to=",
        reporting=(f"{context.settings.root}/comments/", f"/report?lang={language}"),
        rest=partial(_more_replies, pairs, language),
    )
    written = articles.written(found.conversations(), place)
    return _pattern(shape).encode({**escaped, "articles": written})


def _texts(
    pairs: Mapping[str, str], site: Site, found: Listing, asked: Mapping[str, Any], language: str
) -> dict[str, str]:
    """Return what is put into the page, by the names of its gaps; what is not shown has none.

    A title out of a link is shown only: whoever made the link could make it up.
    """
    before_title, behind_title = templates.comments_heading(found.count, language)
    other_order = None if asked["order"] is Order.NEWEST else Order.NEWEST.value
    texts = {
        "site_name": site.name,
        "page_url": found.page_url,
        "page_title": found.title or asked["page_title"] or found.page_url,
        "before_title": before_title,
        "behind_title": behind_title,
        "feed": _pair("page_url", found.page_url),
        "other_order": _link(pairs, {"order": other_order, "cursor": None, "around": None}),
        "first": _link(pairs, _ANY_PLACE),
        "without_answer": _link(pairs, _ANSWERING_NONE),
    }
    if found.previous_after not in (None, START):
        texts["previous"] = _behind(pairs, found, found.previous_after)
    if found.next_after is not None:
        texts["following"] = _behind(pairs, found, found.next_after)
    if found.closing.closes_at is not None:
        texts["closes_at"] = when(locales.locale(language), found.closing.closes_at, site.timezone)
    return texts


class _Shape(NamedTuple):
    """What decides how a page is written around its texts, of which it has those in `texts`."""

    language: str
    root: str
    action: str
    redirect_to: str
    asked: FormFields
    rules_url: str | None
    contact: str | None
    is_empty: bool
    has_several: bool
    newest_first: bool
    is_first: bool
    is_thread: bool
    is_closed: bool
    was_held: bool
    is_simplified: bool
    texts: tuple[str, ...]


@lru_cache(_SHAPES_KEPT)
def _pattern(shape: _Shape) -> Pattern:
    gaps = {name: gap(name) for name in (*shape.texts, "articles")}
    fields = {"page_url": gap("page_url"), "redirect_to": shape.redirect_to}
    if "parent_id" in gaps:
        fields["parent_id"] = gap("parent_id")
    marks = FormMarks(stamp=gaps[_STAMP], honeypot=gaps[_HONEYPOT]) if _STAMP in gaps else None
    values = {**_WITHOUT_TEXTS, **shape._asdict(), **gaps, "form": shape, "fields": fields, "marks": marks}
    return Pattern(templates.render(shape.root, "thread.html", shape.language, values))


def _more_replies(pairs: Mapping[str, str], language: str, one: Conversation) -> tuple[str, str]:
    """Return a link to what is left of a thread, and how it is called."""
    place = {**_ANY_PLACE, "thread": one.first.id, "cursor": one.last.id}
    return _link(pairs, place), templates.more_replies(one.left, language)


def _behind(pairs: Mapping[str, str], found: Listing, after: str | None) -> str:
    """Return a link to the slice behind a place, of the page or of the thread that is shown."""
    return _link(pairs, {**_ANY_PLACE, "cursor": after, "thread": found.thread})


def _pairs(query: Mapping[str, str]) -> Mapping[str, str]:
    """Return the parameters that links to this page keep, each as it stands in an address."""
    kept = (
        (name, value) for name, value in query.items() if name in _QUERY.fields and name not in _OF_ONE_COMMENT
    )
    return {name: _pair(name, value) for name, value in kept}


@lru_cache(_PAIRS_REMEMBERED)
def _pair(name: str, value: str) -> str:
    """Return a parameter, whose name needs no escaping, as it stands in an address: one of a page does twice."""
    return f"{name}={quote_plus(value)}"


def _link(pairs: Mapping[str, str], changed: Mapping[str, str | None]) -> str:
    """Return a link to this page with some parameters changed, None to leave one out."""
    others = {name: None if value is None else _pair(name, value) for name, value in changed.items()}
    return f"?{'&'.join(pair for pair in {**pairs, **others}.values() if pair is not None)}"
