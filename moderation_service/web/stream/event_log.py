"""The newest events of a site in memory: all who are connected read on in it, each from its own place."""

from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter

from moderation_service.web.stream.events import Event

MOST_BYTES = 1024 * 1024
"""Bytes of events of one site that are kept for those who read on."""


class EventLog:
    """What changed behind the number `floor`, up to the number `newest`, by rising number and bounded in bytes.

    It goes by state as the feed does: a comment's newer event takes the place of its older one, so that nobody is
    sent a text after it was withdrawn.
    """

    def __init__(self, number: int, epoch: str, *, most_bytes: int = MOST_BYTES) -> None:
        """Begin empty at a number, which lies in the era of a tag."""
        self.floor = number
        self.newest = number
        self.epoch = epoch
        """The tag of the era in which `newest` lies."""
        self._most_bytes = most_bytes
        self._events: list[Event] = []
        self._bytes = 0

    def add(self, events: Sequence[Event], *, newest: int, epoch: str) -> None:
        """Take in all events up to a number; the oldest ones leave where there are too many."""
        changed = {event.comment_id for event in events}
        self._events = [event for event in self._events if event.comment_id not in changed]
        self._events += events
        self.newest, self.epoch = newest, epoch
        self._bytes = sum(len(event.data) for event in self._events)
        leaving = 0
        while self._bytes > self._most_bytes:
            self._bytes -= len(self._events[leaving].data)
            self.floor = self._events[leaving].number
            leaving += 1
        del self._events[:leaving]

    def after(self, number: int, *, largest: int) -> list[Event]:
        """Return the next events behind a number that is not below the floor.

        They end before their bytes exceed `largest`, but where there are any, there is one.
        """
        first = bisect_right(self._events, number, key=attrgetter("number"))
        room = largest
        found: list[Event] = []
        for event in self._events[first:]:
            room -= len(event.data)
            if found and room < 0:
                break
            found.append(event)
        return found
