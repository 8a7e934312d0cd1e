"""The streams of all sites that somebody reads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from moderation_service.domain.errors import UnavailableError, UnknownSiteError
from moderation_service.services.comments.announcements import Announcements
from moderation_service.services.comments.change_feed import ChangeFeed
from moderation_service.web.stream.event_log import MOST_BYTES
from moderation_service.web.stream.site_stream import SiteStream, StreamReader, StreamTimes


class Streams:
    """Opens a site's stream for its first reader, reads on while there are some, and closes it with its last."""

    def __init__(
        self,
        feed: ChangeFeed,
        announcements: Announcements,
        times: StreamTimes | None = None,
        *,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        """Begin without any; `most_bytes` of the newest events of each site are kept for those who read on."""
        self._feed = feed
        self._announcements = announcements
        self._times = times or StreamTimes()
        self._most_bytes = most_bytes
        self._open: dict[str, tuple[SiteStream, ExitStack]] = {}
        self._bell = asyncio.Event()

    @asynccontextmanager
    async def joined(self, site_id: str, reader: StreamReader) -> AsyncIterator[SiteStream]:
        """Read a site's stream until the end of the block; raise UnknownSiteError or UnavailableError."""
        stream = self._stream(site_id)
        stream.readers.add(reader)
        try:
            await stream.begin()
            yield stream
        finally:
            stream.readers.discard(reader)
            if not stream.readers:
                _, listening = self._open.pop(site_id)
                listening.close()

    async def run(self) -> None:
        """Read on whatever changed, until cancelled; raise UnavailableError, to be run again."""
        while True:
            await self._bell.wait()
            self._bell.clear()
            for stream in [stream for stream, _ in self._open.values() if stream.is_due]:
                try:
                    await stream.read_on()
                except UnknownSiteError:
                    stream.close()
                except UnavailableError:
                    self._bell.set()
                    raise
            await asyncio.sleep(self._times.rest)

    def close(self) -> None:
        """End all streams."""
        for stream, _ in self._open.values():
            stream.close()

    def _stream(self, site_id: str) -> SiteStream:
        if site_id in self._open:
            return self._open[site_id][0]
        stream = SiteStream(self._feed, site_id, self._times, most_bytes=self._most_bytes)
        listening = ExitStack()

        def note() -> None:
            stream.is_due = True
            self._bell.set()

        listening.enter_context(self._announcements.listening(site_id, note))
        self._open[site_id] = (stream, listening)
        return stream
