"""Who moderates what just now: the sites as listed, and the person behind each address."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

import structlog

from moderation_service.domain import addresses
from moderation_service.domain.comments import Recipient
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.sites import Moderator, Seat, Site, Sites
from moderation_service.storage import handover, people
from moderation_service.storage import keys as stored_keys
from moderation_service.storage.database import Connection, Database
from moderation_service.storage.handover import Part
from moderation_service.storage.stretches import MOST_ROWS

_log = structlog.stdlib.get_logger(__name__)
_PERSON = "person"
_NOBODY = "00000000-0000-0000-0000-000000000000"


class Directory:
    """The current sites, replaced as a whole when the sites file changes."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._people: dict[str, str] = {}
        self._parts_of: dict[str, list[tuple[Site, Moderator]]] = {}
        self.sites = Sites(())

    async def replace(self, database: Database, sites: Sites, *, now: datetime, new_id: Callable[[], str]) -> None:
        """Take over a list of sites: know its people on disk, and pass on what waits for those who left.

        Raises KeyNotListedError when something is stored under a key that is no longer listed. The sites are in
        force before the last of what waits is passed on; called again after a failure, it goes on from there.
        """
        async with database.read() as connection:
            await stored_keys.check_listed(connection, self._keys)
            found = await self._known(connection, sites)
            is_settled = await stored_keys.is_in_use(connection, self._keys.current_id) and len(found) == len(
                sites.addresses()
            )
        if not is_settled:
            async with database.exclusive() as connection:
                await stored_keys.begin_use(connection, self._keys, now)
                found = await self._introduce(connection, sites, new_id)
        self._take_over(sites, found)
        await self._hand_over(database, [site.id for site in sites], now)

    def _take_over(self, sites: Sites, found: dict[str, str]) -> None:
        self.sites, self._people = sites, found
        self._parts_of = {}
        for site in sites:
            for moderator in site.moderators:
                self._parts_of.setdefault(self._person(moderator), []).append((site, moderator))

    async def _known(self, connection: Connection, sites: Sites) -> dict[str, str]:
        """Return the people on disk by their addresses, those who are known under the current key."""
        hashes = {self._keys.keyed_hash(_PERSON, address): address for address in sites.addresses()}
        known = await people.known(connection, list(hashes))
        return {hashes[address_hash]: person_id for address_hash, person_id in known.items()}

    async def _introduce(self, connection: Connection, sites: Sites, new_id: Callable[[], str]) -> dict[str, str]:
        """Put everybody on disk who is not there, and bring hashes under the current key."""
        return {
            address: await people.find_or_add(connection, self._keys.keyed_hashes(_PERSON, address), new_id())
            for address in sorted(sites.addresses())
        }

    async def look_up(self, database: Database, sites: Sites) -> None:
        """Know the people of these sites that are on disk, and change nothing there."""
        found: dict[str, str] = {}
        async with database.read() as connection:
            for address in sites.addresses():
                person_id = await people.find(connection, self._keys.keyed_hashes(_PERSON, address))
                found[address] = person_id or _NOBODY
        self._take_over(sites, found)

    async def pass_on(self, database: Database, *, now: datetime) -> None:
        """Pass on what came in for people after they had left: from a replica that did not know it yet."""
        await self._hand_over(database, (), now)

    async def _hand_over(self, database: Database, site_ids: Sequence[str], now: datetime) -> None:
        """Pass on what is open for those who left, in stretches between which others may write."""
        async with database.read() as connection:
            open_parts = await handover.open_parts(connection, site_ids)
        sites, found = self.sites, self._people
        for part in open_parts - self._parts(sites, found):
            site = sites.get(part.site_id)
            await _hand_over_part(database, part, partial(self._heirs, site, found), now)
            _log.warning("mail.handed_over", site=part.site_id, moderator=part.moderator_id, known=bool(site))

    def recipients(self, site: Site, page_url: str, *, author: str) -> tuple[Recipient, ...]:
        """Return whom to tell of a comment on a page: all who are responsible but its author.

        An address is only typed, so nobody silences a page with that of its only moderator: they are told then.
        """
        responsible = tuple(
            Recipient(moderator_id=one.id, person_id=self._person(one)) for one in site.moderators_of(page_url)
        )
        author_id = self.person_of(author)
        return tuple(one for one in responsible if one.person_id != author_id) or responsible

    def person_ids(self) -> list[str]:
        """Return everybody who moderates something."""
        return list(self._people.values())

    def parts_of(self, person_id: str) -> list[tuple[Site, Moderator]]:
        """Return the parts that one person has, over all sites."""
        return self._parts_of.get(person_id, [])

    def people_of(self, site_id: str) -> list[str]:
        """Return who moderates a site."""
        site = self.sites.get(site_id)
        return [] if site is None else sorted({self._person(one) for one in site.moderators})

    def person_of(self, address: str) -> str | None:
        """Return the person behind an address, None when it moderates nothing."""
        return self._people.get(addresses.identity(address))

    def seats_of(self, person_id: str) -> tuple[Seat, ...]:
        """Return where one person sits at the desk, one seat a site."""
        found: dict[str, list[Moderator]] = {}
        for site, moderator in self.parts_of(person_id):
            found.setdefault(site.id, []).append(moderator)
        return tuple(Seat(site=site, moderators=tuple(found[site.id])) for site in self.sites if site.id in found)

    def _parts(self, sites: Sites, found: dict[str, str]) -> set[Part]:
        return {self._part(site, moderator, found) for site in sites for moderator in site.moderators}

    def _heirs(self, site: Site | None, found: dict[str, str], page_url: str) -> list[Part]:
        return [] if site is None else [self._part(site, one, found) for one in site.moderators_of(page_url)]

    def _person(self, moderator: Moderator) -> str:
        return self._people[addresses.identity(moderator.email)]

    @staticmethod
    def _part(site: Site, moderator: Moderator, found: dict[str, str]) -> Part:
        person_id = found[addresses.identity(moderator.email)]
        return Part(site_id=site.id, moderator_id=moderator.id, person_id=person_id)


async def _hand_over_part(
    database: Database, part: Part, heirs_of: Callable[[str], Sequence[Part]], now: datetime
) -> None:
    after = None
    while True:
        async with database.read() as connection:
            ids = await handover.open_comments(connection, part, after=after, most=MOST_ROWS)
        if not ids:
            return
        async with database.exclusive() as connection:
            await handover.hand_over(connection, part, ids, heirs_of, now)
        after = ids[-1]
