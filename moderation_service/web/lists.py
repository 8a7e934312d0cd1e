"""Lists of comments: from memory while nothing changed, else from the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime
from functools import partial

from moderation_service.domain import pages
from moderation_service.domain.errors import FieldsInvalidError, UnknownSiteError
from moderation_service.domain.pages import InvalidPageError, Page
from moderation_service.domain.sites import Sites
from moderation_service.services import listing
from moderation_service.services.changes import Tail
from moderation_service.services.directory import Directory
from moderation_service.storage.database import Database
from moderation_service.web.answers import FOR_ANY_ORIGIN, NOT_TO_BE_GUESSED, to_json
from moderation_service.web.loading import load
from moderation_service.web.page_cache import Answer, Key, PageCache
from schemas.comments import ListQuery, Order

_LIST = ListQuery()
_REMEMBERED = 4_096
_LONGEST_REMEMBERED = 600


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a query string asks for."""

    page: Page
    key: Key


class Lists:
    """Answers `GET /api/v1/comments`, and remembers what its targets mean."""

    def __init__(
        self, database: Database, directory: Directory, cache: PageCache, tail: Tail, *, cache_control: str
    ) -> None:
        self._cache_control = cache_control
        self._database = database
        self._directory = directory
        self._cache = cache
        self._tail = tail
        self._asked: dict[str, _Asked] = {}
        self._sites: Sites | None = None

    def kept(self, target: str) -> Answer | None:
        """Return from memory the answer to a target, a path and query as sent; None when it must be asked for."""
        asked = self._asked.get(target)
        if asked is None or self._sites is not self._directory.sites or not self._tail.is_current:
            return None
        return self._cache.get(asked.key)

    async def answer(self, target: str, query: Mapping[str, str]) -> Answer:
        """Return the answer to a target's query; raise FieldsInvalidError or UnknownSiteError for a wrong one."""
        asked = self._read(query)
        self._remember(target, asked)
        make = partial(self._make, asked)
        if not self._tail.is_current:
            return await make()
        return self._cache.get(asked.key) or await self._cache.fill(asked.key, make)

    def _read(self, query: Mapping[str, str]) -> _Asked:
        asked = load(_LIST, dict(query))
        page = page_of(self._directory.sites, asked["page_url"])
        key = Key(
            page_id=page.id,
            after=asked["cursor"],
            limit=asked["limit"],
            newest_first=asked["order"] is Order.NEWEST,
        )
        return _Asked(page, key)

    def _remember(self, target: str, asked: _Asked) -> None:
        if self._sites is not self._directory.sites or len(self._asked) >= _REMEMBERED:
            self._asked.clear()
            self._sites = self._directory.sites
        if len(target) <= _LONGEST_REMEMBERED:
            self._asked[target] = asked

    async def _make(self, asked: _Asked) -> Answer:
        found = await listing.list_page(
            self._database,
            asked.page,
            after=asked.key.after,
            limit=asked.key.limit,
            newest_first=asked.key.newest_first,
        )
        body = to_json(
            {
                "page_url": found.page_url,
                "count": found.count,
                "comments": found.comments,
                "next_cursor": found.next_after,
            }
        )
        headers = {
            "Cache-Control": self._cache_control,
            "Vary": "Accept-Encoding",
            **NOT_TO_BE_GUESSED,
            **FOR_ANY_ORIGIN,
        }
        if found.last_change is not None:
            headers["Last-Modified"] = format_datetime(found.last_change, usegmt=True)
        return Answer(body, headers)


def page_of(sites: Sites, url: str) -> Page:
    """Return the page at a URL of a known site; raise FieldsInvalidError or UnknownSiteError."""
    try:
        canonical = pages.canonical(url)
    except InvalidPageError as error:
        raise FieldsInvalidError({"page_url": ["invalid_url"]}) from error
    site = sites.of_page(canonical)
    if site is None:
        raise UnknownSiteError
    return pages.page(site.id, canonical)
