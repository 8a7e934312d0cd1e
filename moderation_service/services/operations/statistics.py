"""What the metrics tell of the database: read when somebody asks, seldom enough to cost next to nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from moderation_service.domain.errors import UnavailableError
from moderation_service.services.accounts.directory import Directory
from moderation_service.storage.engine.database import Database
from moderation_service.storage.notifications import deliveries, people, undeliverable
from moderation_service.storage.operations import statistics as stored
from moderation_service.storage.operations.statistics import Pending, Waiting
from moderation_service.storage.screening import traffic

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How things stood in the database at a moment."""

    at: datetime
    waiting: Waiting
    pending: list[Pending]
    parked_people: int
    parked_messages: int
    undeliverable: int
    is_mail_late: bool
    under_attack: Mapping[str, bool]
    """Whether each site is under attack, by id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureTimes:
    """Seconds, but for `share`; the defaults are those of the service."""

    within: float = 2.0
    """That whoever asks waits for the database."""
    hold: float = 3.0
    """For which figures hold that were read."""
    share: float = 20.0
    """How many times as long as it took to read them they hold at least."""


class Reader:
    """Reads the figures at most every few seconds, and for at most a twentieth of the time."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        *,
        is_mail_late: Callable[[], Awaitable[bool]],
        clock: Callable[[], datetime],
        times: FigureTimes | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._directory = directory
        self._is_mail_late = is_mail_late
        self._clock = clock
        self._times = times or FigureTimes()
        self._monotonic = monotonic
        self._reading: asyncio.Task[Figures | None] | None = None
        self._good_until = 0.0

    async def read(self) -> Figures | None:
        """Return the figures, None when the database does not give them in time.

        A reading that takes longer goes on, and whoever asks next gets what came of it.
        """
        if self._reading is None or (self._reading.done() and self._monotonic() >= self._good_until):
            self._reading = asyncio.create_task(self._read())
        done, _ = await asyncio.wait([self._reading], timeout=self._times.within)
        return self._reading.result() if done else None

    async def close(self) -> None:
        """Give up a reading that goes on, before its database is closed."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    async def _read(self) -> Figures | None:
        began = self._monotonic()
        try:
            return await self._ask()
        except UnavailableError:
            return None
        except Exception:
            _log.exception("figures.failed")
            return None
        finally:
            ended = self._monotonic()
            self._good_until = ended + max(self._times.hold, (ended - began) * self._times.share)

    async def _ask(self) -> Figures:
        person_ids = self._directory.person_ids()
        site_ids = [site.id for site in self._directory.sites]
        is_mail_late = await self._is_mail_late()
        async with self._database.read() as connection:
            parked_people = await people.parked(connection, person_ids)
            parked_messages = await deliveries.parked(connection, person_ids)
            attacks = await traffic.under_attack(connection, site_ids)
            return Figures(
                at=self._clock(),
                waiting=await stored.waiting(connection),
                pending=await stored.pending(connection, site_ids),
                parked_people=parked_people,
                parked_messages=parked_messages,
                undeliverable=await undeliverable.count(connection, person_ids)
                if parked_people or parked_messages
                else 0,
                is_mail_late=is_mail_late,
                under_attack={site_id: site_id in attacks for site_id in site_ids},
            )
