"""Following what the public sees change, within this process and over all replicas."""

import asyncio
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from moderation_service.domain.changes import Change
from moderation_service.domain.errors import UnavailableError
from moderation_service.storage import changes
from moderation_service.storage.database import Database

TRUSTED_FOR = 5.0
"""Seconds since the last successful look during which what is remembered may be shown."""


class Tail:
    """Knows the newest change of every site, and tells `on_pages` which pages changed since the last look."""

    def __init__(
        self,
        database: Database,
        on_pages: Callable[[Iterable[str]], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._on_pages = on_pages
        self._monotonic = monotonic
        self._seen: dict[str, int] | None = None
        self._last_look = -math.inf
        self._looking = asyncio.Lock()

    @property
    def is_current(self) -> bool:
        """Whether the last look was recent enough to rely on."""
        return self._monotonic() - self._last_look <= TRUSTED_FOR

    async def look(self) -> None:
        """Find out what changed since the last look; raise UnavailableError when the database does not say."""
        async with self._looking:
            began = self._monotonic()
            async with self._database.read() as connection:
                newest = await changes.counters(connection)
                seen = newest if self._seen is None else self._seen
                for site_id, number in newest.items():
                    known = seen.get(site_id, 0)
                    if number > known:
                        pages, last = await changes.pages_after(connection, site_id, known)
                        self._on_pages(pages)
                        seen[site_id] = max(number, last)
            self._seen = seen
            self._last_look = began

    async def catch_up(self) -> None:
        """Look at once; where that fails, rely on nothing that is remembered until a look succeeds."""
        try:
            await self.look()
        except UnavailableError:
            self._last_look = -math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A stretch of a site's changes; `next` is the number to go on after."""

    changes: list[Change]
    next: int


async def read(database: Database, site_id: str, *, after: int, limit: int) -> Feed:
    """Return up to `limit` changes of a site after a number."""
    async with database.read() as connection:
        found = await changes.after(connection, site_id, after, limit=limit)
    return Feed(changes=found, next=found[-1].number if found else after)
