"""How many comments of a site wait for a decision, and whether there is room for more.

A count over a million rows is too dear for every comment: it is read now and then, at most for a twentieth of the
time, and kept up in between by what this process took in.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.errors import UnavailableError
from moderation_service.log import Recurring
from moderation_service.storage.comments import comments
from moderation_service.storage.engine.database import Database

NEARLY_FULL = 0.9
"""The part of what a site may hold waiting from which on operators are warned."""

RETRY_AFTER = 60
"""Seconds after which a comment may be sent again to a site that holds all that it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """For how long a count is good."""

    usual: float = 10.0
    """Seconds, where there is room."""
    nearly_full: float = 1.0
    """Seconds, where nearly as many wait as may."""
    share: float = 20.0
    """How many times as long as the counting took, at least."""


@dataclass(slots=True)
class _Count:
    """What waits in a site: as read, and what this process has taken in since that reading began."""

    read: int | None = None
    added: int = 0
    good_until: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def waiting(self) -> int:
        return (self.read or 0) + self.added


class Backlog:
    """Keeps count of what waits, site by site."""

    def __init__(
        self,
        database: Database,
        *,
        holds: Holds | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._holds = holds or Holds()
        self._monotonic = monotonic
        self._counts: dict[str, _Count] = {}
        self._full = Recurring(structlog.stdlib.get_logger(__name__), "submissions.backlog_full")

    async def check(self, site: Site) -> None:
        """Raise UnavailableError when a site holds as many waiting comments as it may."""
        if await self._waiting(site) >= site.screening.waiting_at_most:
            self._full.note(site=site.id)
            raise UnavailableError(RETRY_AFTER)

    @contextmanager
    def counted(self, site: Site) -> Iterator[None]:
        """Count a comment that is being stored; not so when that fails."""
        count = self._count(site)
        count.added += 1
        try:
            yield
        except BaseException:
            count.added = max(0, count.added - 1)
            raise

    async def nearly_full(self, sites: Iterable[Site]) -> list[str]:
        """Return the ids of sites that hold nearly as many waiting comments as they may."""
        return [site.id for site in sites if await self._waiting(site) >= _threshold(site)]

    def _count(self, site: Site) -> _Count:
        return self._counts.setdefault(site.id, _Count())

    async def _waiting(self, site: Site) -> int:
        """Return how many wait; who asks while they are counted waits for it."""
        count = self._count(site)
        if self._monotonic() >= count.good_until:
            async with count.lock:
                if self._monotonic() >= count.good_until:
                    await self._read(site, count)
        return count.waiting

    async def _read(self, site: Site, count: _Count) -> None:
        began = self._monotonic()
        added = count.added
        most = site.screening.waiting_at_most
        count.read = await self._database.inspect(lambda one: comments.waiting(one, site.id, most=most))
        count.added -= min(added, count.added)
        ended = self._monotonic()
        hold = self._holds.nearly_full if count.waiting >= _threshold(site) else self._holds.usual
        count.good_until = ended + max(hold, (ended - began) * self._holds.share)


def _threshold(site: Site) -> float:
    return site.screening.waiting_at_most * NEARLY_FULL
