"""The stream of one site, for as long as somebody reads it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass

from moderation_service.domain.errors import HistoryLostError, UnavailableError
from moderation_service.services.comments.change_feed import ChangeFeed, Place
from moderation_service.web.stream import events
from moderation_service.web.stream.event_log import MOST_BYTES, EventLog

PIECE = 64 * 1024
"""Bytes that are handed to a reader at once, where one event is not longer."""

_CHANGES_AT_ONCE = 100
_TRY_AGAIN_AFTER = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamTimes:
    """Seconds."""

    heartbeat: float = 15.0
    """Without an event, after which a comment shows both sides that the connection stands."""
    slow: float = 2.0
    """That a reader may take for a piece; one who took longer and missed events meanwhile is to come back."""
    rest: float = 0.05
    """Between two looks at what changed, however much does."""


class StreamReader:
    """Somebody who is connected; `wake` whoever sends when there may be something to send."""

    def __init__(self) -> None:
        self.bell = asyncio.Event()
        self.has_left = False

    def wake(self) -> None:
        """Look again."""
        self.bell.set()

    def leave(self) -> None:
        """Be sent nothing any more."""
        self.has_left = True
        self.bell.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slice:
    """Events that were read for those who are behind; `number` is the place to go on after."""

    first_epoch: str
    data: bytes
    number: int


@dataclass(slots=True, kw_only=True)
class _Cursor:
    """How far a reader is in a log: all up to `number` was sent.

    Whether that number is one of this history, tagged as the reader says, must be looked up until it `is_known`.
    """

    log: EventLog
    number: int
    epoch: str | None
    is_known: bool
    must_reset: bool = False

    @classmethod
    def at(cls, place: Place | None, log: EventLog) -> "_Cursor":
        """Begin at a place, without one at the newest event."""
        if place is None:
            return cls(log=log, number=log.newest, epoch=log.epoch, is_known=True)
        is_newest = (place.number, place.epoch) == (log.newest, log.epoch)
        return cls(log=log, number=place.number, epoch=place.epoch, is_known=is_newest)

    @property
    def is_behind(self) -> bool:
        """Whether events behind it are in the log no more."""
        return self.number < self.log.floor

    @property
    def place(self) -> Place:
        """Where to read on."""
        if self.must_reset:
            return Place(number=0, epoch=None)
        return Place(number=self.number, epoch=None if self.is_known else self.epoch)


class SiteStream:
    """Reads a site's changes once, for all who are connected."""

    def __init__(
        self, feed: ChangeFeed, site_id: str, times: StreamTimes, *, most_bytes: int = MOST_BYTES
    ) -> None:
        self._feed = feed
        self._site_id = site_id
        self._times = times
        self._most_bytes = most_bytes
        self._log: EventLog | None = None
        self._beginning = asyncio.Lock()
        self._slices: dict[Place, asyncio.Task[_Slice]] = {}
        self.readers: set[StreamReader] = set()
        self.is_due = False
        """Whether something may have changed since it was read."""
        self.is_closed = False

    async def begin(self) -> None:
        """Find out where the site stands now; raise UnknownSiteError or UnavailableError."""
        async with self._beginning:
            if self._log is None:
                self._log = await self._new_log()

    async def read_on(self) -> None:
        """Read what changed, and wake all readers; raise UnknownSiteError or UnavailableError.

        Where the database has another history now, all readers are to begin anew.
        """
        if self._log is None:
            return
        self.is_due = False
        try:
            while await self._read_slice(self._log):
                pass
        except HistoryLostError:
            self._log = await self._new_log()
        except UnavailableError:
            self.is_due = True
            raise
        self._wake_all()

    def close(self) -> None:
        """Let all readers end."""
        self.is_closed = True
        self._wake_all()

    async def pieces(self, reader: StreamReader, place: Place | None) -> AsyncGenerator[bytes]:
        """Give what to send to a reader from a place on, without one from now; no more than about `PIECE` at once.

        It ends with `retry:` when the stream is closed, and where the reader was so slow that it missed events: it
        is to come back with the last id that it met. While the database is away, it goes on without events.
        """
        cursor, loop = _Cursor.at(place, self._current_log), asyncio.get_running_loop()
        yield events.RETRY + (events.place(cursor.log.epoch, cursor.number) if place is None else b"")
        while not (reader.has_left or self.is_closed):
            reader.bell.clear()
            try:
                piece = await self._next(cursor)
            except UnavailableError:
                await asyncio.sleep(_TRY_AGAIN_AFTER)
                piece = events.HEARTBEAT
            if piece or not await self._rings(reader):
                began, was_behind = loop.time(), cursor.is_behind
                yield piece or events.HEARTBEAT
                if cursor.is_behind and not was_behind and loop.time() - began > self._times.slow:
                    break
        yield events.RETRY

    async def _next(self, cursor: "_Cursor") -> bytes:
        """Return the next events behind a cursor and move it on; nothing where there are none."""
        log = self._current_log
        cursor.must_reset |= cursor.log is not log
        cursor.log = log
        if not cursor.must_reset and cursor.is_known and not cursor.is_behind:
            found = log.after(cursor.number, largest=PIECE)
            cursor.number = found[-1].number if found else max(cursor.number, log.newest)
            return events.joined(found)
        try:
            slice_ = await self._slice(cursor.place)
        except HistoryLostError:
            cursor.must_reset = True
            slice_ = await self._slice(cursor.place)
        piece = events.reset(slice_.first_epoch) if cursor.must_reset else b""
        cursor.number, cursor.is_known, cursor.must_reset = slice_.number, True, False
        return piece + slice_.data

    @property
    def _current_log(self) -> EventLog:
        assert self._log is not None  # noqa: S101 - readers come when it has begun
        return self._log

    async def _rings(self, reader: StreamReader) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._times.heartbeat):
                await reader.bell.wait()
                return True
        return False

    async def _new_log(self) -> EventLog:
        number, epoch = await self._feed.newest(self._site_id)
        return EventLog(number, epoch, most_bytes=self._most_bytes)

    async def _read_slice(self, log: EventLog) -> bool:
        """Take in the next changes; tell whether there may be more."""
        found = await self._feed.read(self._site_id, after=log.newest, epoch=log.epoch, limit=_CHANGES_AT_ONCE)
        log.add(events.events_of(found), newest=found.next, epoch=found.epoch)
        return not found.is_last

    async def _slice(self, place: Place) -> _Slice:
        """Return what changed after a place, read once for all who ask at the same moment."""
        reading = self._slices.get(place)
        if reading is None:
            reading = self._slices[place] = asyncio.create_task(self._read(place))
            reading.add_done_callback(lambda task: self._end_slice(place, task))
        return await asyncio.shield(reading)

    def _end_slice(self, place: Place, task: asyncio.Task[_Slice]) -> None:
        del self._slices[place]
        if not task.cancelled():
            task.exception()  # whoever asked may have left

    async def _read(self, place: Place) -> _Slice:
        found = await self._feed.read(
            self._site_id, after=place.number, epoch=place.epoch, limit=_CHANGES_AT_ONCE, largest=PIECE
        )
        return _Slice(
            first_epoch=found.eras[0].tag,
            data=events.joined(events.events_of(found)),
            number=found.head if found.is_last else found.next,
        )

    def _wake_all(self) -> None:
        for reader in self.readers:
            reader.wake()
