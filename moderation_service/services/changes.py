"""Following what the public sees change, within this process and over all replicas."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import structlog

from moderation_service.domain.changes import Change
from moderation_service.domain.errors import HistoryLostError, UnavailableError
from moderation_service.services.listing import LARGEST
from moderation_service.storage import changes
from moderation_service.storage import eras as stored_eras
from moderation_service.storage.database import Database

TRUSTED_FOR = 5.0
"""Seconds since the last successful look during which what is remembered may be shown."""


_log = structlog.stdlib.get_logger(__name__)


async def _nobody_cares(_: Collection[str]) -> None:
    pass


class Tail:
    """Knows the newest change of every site, and tells `on_pages` which pages changed since the last look.

    Where the newest number of sites goes back, another database is behind them now: `on_setback` hears of it.
    """

    def __init__(
        self,
        database: Database,
        on_pages: Callable[[Iterable[str]], None],
        on_setback: Callable[[Collection[str]], Awaitable[None]] = _nobody_cares,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._on_pages = on_pages
        self._on_setback = on_setback
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
                fallen = {site_id: newest.get(site_id, 0) for site_id in seen}
                fallen = {site_id: number for site_id, number in fallen.items() if number < seen[site_id]}
                for site_id, number in newest.items():
                    known = seen.get(site_id, 0)
                    if number > known:
                        pages, last = await changes.pages_after(connection, site_id, known)
                        self._on_pages(pages)
                        seen[site_id] = max(number, last)
            if fallen:
                _log.error("changes.head_went_back", sites=sorted(fallen))
                await self._on_setback(fallen)
                seen = {**seen, **fallen}
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
    """A stretch of a site's changes.

    `next` is the number to go on after, `epoch` the tag of the era in which it lies, and `head` the newest number.
    """

    epoch: str
    changes: list[Change]
    next: int
    head: int


async def read(
    database: Database,
    site_id: str,
    *,
    after: int,
    epoch: str | None,
    limit: int,
    fitting: Callable[[Sequence[Change]], int],
) -> Feed:
    """Return up to `limit` changes of a site after a number, as many of them as are `fitting`.

    Raise HistoryLostError where that number was given out by another history of the database: it lies beyond the
    head, or in an era of another tag; UnavailableError for a site that was listed just now and has none yet.
    """
    async with database.read() as connection:
        is_known = await stored_eras.tag_of(connection, site_id, 0) is not None
    if not is_known:
        raise UnavailableError
    async with database.read() as connection:
        head = await changes.head(connection, site_id)
        if after > head or epoch not in (None, await stored_eras.tag_of(connection, site_id, after)):
            raise HistoryLostError
        found = await changes.after(connection, site_id, after, limit=limit, largest=LARGEST)
        found = found[: fitting(found)]
        last = found[-1].number if found else after
        tag = await stored_eras.tag_of(connection, site_id, last)
    if tag is None:
        raise HistoryLostError
    return Feed(epoch=tag, changes=found, next=last, head=max(head, last))
