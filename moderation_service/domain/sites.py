"""Sites, their origins, and the people who moderate them."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from moderation_service.domain import addresses, pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Moderator:
    """A person's part in one site."""

    id: str
    name: str
    email: str = field(repr=False)
    language: str
    timezone: str
    paths: tuple[str, ...] = ("/",)

    def covers(self, page_path: str) -> bool:
        """Tell whether a page is this moderator's."""
        return any(pages.covers(prefix, page_path) for prefix in self.paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """How much a site takes: from one client network within a window, and waiting for decisions in all."""

    posts_per_network: int = 20
    window: timedelta = timedelta(minutes=10)
    exempt_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    waiting_at_most: int = 1_000_000

    def exempts(self, client: IPv4Address | IPv6Address) -> bool:
        """Tell whether a client is free of all limits by number, as a school behind one address."""
        return any(client in network for network in self.exempt_networks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A website whose comments are moderated here."""

    id: str
    name: str
    origins: frozenset[str]
    language: str
    timezone: str
    moderators: tuple[Moderator, ...]
    screening: Screening = Screening()
    api_keys: frozenset[str] = field(default=frozenset(), repr=False)
    reply_to: str | None = None

    def moderator(self, moderator_id: str) -> Moderator | None:
        """Return a moderator by id, None when there is none such or no longer."""
        return next((one for one in self.moderators if one.id == moderator_id), None)

    def moderators_of(self, page_url: str) -> tuple[Moderator, ...]:
        """Return who is told of a page's comments: those whose paths cover it, else everybody."""
        path = pages.path(page_url)
        return tuple(one for one in self.moderators if one.covers(path)) or self.moderators


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One person's place at the desk of one site; `moderators` are the entries with that person's address."""

    site: Site
    moderators: tuple[Moderator, ...]

    @property
    def moderator(self) -> Moderator:
        """The entry that gives language, time zone and name."""
        return self.moderators[0]

    @property
    def sees_all(self) -> bool:
        """Whether every page of the site is this person's, whatever its path."""
        return any(one.covers("/") for one in self.moderators)

    def covers(self, page_url: str) -> bool:
        """Tell whether a page's comments are this person's to decide."""
        return self.sees_all or any(one in self.moderators for one in self.site.moderators_of(page_url))


class Sites:
    """All sites as the sites file lists them."""

    def __init__(self, sites: Iterable[Site]) -> None:
        self._by_id = {site.id: site for site in sites}
        self._by_origin = {origin: site for site in self for origin in site.origins}
        self._by_api_key = {key: site for site in self for key in site.api_keys}

    def __iter__(self) -> Iterator[Site]:
        return iter(self._by_id.values())

    def get(self, site_id: str) -> Site | None:
        """Return a site by its id."""
        return self._by_id.get(site_id)

    def of_origin(self, origin: str) -> Site | None:
        """Return the site that lists an origin."""
        return self._by_origin.get(origin)

    def of_page(self, canonical_url: str) -> Site | None:
        """Return the site that a page belongs to."""
        return self._by_origin.get(pages.origin(canonical_url))

    def of_bearer(self, key: str) -> Site | None:
        """Return the site that a bearer key opens; only the key's SHA-256 is listed."""
        return self._by_api_key.get(hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest())

    def longest_window(self) -> timedelta:
        """Return how far back posts of a client network may count."""
        return max((site.screening.window for site in self), default=timedelta())

    def addresses(self) -> frozenset[str]:
        """Return every moderator's address once, spelled so that one person is one address."""
        return frozenset(addresses.identity(one.email) for site in self for one in site.moderators)
