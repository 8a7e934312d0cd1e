"""What the public may read of many pages: how many comments each has, a site's pages, its newest comments."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from moderation_service.domain import clocks
from moderation_service.domain.comments.comment import CommentOnPage
from moderation_service.domain.comments.pages import CommentedPage, Page
from moderation_service.domain.errors import UnknownSiteError
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments.listing import LARGEST
from moderation_service.services.comments.page_addresses import PageAddresses
from moderation_service.storage.comments import overview
from moderation_service.storage.engine.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many approved comments pages have, by id.

    `last_change`, here and below, is when readers last saw what is shown change; None while it lies in the future.
    """

    by_page: dict[str, int]
    last_change: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePages:
    """Pages of a site with approved comments; `next_after` is the id to go on behind, None at the end."""

    pages: list[CommentedPage]
    next_after: str | None
    last_change: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest approved comments of a site."""

    comments: list[CommentOnPage]
    last_change: datetime | None


class Overview:
    """Reads what the public may see of many pages at once."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        page_addresses: PageAddresses,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._directory = directory
        self._page_addresses = page_addresses
        self._clock = clock

    async def counts(self, pages: Sequence[Page]) -> Counts:
        """Count the approved comments of pages; a page that nobody ever commented on has none."""
        found = await overview.counts(
            self._database.reads, [page.id for page in pages], is_settled=self._page_addresses.is_settled
        )
        return Counts(by_page=found.by_page, last_change=self._past(found.last_change))

    async def pages(self, site_id: str, *, after: str | None, limit: int) -> SitePages:
        """Return up to `limit` pages of a site with approved comments, in the order of their ids.

        That order never changes, so who goes from slice to slice meets each page that stays exactly once. Raises
        UnknownSiteError.
        """
        self._check(site_id)
        found = await overview.pages_of(
            self._database.reads,
            site_id,
            after=after,
            limit=limit + 1,
            is_settled=self._page_addresses.is_settled,
        )
        shown = found.pages[:limit]
        return SitePages(
            pages=shown,
            next_after=shown[-1].id if len(found.pages) > limit else None,
            last_change=self._past(found.last_change),
        )

    async def newest(self, site_id: str, *, limit: int) -> Newest:
        """Return up to `limit` newest approved comments of a site, fewer where they are long.

        Raises UnknownSiteError.
        """
        self._check(site_id)
        found = await overview.newest(
            self._database.reads,
            site_id,
            limit=limit,
            largest=LARGEST,
            is_settled=self._page_addresses.is_settled,
        )
        return Newest(comments=found.comments, last_change=self._past(found.last_change))

    def _check(self, site_id: str) -> None:
        if self._directory.sites.get(site_id) is None:
            raise UnknownSiteError

    def _past(self, moment: datetime | None) -> datetime | None:
        return None if moment is None or clocks.is_ahead(moment, self._clock()) else moment
