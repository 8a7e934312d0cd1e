"""Who moderates what just now: the sites as listed, and the person behind each address."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

from moderation_service.domain.accounts import addresses
from moderation_service.domain.accounts.sites import Membership, Moderator, Site, Sites
from moderation_service.domain.comments import pages
from moderation_service.domain.comments.comment import Recipient
from moderation_service.domain.comments.pages import InvalidPageError, Page
from moderation_service.domain.errors import FieldsInvalidError, UnknownSiteError
from moderation_service.domain.keys import KeyRing
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.notifications import people
from moderation_service.storage.operations import keys as stored_keys

_PERSON = "person"
_NOBODY = "00000000-0000-0000-0000-000000000000"


class _OfPerson(Protocol):
    @property
    def person_id(self) -> str: ...


_One = TypeVar("_One", bound=_OfPerson)


class Directory:
    """The current sites and the ids of their people by address, replaced as a whole with the sites file."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self.people: Mapping[str, str] = {}
        self._roles_of: dict[str, list[tuple[Site, Moderator]]] = {}
        self.sites = Sites(())
        self.aliases: Mapping[str, Page] = {}
        """The pages that ids of moved pages stand for; replaced as a whole, as the sites are."""

    async def replace(self, database: Database, sites: Sites, *, now: datetime, new_id: Callable[[], str]) -> None:
        """Take over a list of sites, and know its people on disk.

        Raises KeyNotListedError when something is stored under a key that is no longer listed.
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

    def _take_over(self, sites: Sites, found: dict[str, str]) -> None:
        """Put all of it in force at once: a transaction in a thread of its own may look up people meanwhile."""
        roles_of: dict[str, list[tuple[Site, Moderator]]] = {}
        for site in sites:
            for moderator in site.moderators:
                person_id = found[addresses.identity(moderator.email)]
                roles_of.setdefault(person_id, []).append((site, moderator))
        self.sites, self.people, self._roles_of = sites, found, roles_of

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

    def site_of(self, page_url: object) -> Site | None:
        """Return the site of the page at an address as it was sent; None where it names none of ours."""
        if not isinstance(page_url, str):
            return None
        try:
            return self.sites.of_page(pages.canonical(page_url.strip()))
        except (InvalidPageError, UnicodeError):
            return None

    def page_of(self, page_url: str) -> Page:
        """Return the page at an address; raise FieldsInvalidError or UnknownSiteError."""
        try:
            canonical = pages.canonical(page_url)
        except InvalidPageError as error:
            raise FieldsInvalidError({"page_url": ["invalid_url"]}) from error
        site = self.sites.of_page(canonical)
        if site is None:
            raise UnknownSiteError
        return self.page(site, page_url)

    def page(self, site: Site, page_url: str) -> Page:
        """Return the page of a site at an address; where it was moved, the one that it is now."""
        found = self.sites.page(site, page_url)
        return self.aliases.get(found.id, found)

    def recipients(self, site: Site, page_url: str, *, author: str | None) -> tuple[Recipient, ...]:
        """Return whom to notify of a comment on a page: all who are responsible but its author.

        An address is only typed, so whoever types that of a page's only moderator keeps them from
        nothing: they are notified then.
        """
        responsible = tuple(
            Recipient(moderator_id=one.id, person_id=self._person(one), has_push=bool(one.push))
            for one in site.moderators_of(page_url)
        )
        return without_author(responsible, None if author is None else self.person_of(author))

    def person_ids(self) -> list[str]:
        """Return everybody who moderates something."""
        return list(self.people.values())

    def roles_of(self, person_id: str | None) -> list[tuple[Site, Moderator]]:
        """Return the roles that one person has, over all sites; nobody has any."""
        return [] if person_id is None else self._roles_of.get(person_id, [])

    def people_of(self, site_id: str) -> list[str]:
        """Return who moderates a site."""
        site = self.sites.get(site_id)
        return [] if site is None else sorted({self._person(one) for one in site.moderators})

    def person_of(self, address: str) -> str | None:
        """Return the person behind an address, None when it moderates nothing."""
        return self.people.get(addresses.identity(address))

    def memberships_of(self, person_id: str) -> tuple[Membership, ...]:
        """Return where one person sits at the desk, one membership a site."""
        found: dict[str, list[Moderator]] = {}
        for site, moderator in self.roles_of(person_id):
            found.setdefault(site.id, []).append(moderator)
        return tuple(
            Membership(site=site, moderators=tuple(found[site.id])) for site in self.sites if site.id in found
        )

    def _person(self, moderator: Moderator) -> str:
        return self.people[addresses.identity(moderator.email)]


def without_author(responsible: tuple[_One, ...], author_id: str | None) -> tuple[_One, ...]:
    """Return all but the author of a comment, or all where nobody else is responsible."""
    return tuple(one for one in responsible if one.person_id != author_id) or responsible
