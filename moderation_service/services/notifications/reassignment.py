"""Passing on what is open for moderators whose it is no longer to their successors."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import structlog

from moderation_service.domain.accounts import addresses
from moderation_service.domain.accounts.sites import Moderator, Site, Sites
from moderation_service.domain.keys import KeyRing
from moderation_service.services.accounts.directory import Directory, without_author
from moderation_service.storage.engine.database import Database
from moderation_service.storage.notifications import reassignment as stored
from moderation_service.storage.notifications.reassignment import Role, Successors

_log = structlog.stdlib.get_logger(__name__)


class Reassignment:
    """Passes on what is open for those who left or whose paths cover it no more; others may write meanwhile."""

    def __init__(self, database: Database, directory: Directory, keys: KeyRing) -> None:
        self._database = database
        self._directory = directory
        self._keys = keys

    async def replace_sites(self, sites: Sites, *, now: datetime, new_id: Callable[[], str]) -> None:
        """Let the directory take over a list of sites, then pass on what waits for those whose it was.

        Raises KeyNotListedError as `Directory.replace` does. The sites are in force before the last of what waits
        is passed on; called again after a failure, it goes on from there.
        """
        await self._directory.replace(self._database, sites, now=now, new_id=new_id)
        await self._reassign([site.id for site in sites], now)

    async def pass_on(self, *, now: datetime) -> None:
        """Pass on what came in for people after it was theirs: from a replica that did not know it yet."""
        await self._reassign((), now)

    async def _reassign(self, site_ids: Sequence[str], now: datetime) -> None:
        async with self._database.read() as connection:
            open_roles = await stored.open_roles(connection, site_ids)
        sites, people = self._directory.sites, self._directory.people
        listed = {_role(site, one, people): one for site in sites for one in site.moderators}
        for role in open_roles:
            site = sites.get(role.site_id)
            successors_of = self._successors(site, people)
            if site is None or role not in listed:
                await self._reassign_role(role, successors_of, now)
                _log.warning("mail.reassigned", site=role.site_id, moderator=role.moderator_id, known=bool(site))
                continue
            moderator = listed[role]
            if moderator.covers_all:
                continue
            async with self._database.read() as connection:
                open_pages = await stored.open_pages(connection, role, with_notified=role.site_id in site_ids)
            outside = [page_id for page_id, url in open_pages.items() if not site.tells(moderator, url)]
            most = self._database.limits.batch_rows
            for first in range(0, len(outside), most):
                page_ids = outside[first : first + most]
                await self._reassign_role(role, successors_of, now, page_ids=page_ids)
            if outside:
                _log.warning(
                    "mail.reassigned", site=site.id, moderator=moderator.id, known=True, pages=len(outside)
                )

    async def _reassign_role(
        self, role: Role, successors_of: Successors, now: datetime, *, page_ids: Collection[str] | None = None
    ) -> None:
        most, after = self._database.limits.batch_rows, None
        while True:
            async with self._database.read() as connection:
                ids = await stored.open_comments(connection, role, page_ids=page_ids, after=after, most=most)
            if not ids:
                return
            async with self._database.exclusive() as connection:
                await stored.reassign(connection, role, ids, successors_of, now)
            after = ids[-1]

    def _successors(self, site: Site | None, people: Mapping[str, str]) -> Successors:
        """Return what tells whose a site's comments are now, by the rule that holds for new ones."""
        if site is None:
            return lambda *_: ()
        authors = {
            author_hash: people[address]
            for address in {addresses.identity(one.email) for one in site.moderators}
            for author_hash in self._keys.keyed_hashes(addresses.AUTHOR, address)
        }

        def successors_of(page_url: str, author_hash: str | None) -> Sequence[Role]:
            successors = tuple(_role(site, one, people) for one in site.moderators_of(page_url))
            return without_author(successors, authors.get(author_hash or ""))

        return successors_of


def _role(site: Site, moderator: Moderator, people: Mapping[str, str]) -> Role:
    person_id = people[addresses.identity(moderator.email)]
    return Role(site_id=site.id, moderator_id=moderator.id, person_id=person_id, has_push=bool(moderator.push))
