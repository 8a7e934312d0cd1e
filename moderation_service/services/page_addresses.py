"""Bringing stored pages along when the rule changes by which addresses are one page."""

import time
from collections.abc import Callable
from datetime import datetime

import structlog

from moderation_service.domain import pages as rules
from moderation_service.domain.pages import InvalidPageError
from moderation_service.storage import pages
from moderation_service.storage.database import Database

STRETCH = 500
"""How many rows one transaction concerns at most: all else that writes goes on in between."""

_BEFORE_THE_START = 10.0

_log = structlog.stdlib.get_logger(__name__)


class PageAddresses:
    """Knows under which ids a page's comments are stored, while some are still under those of an older rule."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self.is_settled = False

    async def ids_of(self, page_id: str) -> list[str]:
        """Return the ids under which the comments of a page are to be looked for; one only once all is settled."""
        if self.is_settled:
            return [page_id]
        async with self._database.read() as connection:
            return await pages.ids_of(connection, page_id)

    async def look(self) -> None:
        """Find out whether any page is to be brought along; an older version beside this one may add some."""
        async with self._database.read() as connection:
            self.is_settled = await pages.is_settled(connection)

    async def check(self) -> int:
        """Ask the rule of today about a stretch of pages; return how many were looked at."""
        async with self._database.write() as connection:
            found = await pages.unchecked(connection, STRETCH)
            kept: list[str] = []
            for one in found:
                try:
                    target = rules.page(one.site_id, rules.canonical(one.url))
                except InvalidPageError:
                    _log.warning("pages.address_unreadable", page=one.id)
                    kept.append(one.id)
                    continue
                if target.id == one.id:
                    kept.append(one.id)
                else:
                    await pages.send(connection, one, target)
            await pages.keep(connection, kept)
        return len(found)

    async def move(self) -> bool:
        """Move a stretch of comments to the page that they belong to; return whether there may be more."""
        async with self._database.read() as connection:
            found = await pages.moving(connection)
        if found is None:
            return False
        page, target_id = found
        async with self._database.write() as connection:
            moved = await pages.move(connection, page, target_id, limit=STRETCH, at=self._clock())
        if moved:
            _log.info("pages.moved", page=page.id, to=target_id, comments=moved)
        return True

    async def prepare(self) -> None:
        """Check pages for up to ten seconds, so that look-ups find both ids of nearly all from the start."""
        await self.look()
        until = time.monotonic() + _BEFORE_THE_START
        while not self.is_settled and time.monotonic() < until and await self.check():
            pass

    async def bring_along(self) -> None:
        """Check all pages, then move what is stored under another id; it may be stopped at any time."""
        await self.look()
        if self.is_settled:
            return
        while await self.check():
            pass
        while await self.move():
            pass
        await self.look()
