"""Lists of comments: from memory while nothing changed, else from the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from multidict import MultiMapping

from moderation_service.domain.accounts.sites import FormFields, Site
from moderation_service.domain.comments import threads
from moderation_service.domain.comments.closing import Closing
from moderation_service.domain.comments.pages import Page
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments.change_tail import Tail
from moderation_service.services.comments.listing import LARGEST, Listing, Listings, Wanted
from moderation_service.web.cache.answers import Answer, Key, PageCache
from moderation_service.web.cache.targets import Targets
from moderation_service.web.http.requests import page_query
from moderation_service.web.http.responses import FOR_ANY_ORIGIN, NOT_TO_BE_GUESSED, fitting, to_json
from schemas.comments import ListQuery, Order, View

_LIST = ListQuery()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query string asks for."""

    page: Page
    key: Key


class Lists:
    """Answers `GET /api/v1/comments`, and remembers what its targets mean."""

    def __init__(
        self,
        listings: Listings,
        directory: Directory,
        cache: PageCache,
        tail: Tail,
        *,
        cache_control: str,
    ) -> None:
        self._headers = {
            "Cache-Control": cache_control,
            "Vary": "Accept-Encoding",
            **NOT_TO_BE_GUESSED,
            **FOR_ANY_ORIGIN,
        }
        self._listings = listings
        self._directory = directory
        self._cache = cache
        self._tail = tail
        self._targets: Targets[Asked] = Targets(directory, cache)

    def kept(self, target: str) -> Answer | None:
        """Return from memory the answer to a target, a path and query as sent; None when it must be asked for."""
        asked = self._targets.get(target)
        if asked is None or not self._tail.is_current:
            return None
        return self._cache.get(asked.key)

    def read(self, target: str, query: MultiMapping[str]) -> Asked:
        """Return what a target's query asks for; raise FieldsInvalidError or UnknownSiteError for a wrong one."""
        asked = self._targets.get(target)
        if asked is None:
            asked = _read(self._directory, query)
            self._targets.remember(target, asked)
        return asked

    async def answer(self, asked: Asked) -> Answer:
        """Return the answer, from memory where it may be; raise UnavailableError."""
        make = partial(self._make, asked)
        if not self._tail.is_current:
            return await make()
        return self._cache.get(asked.key) or await self._cache.fill(asked.key, (asked.page.id,), make)

    async def _make(self, asked: Asked) -> Answer:
        wanted = asked.key.wanted
        found = await self._listings.read(asked.page, wanted)
        told = _told(self._directory.sites.get(asked.page.site_id), found.closing)
        shown, body = _fitting(found, told, wanted)
        around = wanted.around
        if around is not None and all(one.id != around for one in shown.comments):
            found = await self._listings.around(asked.page, around, wanted, is_first=True)
            shown, body = _fitting(found, told, wanted)
        return Answer(body, self._headers, last_change=found.last_change, ends_at=found.closing.changes_at)


def _read(directory: Directory, query: MultiMapping[str]) -> Asked:
    given = page_query(query, _LIST)
    page = directory.page_of(given["page_url"])
    by_threads = given["view"] is View.THREADS or given["thread"] is not None
    return Asked(page, Key(page_id=page.id, wanted=wanted(given, by_threads=by_threads)))


def wanted(given: Mapping[str, Any], *, by_threads: bool) -> Wanted:
    """Return which slice the parameters of a query ask for."""
    return Wanted(
        limit=given["limit"],
        newest_first=given["order"] is Order.NEWEST,
        after=given["cursor"],
        by_threads=by_threads,
        thread=given["thread"],
        around=given["around"],
    )


def _form(site: Site | None, closing: Closing) -> dict[str, Any]:
    """Return what a form for the page asks for, what stands beside it, and whether anything may be sent."""
    asked = FormFields() if site is None else site.fields
    return {
        "author_email": asked.author_email,
        "author_url": asked.author_url,
        "rules_url": None if site is None else site.rules_url,
        "contact": None if site is None else site.contact,
        "is_closed": closing.is_closed,
        "closes_at": closing.closes_at,
    }


def _told(site: Site | None, closing: Closing) -> dict[str, Any]:
    """Return what a script on the page is to know beside its comments."""
    routes = {"fragment_routes": True} if site is not None and site.page_rules.fragment_routes else {}
    return {"form": _form(site, closing), **routes}


def _fitting(found: Listing, told: Mapping[str, Any], wanted: Wanted) -> tuple[Listing, bytes]:
    """Write a list, and end it early where it would be longer than a list may be; return what it shows, too."""
    body = _written(found, told, wanted)
    if len(body) <= LARGEST:
        return found, body
    in_turn = found.comments if found.threads is None else threads.in_turn(found.threads)
    count = fitting(in_turn)
    if count == len(in_turn):
        return found, body
    shorter = found.cut(count)
    return shorter, _written(shorter, told, wanted)


def _written(found: Listing, told: Mapping[str, Any], wanted: Wanted) -> bytes:
    body: dict[str, Any] = {
        "page_url": found.page_url,
        "count": found.count,
        "comments": found.comments,
        "next_cursor": found.next_after,
    }
    if wanted.by_threads or wanted.around is not None:
        body["previous_cursor"] = found.previous_after
    if wanted.by_threads:
        left = {one.comments[0].id: one.left for one in found.threads or () if one.left}
        body["replies_left"] = left
    if found.thread is not None:
        body["thread"] = found.thread
    return to_json({**body, **told})
