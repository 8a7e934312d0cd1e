"""Comments on pages of an origin that their site no longer lists: nobody reaches them until they are moved."""

import time
from collections.abc import Callable, Collection

import structlog

from moderation_service.domain.accounts.sites import Sites
from moderation_service.services.accounts.directory import Directory
from moderation_service.storage.comments import orphaned_pages
from moderation_service.storage.comments.orphaned_pages import Orphans
from moderation_service.storage.engine.database import Connection, Database

HOLDS = 60.0
"""Seconds for which an answer is believed while the sites stay the same."""

_log = structlog.stdlib.get_logger(__name__)


async def find(connection: Connection, sites: Sites) -> list[Orphans]:
    """Return where comments wait or are published on origins that their site does not list."""
    return await orphaned_pages.find(connection, {site.id: site.origins for site in sites})


def remedy(sites: Sites, found: Orphans) -> str:
    """Return the command that brings comments along, or what else helps."""
    site = sites.get(found.site_id)
    if site is None:
        return f"put the site {found.site_id} back into the sites file, or leave its comments"
    return f"moderation-service pages move --prefix {found.origin}/ {site.origins[0]}/"


class OrphanedPages:
    """Knows of such comments, and says in the log when there are others than before."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        *,
        holds: float = HOLDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._directory = directory
        self._holds = holds
        self._monotonic = monotonic
        self._found: list[Orphans] = []
        self._said: list[Orphans] = []
        self._sites: Sites | None = None
        self._looked_at = 0.0

    async def find(self) -> list[Orphans]:
        """Return all of them, as they stood up to a minute ago."""
        sites = self._directory.sites
        is_fresh = self._sites is sites and self._monotonic() - self._looked_at < self._holds
        if not is_fresh:
            await self.look()
        return self._found

    async def any(self) -> bool:
        """Tell whether there are any."""
        return bool(await self.find())

    async def of_sites(self, site_ids: Collection[str]) -> list[tuple[Orphans, str]]:
        """Return those of some sites, each with what helps."""
        found = [one for one in await self.find() if one.site_id in site_ids]
        return [(one, remedy(self._directory.sites, one)) for one in found]

    async def look(self) -> None:
        """Look again, and say in the log where comments are that were not said to be there."""
        sites = self._directory.sites
        async with self._database.read() as connection:
            self._found = await find(connection, sites)
        self._sites, self._looked_at = sites, self._monotonic()
        before = {(one.site_id, one.origin) for one in self._said}
        for one in self._found:
            if (one.site_id, one.origin) not in before:
                _log.warning(
                    "pages.orphaned",
                    site=one.site_id,
                    origin=one.origin,
                    waiting=one.waiting,
                    approved=one.approved,
                    remedy=remedy(sites, one),
                )
        self._said = self._found
