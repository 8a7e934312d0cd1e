"""What the metrics tell of the database: read when somebody asks, seldom enough to cost next to nothing."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from moderation_service.domain.errors import UnavailableError
from moderation_service.services.directory import Directory
from moderation_service.storage import figures as stored
from moderation_service.storage import messages, people, unheard
from moderation_service.storage.database import Database
from moderation_service.storage.figures import Pending, Waiting

PATIENCE = 2.0
"""Seconds that whoever asks waits for the database."""

_HOLD = 3.0
_SHARE = 20.0

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How things stood in the database at a moment."""

    at: datetime
    waiting: Waiting
    pending: list[Pending]
    parked_people: int
    parked_messages: int
    unheard: int


class Reader:
    """Reads the figures at most every few seconds, and for at most a twentieth of the time."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._monotonic = monotonic
        self._reading: asyncio.Task[Figures | None] | None = None
        self._good_until = 0.0

    async def read(self) -> Figures | None:
        """Return the figures, None when the database does not give them in time.

        A reading that takes longer goes on, and whoever asks next gets what came of it.
        """
        if self._reading is None or (self._reading.done() and self._monotonic() >= self._good_until):
            self._reading = asyncio.create_task(self._read())
        done, _ = await asyncio.wait([self._reading], timeout=PATIENCE)
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
            self._good_until = ended + max(_HOLD, (ended - began) * _SHARE)

    async def _ask(self) -> Figures:
        person_ids = self._directory.person_ids()
        async with self._database.read() as connection:
            parked_people = await people.parked(connection, person_ids)
            parked_messages = await messages.parked(connection, person_ids)
            return Figures(
                at=self._clock(),
                waiting=await stored.waiting(connection),
                pending=await stored.pending(connection, [site.id for site in self._directory.sites]),
                parked_people=parked_people,
                parked_messages=parked_messages,
                unheard=await unheard.count(connection, person_ids) if parked_people or parked_messages else 0,
            )
