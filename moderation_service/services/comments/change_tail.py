"""Following what the public sees change over all replicas, so that nothing stale is shown from memory."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

import structlog

from moderation_service.domain.comments.closing import Commenting
from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.comments import changes, page_aliases, page_commenting
from moderation_service.storage.comments.page_aliases import Alias
from moderation_service.storage.engine.database import Connection, Database

TRUSTED_FOR = 5.0
"""Seconds since the last successful look during which what is remembered may be shown."""

_log = structlog.stdlib.get_logger(__name__)


async def _nobody_cares(_: Collection[str]) -> None:
    pass


def _no_aliases(_: Sequence[Alias]) -> None:
    pass


def _nobody_waits(_: Iterable[str]) -> None:
    pass


def _none_closed(_: Mapping[str, Commenting]) -> None:
    pass


class Tail:
    """Knows the newest change of every site, and tells `on_changes` what changed since the last look.

    That are the ids of sites, each with those of its pages that changed.

    `on_aliases` hears of pages that were moved and `on_commenting` of those that were closed or opened, before
    `on_changes` does. Where the newest number of sites goes back, another database is behind them now:
    `on_setback` hears of it. When all that is done, `on_news` hears of the sites that may have changed, to tell
    those who wait.
    """

    def __init__(
        self,
        database: Database,
        on_changes: Callable[[Iterable[str]], None],
        on_setback: Callable[[Collection[str]], Awaitable[None]] = _nobody_cares,
        *,
        on_aliases: Callable[[Sequence[Alias]], None] = _no_aliases,
        on_commenting: Callable[[Mapping[str, Commenting]], None] = _none_closed,
        on_news: Callable[[Iterable[str]], None] = _nobody_waits,
        may_remember: Callable[[], bool] = lambda: True,
        trusted_for: float = TRUSTED_FOR,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._on_changes = on_changes
        self._on_setback = on_setback
        self._on_aliases = on_aliases
        self._on_commenting = on_commenting
        self._on_news = on_news
        self._may_remember = may_remember
        self._trusted_for = trusted_for
        self._monotonic = monotonic
        self._seen: dict[str, int] | None = None
        self._last_look = -math.inf
        self._looking = asyncio.Lock()

    @property
    def is_current(self) -> bool:
        """Whether the last look was recent enough to rely on, and changes name the pages that are remembered."""
        return self._may_remember() and self._monotonic() - self._last_look <= self._trusted_for

    def is_near_head(self, site_id: str, number: int, *, within: int) -> bool:
        """Tell whether no more than so many numbers of a site were seen behind one."""
        return self._seen is not None and self._seen.get(site_id, 0) - number <= within

    async def look(self) -> None:
        """Find out what changed since the last look; raise UnavailableError when the database does not say."""
        async with self._looking:
            began = self._monotonic()
            news: set[str] = set()
            async with self._database.read() as connection:
                newest = await changes.counters(connection)
                if self._seen is None:
                    news.update(newest)
                seen = await self._first(connection, newest) if self._seen is None else self._seen
                fallen = {site_id: newest.get(site_id, 0) for site_id in seen}
                fallen = {site_id: number for site_id, number in fallen.items() if number < seen[site_id]}
                for site_id, number in newest.items():
                    known = seen.get(site_id, 0)
                    if number > known:
                        pages, last = await changes.pages_after(connection, site_id, known)
                        aliases = await page_aliases.after(connection, site_id, known)
                        if aliases:
                            self._on_aliases(aliases)
                        self._on_commenting(await page_commenting.after(connection, site_id, known))
                        self._on_changes([site_id, *pages])
                        seen[site_id] = max(number, last)
                        news.add(site_id)
            if fallen:
                _log.error("changes.head_went_back", sites=sorted(fallen))
                await self._on_setback(fallen)
                seen = {**seen, **fallen}
            self._seen = seen
            self._last_look = began
            self._on_news(news | fallen.keys())

    async def _first(self, connection: Connection, newest: dict[str, int]) -> dict[str, int]:
        """Begin at the newest numbers, with all aliases and closed pages: some may have come up since."""
        for site_id in newest:
            self._on_aliases(await page_aliases.after(connection, site_id, 0))
            self._on_commenting(await page_commenting.after(connection, site_id, 0))
        return newest

    async def catch_up(self) -> None:
        """Look at once; where that fails, rely on nothing that is remembered until a look succeeds."""
        try:
            await self.look()
        except UnavailableError:
            self._last_look = -math.inf
