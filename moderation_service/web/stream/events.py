"""Server-sent events on the wire (the HTML standard, 9.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

from moderation_service.domain.comments.changes import Change
from moderation_service.services.comments.change_feed import Feed
from moderation_service.web.http.responses import to_json

RETRY = b"retry: 3000\n\n"
"""Says after how many milliseconds to come back: at the start, and last before a stream ends."""

HEARTBEAT = b":\n\n"
"""A comment, which every client passes over."""


@dataclass(frozen=True, slots=True)
class Event:
    """A change as it is sent, and of which comment it is the newest state."""

    number: int
    comment_id: str
    data: bytes


def events_of(feed: Feed) -> list[Event]:
    """Return a slice's changes as events, each with `<epoch>.<number>` as its id."""
    return [_event(feed, change) for change in feed.changes]


def joined(events: Sequence[Event]) -> bytes:
    """Return events as they go over the wire."""
    return b"".join(event.data for event in events)


def place(epoch: str, number: int) -> bytes:
    """Return what sets a client's last id without an event: from then on it misses nothing."""
    return f"id: {epoch}.{number}\n\n".encode()


def reset(epoch: str) -> bytes:
    """Return the event that says that everything follows again from 0, in the first era of another history."""
    return f"event: reset\nid: {epoch}.0\n".encode() + b"data: " + to_json({"epoch": epoch, "after": 0}) + b"\n\n"


def _event(feed: Feed, change: Change) -> Event:
    head = f"id: {feed.epoch_of(change.number)}.{change.number}\n".encode()
    return Event(change.number, change.comment_id, head + b"data: " + to_json(change) + b"\n\n")
