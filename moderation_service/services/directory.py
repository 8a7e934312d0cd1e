"""Who moderates what just now: the sites as listed, and the person behind each address."""

from collections.abc import Callable
from datetime import datetime

from moderation_service.domain import addresses
from moderation_service.domain.comments import Recipient
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.sites import Moderator, Seat, Site, Sites
from moderation_service.storage import keys as stored_keys
from moderation_service.storage import outbox, people
from moderation_service.storage.database import Database
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
        found: dict[str, str] = {}
        async with database.exclusive() as connection:
            await stored_keys.begin_use(connection, self._keys, now)
            for address in sorted(sites.addresses()):
                hashes = self._keys.keyed_hashes(_PERSON, address)
                found[address] = await people.find_or_add(connection, hashes, new_id())
            parts = {
                site.id: [self._part(site, moderator, found) for moderator in site.moderators] for site in sites
            }
            for part in await outbox.waiting_parts(connection):
                heirs = parts.get(part.site_id, [])
                if part not in heirs:
                    await outbox.hand_over(connection, part, heirs, now)
        self.sites, self._people = sites, found

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
    def _part(site: Site, moderator: Moderator, found: dict[str, str]) -> Part:
        person_id = found[addresses.identity(moderator.email)]
        return Part(site_id=site.id, moderator_id=moderator.id, person_id=person_id)
