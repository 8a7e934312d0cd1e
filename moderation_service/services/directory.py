"""Who moderates what just now: the sites as listed, and the person behind each address."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter

from moderation_service.domain import addresses
from moderation_service.domain.comments import Recipient
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.sites import Moderator, Seat, Site, Sites
from moderation_service.storage import keys as stored_keys
from moderation_service.storage import outbox, people
from moderation_service.storage.database import Connection, Database
from moderation_service.storage.outbox import Part

_PERSON = "person"


class Directory:
    """The current sites, replaced as a whole when the sites file changes."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._people: dict[str, str] = {}
        self.sites = Sites(())

    async def replace(self, database: Database, sites: Sites, *, now: datetime, new_id: Callable[[], str]) -> None:
        """Take over a list of sites: know its people on disk, and pass on what waits for those who left.

        Raises KeyNotListedError when something is stored under a key that is no longer listed.
        """
        async with database.read() as connection:
            await stored_keys.check_listed(connection, self._keys)
            found = await self._known(connection, sites)
            is_noted = await stored_keys.is_in_use(connection, self._keys.current_id)
            gone = await outbox.waiting_parts(connection) - self._parts(sites, found)
        if not is_noted or gone or len(found) < len(sites.addresses()):
            async with database.exclusive() as connection:
                await stored_keys.begin_use(connection, self._keys, now)
                found = await self._introduce(connection, sites, new_id)
                await self._hand_over(connection, sites, found, now)
        self.sites, self._people = sites, found

    async def _known(self, connection: Connection, sites: Sites) -> dict[str, str]:
        """Return the people on disk by their addresses, under the current key."""
        hashes = {self._keys.keyed_hash(_PERSON, address): address for address in sites.addresses()}
        known = await people.find(connection, list(hashes))
        return {hashes[address_hash]: person_id for address_hash, person_id in known.items()}

    async def _introduce(self, connection: Connection, sites: Sites, new_id: Callable[[], str]) -> dict[str, str]:
        """Put everybody on disk who is not there, and bring hashes under the current key."""
        return {
            address: await people.find_or_add(connection, self._keys.keyed_hashes(_PERSON, address), new_id())
            for address in sorted(sites.addresses())
        }

    async def _hand_over(self, connection: Connection, sites: Sites, found: dict[str, str], now: datetime) -> None:
        """Pass what waits for those who left to those who remain."""
        parts = self._parts(sites, found)
        for gone in await outbox.waiting_parts(connection) - parts:
            heirs = sorted(
                (part for part in parts if part.site_id == gone.site_id), key=attrgetter("moderator_id")
            )
            await outbox.hand_over(connection, gone, heirs, now)

    def recipients(self, site: Site, page_url: str) -> tuple[Recipient, ...]:
        """Return whom to tell of a comment on a page."""
        return tuple(
            Recipient(moderator_id=one.id, person_id=self._person(one)) for one in site.moderators_of(page_url)
        )

    def person_ids(self) -> list[str]:
        """Return everybody who moderates something."""
        return list(self._people.values())

    def parts_of(self, person_id: str) -> list[tuple[Site, Moderator]]:
        """Return the parts that one person has, over all sites."""
        return [
            (site, moderator)
            for site in self.sites
            for moderator in site.moderators
            if self._person(moderator) == person_id
        ]

    def person_of(self, address: str) -> str | None:
        """Return the person behind an address, None when it moderates nothing."""
        return self._people.get(addresses.identity(address))

    def seats_of(self, person_id: str) -> tuple[Seat, ...]:
        """Return where one person sits at the desk, one seat a site."""
        found: dict[str, list[Moderator]] = {}
        for site, moderator in self.parts_of(person_id):
            found.setdefault(site.id, []).append(moderator)
        return tuple(Seat(site=site, moderators=tuple(found[site.id])) for site in self.sites if site.id in found)

    def _person(self, moderator: Moderator) -> str:
        return self._people[addresses.identity(moderator.email)]

    @staticmethod
    def _parts(sites: Sites, found: dict[str, str]) -> set[Part]:
        return {
            Part(site_id=site.id, moderator_id=one.id, person_id=found[addresses.identity(one.email)])
            for site in sites
            for one in site.moderators
            if addresses.identity(one.email) in found
        }
