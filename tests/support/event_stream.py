"""A client of server-sent events that reads as a browser's EventSource does."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientResponse, ClientSession

STREAM = "/api/v1/stream"


@dataclass(frozen=True, slots=True)
class Event:
    """What came: its kind, `message` without a name, the last id at that time, and its data."""

    kind: str
    id: str
    data: Any


@dataclass(slots=True)
class EventSource:
    """An open stream; `last_id` is what a browser would hand back, `retry` what it was told."""

    answer: ClientResponse
    last_id: str = ""
    retry: int | None = None
    comments: int = 0
    _fields: dict[str, str] = field(default_factory=dict)

    async def next(self) -> Event | None:
        """The next event; None when the stream ended."""
        while line := await self.answer.content.readline():
            text = line.decode().removesuffix("\n")
            if text:
                self._note(text)
                continue
            fields, self._fields = self._fields, {}
            self.last_id = fields.get("id", self.last_id)
            if "data" in fields:
                return Event(fields.get("event", "message"), self.last_id, json.loads(fields["data"]))
        return None

    async def started(self) -> None:
        """Read to the end of what the stream begins with."""
        while self.retry is None or not self.last_id:
            line = await self.answer.content.readline()
            assert line, "the stream ended"
            text = line.decode().removesuffix("\n")
            if text:
                self._note(text)
            else:
                self.last_id = self._fields.pop("id", self.last_id)

    async def take(self, count: int) -> list[Event]:
        """The next so many events."""
        found = [await self.next() for _ in range(count)]
        assert None not in found, "the stream ended"
        return [one for one in found if one is not None]

    async def ended(self) -> list[Event]:
        """All events until the stream ends."""
        found = []
        while (event := await self.next()) is not None:
            found.append(event)
        return found

    def _note(self, line: str) -> None:
        name, _, value = line.partition(":")
        if not name:
            self.comments += 1
        elif name == "retry":
            self.retry = int(value)
        else:
            self._fields[name] = value.removeprefix(" ")


@asynccontextmanager
async def connected(
    http: ClientSession, *, last_id: str = "", url: str = STREAM, **query: str
) -> AsyncIterator[EventSource]:
    """Open a stream of the site `coop`, where no other is named."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
    async with http.get(url, params={"site": "coop", **query}, headers=headers, timeout=None) as answer:
        assert answer.status == 200, await answer.text()
        yield EventSource(answer, last_id)
