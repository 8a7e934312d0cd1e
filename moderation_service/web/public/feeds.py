"""The routes of feed readers: the newest approved comments of a page or a site, as Atom and as JSON Feed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.comment import SyndicatedComment
from moderation_service.domain.comments.pages import Page
from moderation_service.domain.errors import UnknownSiteError
from moderation_service.locales import base, translations
from moderation_service.services.comments.listing import LARGEST
from moderation_service.services.comments.syndication import Feed
from moderation_service.web.cache.answers import Answer
from moderation_service.web.context import CONTEXT, Context
from moderation_service.web.http import requests
from moderation_service.web.http.responses import FOR_ANY_ORIGIN, NOT_TO_BE_GUESSED, send
from moderation_service.web.public import atom, json_feed
from moderation_service.web.public.feed_document import Entry, FeedDocument, iri, item_id, permalink
from schemas.feeds import FeedQuery

_QUERY = FeedQuery()


@dataclass(frozen=True, slots=True)
class Format:
    """How a feed is written: each entry by itself, and then the whole; `path` is where it stands."""

    path: str
    media_type: str
    entry: Callable[[Entry], bytes]
    document: Callable[[FeedDocument, Sequence[bytes]], bytes]


ATOM_PATH = "/feeds/atom"
JSON_PATH = "/feeds/json"
_ATOM = Format(ATOM_PATH, f"{atom.MEDIA_TYPE}; charset=utf-8", atom.entry, atom.document)
_JSON = Format(JSON_PATH, json_feed.MEDIA_TYPE, json_feed.item, json_feed.document)


async def as_atom(request: web.Request) -> web.Response:
    """Return the newest comments as Atom."""
    return await _answer(request, _ATOM)


async def as_json(request: web.Request) -> web.Response:
    """Return the newest comments as JSON Feed."""
    return await _answer(request, _JSON)


async def _answer(request: web.Request, form: Format) -> web.Response:
    context = request.app[CONTEXT]
    asked = requests.query(request, _QUERY)
    page, site = _subject(context, asked)

    async def make() -> Answer:
        if page is not None:
            found = await context.syndication.of_page(page, after=asked["cursor"])
        else:
            found = await context.syndication.of_site(site.id, after=asked["cursor"])
        body = written(form, found, site, asked, public_url=context.settings.public_url, page=page)
        headers = {
            "Cache-Control": context.settings.cache_control,
            "Vary": "Accept-Encoding",
            **NOT_TO_BE_GUESSED,
            **FOR_ANY_ORIGIN,
        }
        return Answer(body, headers, content_type=form.media_type, last_change=found.last_change)

    subject = site.id if page is None else page.id
    answer = await context.kept_answers.answer(request.raw_path, (subject,), make)
    return await send(request, answer, context.clock)


def _subject(context: Context, asked: Mapping[str, Any]) -> tuple[Page | None, Site]:
    """Return what was asked for, a page of a site or all of it; raise FieldsInvalidError or UnknownSiteError."""
    page = None if asked["page_url"] is None else context.directory.page_of(asked["page_url"])
    site = context.directory.sites.get(asked["site"] if page is None else page.site_id)
    if site is None:
        raise UnknownSiteError
    return page, site


def written(
    form: Format,
    found: Feed,
    site: Site,
    asked: Mapping[str, Any],
    *,
    public_url: str,
    page: Page | None,
    largest: int = LARGEST,
) -> bytes:
    """Write a feed of less than `largest` bytes, but with one entry at least; the others come behind `next`."""
    name = "page_url" if page is not None else "site"
    place = {name: asked[name]}
    language = base(site.language)
    entries = [form.entry(_entry(comment, language)) for comment in found.comments]
    count = _fitting(entries, largest - 8 * len(asked[name]) - 2_000)
    is_last = found.is_last and count == len(entries)
    address = f"{public_url}{form.path}"
    cursor = {} if asked["cursor"] is None else {"cursor": asked["cursor"]}
    title = translations(language).gettext("Comments on %(page)s") % {"page": found.name or found.url}
    document = FeedDocument(
        id=_address(f"{public_url}{ATOM_PATH}", place) if page is None else item_id(page.id),
        title=title,
        language=language,
        home_url=iri(found.url),
        url=_address(address, place | cursor),
        first_url=_address(address, place) if cursor else None,
        next_url=None if is_last else _address(address, place | {"cursor": found.comments[count - 1].id}),
        updated_at=found.updated_at or _never(found.comments),
    )
    return form.document(document, entries[:count])


def _entry(comment: SyndicatedComment, language: str) -> Entry:
    page = comment.page_title or comment.page_url
    gettext = translations(language).gettext
    title = gettext("%(author)s on “%(page)s”")
    note = f"<p><small>{gettext('Shortened by the moderators')}</small></p>\n" if comment.redacted else ""
    return Entry(
        comment=comment,
        title=title % {"author": comment.author_name, "page": page},
        html=f"{comment.body_html}{note}",
        url=permalink(comment.page_url, comment.id),
        parent_url=None if comment.parent_id is None else permalink(comment.page_url, comment.parent_id),
        author_url=None if comment.author_url is None else iri(comment.author_url),
        mark=translations(language).gettext("Reply from the site") if comment.by_site else None,
    )


def _fitting(entries: Sequence[bytes], room: int) -> int:
    """Return how many of the first entries have room, at least one."""
    for count, entry in enumerate(entries):
        room -= len(entry) + 1
        if room < 0:
            return max(count, 1)
    return len(entries)


def _never(comments: Sequence[SyndicatedComment]) -> datetime:
    """Return when a feed was updated of which no change is known: with its newest comment, or never."""
    return max((one.changed_at for one in comments), default=datetime.fromisoformat("1970-01-01T00:00:00Z"))


def _address(address: str, query: Mapping[str, str]) -> str:
    """Return the address of what a feed's query asks for."""
    return f"{address}?{urlencode(query)}"
