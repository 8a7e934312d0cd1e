"""Feeds: the newest approved comments of a page or of a whole site, slice by slice."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from moderation_service.domain import clocks
from moderation_service.domain.comments.comment import SyndicatedComment
from moderation_service.domain.comments.pages import Page
from moderation_service.domain.errors import UnknownSiteError
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments.listing import LARGEST
from moderation_service.services.comments.page_addresses import PageAddresses
from moderation_service.storage.comments import syndication
from moderation_service.storage.comments.syndication import NewestSlice
from moderation_service.storage.engine.database import Database

ENTRIES = 50
"""Comments of one slice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A slice of a feed, newest first; `is_last` when nothing stands behind it.

    `name` is what the page or the site is called, None for a page without a title, and `url` where it stands.
    `updated_at` is when readers last saw a change there, be it that a comment went, None where they never did;
    `last_change` is the same, but None while it lies in the future.
    """

    name: str | None
    url: str
    comments: list[SyndicatedComment]
    is_last: bool
    updated_at: datetime | None
    last_change: datetime | None


class Syndication:
    """Reads what feeds show."""

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

    async def of_page(self, page: Page, *, after: str | None) -> Feed:
        """Return the comments of a page that are older than the comment `after`, fewer where they are long."""
        found = await syndication.of_page(
            self._database.reads,
            page.id,
            page.url,
            after=after,
            limit=ENTRIES,
            largest=LARGEST,
            is_settled=self._page_addresses.is_settled,
        )
        return self._feed(found, name=found.title, url=found.url or page.url)

    async def of_site(self, site_id: str, *, after: str | None) -> Feed:
        """Return the same of a site; raise UnknownSiteError."""
        site = self._directory.sites.get(site_id)
        if site is None:
            raise UnknownSiteError
        found = await syndication.of_site(
            self._database.reads,
            site_id,
            after=after,
            limit=ENTRIES,
            largest=LARGEST,
            is_settled=self._page_addresses.is_settled,
        )
        return self._feed(found, name=site.name, url=f"{site.origins[0]}/")

    def _feed(self, found: NewestSlice, *, name: str | None, url: str) -> Feed:
        changed_at = found.last_change
        is_ahead = changed_at is not None and clocks.is_ahead(changed_at, self._clock())
        return Feed(
            name=name,
            url=url,
            comments=found.comments,
            is_last=found.is_last,
            updated_at=changed_at,
            last_change=None if is_ahead else changed_at,
        )
