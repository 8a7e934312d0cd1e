"""What this process remembers of client networks, so that refusing one over its limit costs next to nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from moderation_service.domain.errors import TooManyCommentsError, seconds_until
from moderation_service.domain.sites import Screening, Site

_MOST_NETWORKS = 10_000
_MOST_WAITING = 200
_EVERY = 0.01

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(slots=True)
class ClientNetwork:
    """A network at a site: how much of it this process took in lately, and until when it is refused."""

    rules: Screening
    since: datetime
    posts: int = 0
    refused_until: datetime | None = None

    @property
    def is_near_limit(self) -> bool:
        """Whether the next post may well be refused; other processes may have taken in as much."""
        return self.refused_until is not None or self.posts >= self.rules.posts_per_network // 2


class ClientNetworks:
    """A memory of bounded size. Nothing depends on it: what it does not know, the database says."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._known: dict[tuple[str, str], ClientNetwork] = {}
        self._refused: dict[str, datetime] = {}
        self._lane = asyncio.Lock()
        self._waiting = 0

    async def await_turn(self, network: str) -> None:
        """Wait if a client's network is over its limit at a site: such requests are read a hundred a second.

        Raises TooManyCommentsError when too many of them wait already.
        """
        until = self._refused.get(network)
        if until is None:
            return
        now = self._clock()
        if now >= until:
            del self._refused[network]
            return
        if self._waiting >= _MOST_WAITING:
            raise TooManyCommentsError(seconds_until(until, now), until)
        self._waiting += 1
        try:
            async with self._lane:
                await asyncio.sleep(_EVERY)
        finally:
            self._waiting -= 1

    def find(self, site: Site, network: str) -> ClientNetwork:
        """Return what is known of a network at a site; that ends with its window, and with the site's rules."""
        key = (site.id, network)
        now = self._clock()
        known = self._known.get(key)
        if known is not None and known.rules == site.screening:
            if known.refused_until is not None and now >= known.refused_until:
                known.refused_until = None
            if known.refused_until is not None or now - known.since < known.rules.window:
                return known
        known = ClientNetwork(rules=site.screening, since=now)
        _remember(self._known, key, known)
        return known

    def check(self, known: ClientNetwork) -> None:
        """Raise TooManyCommentsError for a network that was refused and is not free yet."""
        if known.refused_until is not None:
            wait = seconds_until(known.refused_until, self._clock())
            raise TooManyCommentsError(wait, known.refused_until)

    def refuse(self, known: ClientNetwork, network: str, until: datetime) -> None:
        """Remember that a network is over its limit until it is free again."""
        known.refused_until = until
        _remember(self._refused, network, until)


def _remember(memory: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Put a value into a memory of bounded size; the oldest go."""
    memory.pop(key, None)
    while len(memory) >= _MOST_NETWORKS:
        del memory[next(iter(memory))]
    memory[key] = value
