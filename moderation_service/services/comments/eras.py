"""Opening eras of the change feed: at every start, and when the head of a site goes back."""

from collections.abc import Callable, Iterable
from datetime import datetime

import structlog

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.comments import changes, eras
from moderation_service.storage.engine.database import Database

_log = structlog.stdlib.get_logger(__name__)


class Eras:
    """Opens eras, and remembers whether the one of this process's start is open."""

    def __init__(
        self,
        database: Database,
        site_ids: Callable[[], Iterable[str]],
        *,
        clock: Callable[[], datetime],
        new_tag: Callable[[], str],
    ) -> None:
        self._database = database
        self._site_ids = site_ids
        self._clock = clock
        self._new_tag = new_tag
        self._is_begun = False

    async def begin(self) -> None:
        """Open an era for every site, once for this start.

        A database that cannot be written to gives out no numbers either: then the log says so, and the next call
        tries again.
        """
        if self._is_begun:
            return
        try:
            async with self._database.read() as connection:
                known = await changes.counters(connection)
            await self.open({*known, *self._site_ids()})
        except UnavailableError:
            _log.warning("changes.era_not_opened")
        else:
            self._is_begun = True

    async def open(self, site_ids: Iterable[str]) -> None:
        """Open an era for some sites; raise UnavailableError."""
        tags = {site_id: self._new_tag() for site_id in site_ids}
        async with self._database.write() as connection:
            await eras.begin(connection, tags, at=self._clock())

    async def open_missing(self) -> None:
        """Open an era for sites that have none, as they were listed after the start; raise UnavailableError."""
        async with self._database.read() as connection:
            missing = [one for one in self._site_ids() if await eras.tag_of(connection, one, 0) is None]
        if missing:
            await self.open(missing)
