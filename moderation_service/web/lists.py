"""Lists of comments: from memory while nothing changed, else from the database."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from marshmallow import ValidationError
from multidict import MultiMapping

from moderation_service.domain import pages
from moderation_service.domain.errors import FieldsInvalidError, UnknownSiteError
from moderation_service.domain.pages import InvalidPageError, Page
from moderation_service.domain.sites import Sites
from moderation_service.services import listing
from moderation_service.services.changes import Tail
from moderation_service.services.directory import Directory
from moderation_service.services.listing import LARGEST, Listing
from moderation_service.storage.database import Database
from moderation_service.web.answers import FOR_ANY_ORIGIN, NOT_TO_BE_GUESSED, to_json
from moderation_service.web.bounded import fitting
from moderation_service.web.loading import load
from moderation_service.web.page_cache import Answer, Key, PageCache
from moderation_service.web.reading import once
from moderation_service.web.targets import Targets
from schemas.comments import ListQuery, Order

_LIST = ListQuery()
_PAGE_URL = "page_url"
_ANY_PAGE = "https://www.example.org/"
_OTHERS_REMEMBERED = 1_024


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query string asks for."""

    page: Page
    key: Key


class Lists:
    """Answers `GET /api/v1/comments`, and remembers what its targets mean."""

    def __init__(
        self, database: Database, directory: Directory, cache: PageCache, tail: Tail, *, cache_control: str
    ) -> None:
        self._headers = {
            "Cache-Control": cache_control,
            "Vary": "Accept-Encoding",
            **NOT_TO_BE_GUESSED,
            **FOR_ANY_ORIGIN,
        }
        self._database = database
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
            asked = _read(self._directory.sites, query)
            self._targets.remember(target, asked)
        return asked

    async def answer(self, asked: Asked) -> Answer:
        """Return the answer, from memory where it may be; raise UnavailableError."""
        make = partial(self._make, asked)
        if not self._tail.is_current:
            return await make()
        return self._cache.get(asked.key) or await self._cache.fill(asked.key, make)

    async def _make(self, asked: Asked) -> Answer:
        found = await listing.list_page(
            self._database,
            asked.page,
            after=asked.key.after,
            limit=asked.key.limit,
            newest_first=asked.key.newest_first,
        )
        answer = Answer(_body(found), self._headers, last_change=found.last_change)
        await answer.compress()
        return answer


def _read(sites: Sites, query: MultiMapping[str]) -> Asked:
    url, others = _checked(query)
    page = page_of(sites, url)
    key = Key(
        page_id=page.id,
        after=others["cursor"],
        limit=others["limit"],
        newest_first=others["order"] is Order.NEWEST,
    )
    return Asked(page, key)


def _checked(query: MultiMapping[str]) -> tuple[str, Mapping[str, Any]]:
    """Check a query, but what stands beside the page's address only once for all pages."""
    given = once(query, _LIST)
    try:
        url = _LIST.fields[_PAGE_URL].deserialize(given.pop(_PAGE_URL), _PAGE_URL)
        return url, _others(tuple(given.items()))
    except (KeyError, ValidationError, FieldsInvalidError):
        whole = load(_LIST, once(query, _LIST))
        return whole[_PAGE_URL], whole


@lru_cache(_OTHERS_REMEMBERED)
def _others(parameters: tuple[tuple[str, str], ...]) -> Mapping[str, Any]:
    return load(_LIST, {_PAGE_URL: _ANY_PAGE, **dict(parameters)})


def _body(found: Listing) -> bytes:
    """Write a list, and end it early where it would be longer than a list may be."""
    body = _written(found)
    if len(body) <= LARGEST:
        return body
    count = fitting(found.comments)
    if count == len(found.comments):
        return body
    shown = found.comments[:count]
    return _written(replace(found, comments=shown, next_after=shown[-1].id))


def _written(found: Listing) -> bytes:
    return to_json(
        {
            "page_url": found.page_url,
            "count": found.count,
            "comments": found.comments,
            "next_cursor": found.next_after,
        }
    )


def page_of(sites: Sites, url: str) -> Page:
    """Return the page at a URL of a known site; raise FieldsInvalidError or UnknownSiteError."""
    try:
        canonical = pages.canonical(url)
    except InvalidPageError as error:
        raise FieldsInvalidError({_PAGE_URL: ["invalid_url"]}) from error
    site = sites.of_page(canonical)
    if site is None:
        raise UnknownSiteError
    return pages.page(site.id, canonical)
