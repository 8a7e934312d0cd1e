"""What this process remembers of client networks, so that refusing one over its limit costs next to nothing."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import TypeVar

from moderation_service.domain import clocks
from moderation_service.domain.accounts.sites import Screening, Site
from moderation_service.domain.errors import TooManyCommentsError, seconds_until
from moderation_service.domain.screening import networks

_MOST_NETWORKS = 10_000
MOST_WAITING = 200
"""How many requests of networks over their limit may wait for their turn."""

_EVERY = 0.01

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """From when until when a network is refused."""

    at: datetime
    until: datetime

    def is_over(self, now: datetime) -> bool:
        """Tell whether it has ended; one that began in the future was a wrong clock's."""
        return now >= self.until or clocks.is_ahead(self.at, now)


@dataclass(frozen=True, slots=True)
class Client:
    """Who sent a request: an address, None where it is not known, and the network in which it lies.

    A client that is not known is in a network of its own.
    """

    address: IPv4Address | IPv6Address | None
    network: str

    def is_exempt(self, site: Site) -> bool:
        """Tell whether a site exempts the client from its limits by number."""
        return self.address is not None and site.screening.exempts(self.address)

    @property
    def networks(self) -> tuple[str, str]:
        """The client's network, and the wide one around it."""
        return self.network, networks.wide_network(self.network)


@dataclass(slots=True)
class ClientNetwork:
    """A network at a site: how much of it this process took in lately, and whether it is refused.

    `most` is how many posts it may send.
    """

    name: str
    rules: Screening
    most: int
    since: datetime
    posts: int = 0
    refusal: Refusal | None = None

    @property
    def is_near_limit(self) -> bool:
        """Whether the next post may well be refused; other processes may have taken in as much."""
        return self.refusal is not None or self.posts >= self.most // 2


@dataclass(frozen=True, slots=True)
class ClientPlace:
    """Where a client is at a site: its network, and the wide one around it."""

    network: ClientNetwork
    wide: ClientNetwork

    @property
    def is_near_limit(self) -> bool:
        """Whether the next post may well be refused."""
        return self.network.is_near_limit or self.wide.is_near_limit

    def count(self) -> None:
        """Note that this process took in a post from there."""
        self.network.posts += 1
        self.wide.posts += 1


class ClientNetworks:
    """A memory of bounded size. Nothing depends on it: what it does not know, the database says."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        *,
        most_waiting: int = MOST_WAITING,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._most_waiting = most_waiting
        self._sleep = sleep
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], ClientNetwork] = OrderedDict()
        self._refused: OrderedDict[str, Refusal] = OrderedDict()
        self._lane = asyncio.Lock()
        self._waiting = 0

    async def await_turn(self, client: Client) -> None:
        """Wait if a client's network is over its limit at a site, or the one around it.

        Such requests are read a hundred a second. Raises TooManyCommentsError when too many of them wait already.
        """
        if not self._refused:
            return
        now = self._clock()
        refusal = self._refusal(client.network, now) or self._refusal(client.networks[1], now)
        if refusal is None:
            return
        if self._waiting >= self._most_waiting:
            raise TooManyCommentsError(seconds_until(refusal.until, now), refusal.until)
        self._waiting += 1
        try:
            async with self._lane:
                await self._sleep(_EVERY)
        finally:
            self._waiting -= 1

    def _refusal(self, network: str, now: datetime) -> Refusal | None:
        refusal = self._refused.get(network)
        if refusal is not None and refusal.is_over(now):
            del self._refused[network]
            return None
        return refusal

    def find(self, site: Site, client: Client) -> ClientPlace:
        """Return what is known of a client's networks at a site."""
        network, wide = client.networks
        most = site.screening.posts_per_network
        return ClientPlace(self._find(site, network, most), self._find(site, wide, most * networks.WIDER))

    def _find(self, site: Site, network: str, most: int) -> ClientNetwork:
        """Return what is known of a network at a site; that ends with its window, and with the site's rules."""
        key = (site.id, network)
        now = self._clock()
        known = self._known.get(key)
        if known is not None and known.rules == site.screening:
            if known.refusal is not None and known.refusal.is_over(now):
                known.refusal = None
            if known.refusal is not None or clocks.waited(known.since, now) < known.rules.window:
                return known
        known = ClientNetwork(name=network, rules=site.screening, most=most, since=now)
        _remember(self._known, key, known)
        return known

    def check(self, place: ClientPlace) -> None:
        """Raise TooManyCommentsError for a client whose networks were refused and are not free yet."""
        for known in (place.network, place.wide):
            if known.refusal is not None:
                until = known.refusal.until
                raise TooManyCommentsError(seconds_until(until, self._clock()), until)

    def refuse(self, place: ClientPlace, error: TooManyCommentsError) -> None:
        """Remember which of a client's networks is over its limit, until it is free again."""
        known = place.wide if error.is_wide else place.network
        known.refusal = Refusal(at=self._clock(), until=error.free_at)
        _remember(self._refused, known.name, known.refusal)


def _remember(memory: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Put a value into a memory of bounded size; the oldest go.

    A plain dict looks for its oldest past all that were deleted: a full one took 13 µs for each new network.
    """
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _MOST_NETWORKS:
        memory.popitem(last=False)
