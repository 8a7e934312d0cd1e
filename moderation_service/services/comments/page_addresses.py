"""Which page an address means, also while rules change and pages move; stored comments are brought along."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import structlog

from moderation_service.domain.accounts.sites import Sites
from moderation_service.domain.comments.comment import Draft
from moderation_service.domain.comments.pages import InvalidPageError, Page
from moderation_service.services.accounts.directory import Directory
from moderation_service.storage.comments import page_aliases, pages
from moderation_service.storage.comments.page_aliases import Alias
from moderation_service.storage.comments.pages import Moved, StoredPage
from moderation_service.storage.engine.database import Connection, Database

_BEFORE_THE_START = 10.0
_REMEMBERED = 10_000

_log = structlog.stdlib.get_logger(__name__)


async def move_batch(database: Database, *, at: datetime) -> Moved:
    """Move a batch of comments to the pages that they belong to."""
    limit = database.limits.page_rows
    return await database.transact(lambda connection: pages.move(connection, limit=limit, at=at))


class PageAddresses:
    """Knows under which ids a page's comments are stored, while some are still under others."""

    def __init__(self, database: Database, directory: Directory, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._first_met: dict[str, str] = {}
        self._sites = directory.sites
        self._turn = asyncio.Lock()
        self.is_settled = False
        self.is_wanted = asyncio.Event()
        """Set to have comments brought along at once."""

    @asynccontextmanager
    async def adopting(self, sites: Sites) -> AsyncIterator[None]:
        """Ask the rules of a list of sites about stored pages, and let the caller put the list in force.

        That takes up to ten seconds, so that look-ups find both ids of nearly all pages from the start; no comment
        is moved before the end. Where the rules are those of before, nothing is written.
        """
        async with self._turn:
            changed = await self._adopt(sites)
            await self._look()
            if changed and not self.is_settled:
                _log.info("pages.rules_changed", sites=changed)
            await self._prepare()
            yield
            await self.load_aliases()
        await self.look()

    async def prepare(self) -> None:
        """Find out whether pages are to be brought along; ask today's rules about them for up to ten seconds."""
        async with self._turn:
            await self._look()
            await self._prepare()

    async def ids_of(self, page_id: str) -> list[str]:
        """Return the ids under which the comments of a page are to be looked for; one only once all is settled."""
        if self.is_settled:
            return [page_id]
        async with self._database.read() as connection:
            return await pages.ids_of(connection, page_id)

    async def first_met(self, connection: Connection, drafts: Sequence[Draft]) -> dict[str, str]:
        """Return under which addresses the pages of drafts, which are stored, were first met.

        What another transaction has written is remembered, unless pages are being brought along.
        """
        wanted = {draft.page.id: draft.created_at for draft in drafts}
        kept = self._first_met if self.is_settled else {}
        known = {page_id: kept[page_id] for page_id in wanted if page_id in kept}
        unknown = sorted(wanted.keys() - known.keys())
        if not unknown:
            return known
        found = await pages.met(connection, unknown)
        if len(self._first_met) + len(found) > _REMEMBERED:
            self._first_met.clear()
        if self.is_settled:
            self._first_met |= {one: met.url for one, met in found.items() if met.at != wanted[one]}
        return known | {page_id: met.url for page_id, met in found.items()}

    async def begin_anew(self) -> None:
        """Keep nothing: another database is behind the service now."""
        async with self._turn:
            await self._adopt(self._sites)
            await self.load_aliases()
            await self._look()

    def follow(self, changed: Sequence[Alias]) -> None:
        """Let addresses lead to other pages, as some process has written; their comments may be on the way."""
        known = {**self._directory.aliases}
        for one in changed:
            if one.target is None:
                known.pop(one.id, None)
            else:
                known[one.id] = one.target
        if known == self._directory.aliases:
            return
        self._directory.aliases = known
        self._first_met.clear()
        self.is_settled = False

    async def load_aliases(self) -> None:
        """Let the ids of all pages that were moved stand for what these are now."""
        async with self._database.read() as connection:
            found = await page_aliases.all_of(connection, [site.id for site in self._directory.sites])
        self._directory.aliases = {one.id: one.target for one in found if one.target is not None}
        self._first_met.clear()

    async def look(self) -> None:
        """Find out whether any page is to be brought along; an older version beside this one may add some."""
        async with self._turn:
            await self._look()

    async def bring_along(self) -> None:
        """Ask today's rules about all pages, then move what is stored elsewhere; it may be stopped at any time."""
        await self.look()
        if self.is_settled:
            return
        for step in (self.check, self.check_aliases, self.gather, self.move):
            while await step():
                pass
        await self.look()

    async def check(self) -> int:
        """Ask today's rules about a batch of pages; return how many were looked at."""
        async with self._turn:
            return await self._check()

    async def check_aliases(self) -> int:
        """Ask today's rules about the addresses of a batch of aliases; return how many were looked at."""
        async with self._turn:
            return await self._check_aliases()

    async def gather(self) -> int:
        """Note a batch of pages that were stored under an alias by a replica that did not know it yet."""
        async with self._turn, self._database.write() as connection:
            return await pages.gather(connection, self._database.limits.page_rows)

    async def move(self) -> bool:
        """Move a batch of comments to the pages that they belong to; return whether there may be more."""
        async with self._turn:
            moved = await move_batch(self._database, at=self._clock())
        if moved.comments:
            _log.info("pages.moved", comments=moved.comments)
        return moved.is_more

    async def _adopt(self, sites: Sites) -> list[str]:
        """Put the rules of sites in force; return the ids of those whose rules were others before."""
        fingerprints = {site.id: sites.pages_of(site.id).fingerprint for site in sites}
        async with self._database.read() as connection:
            known = await pages.rules_in_force(connection)
        forms = {site_id: known[site_id][1] for site_id in fingerprints if site_id in known}
        changed = [one for one in fingerprints if one not in known or known[one][0] != fingerprints[one]]
        if changed:
            async with self._database.write() as connection:
                forms |= await pages.adopt_rules(connection, fingerprints)
        for site_id, form in forms.items():
            sites.pages_of(site_id).form = form
        self._sites = sites
        return changed

    async def _prepare(self) -> None:
        until = time.monotonic() + _BEFORE_THE_START
        for step in (self._check_aliases, self._check):
            while not self.is_settled and time.monotonic() < until and await step():
                pass

    async def _look(self) -> None:
        async with self._database.read() as connection:
            self.is_settled = await pages.is_settled(connection, [site.id for site in self._sites])

    async def _check(self) -> int:
        async with self._database.write() as connection:
            forms = await self._forms(connection)
            found = await pages.unchecked(connection, forms, self._database.limits.page_rows)
            kept: list[str] = []
            moves: list[tuple[StoredPage, Page]] = []
            for one in found:
                target = self._target(one.site_id, one.url)
                if target is None:
                    _log.warning("pages.address_unreadable", page=one.id)
                if target is None or target.id == one.id:
                    kept.append(one.id)
                else:
                    moves.append((one, target))
            await pages.keep(connection, kept, forms)
            await pages.send(connection, moves)
        return len(found)

    async def _check_aliases(self) -> int:
        async with self._database.write() as connection:
            forms = await self._forms(connection)
            found = await page_aliases.older(connection, forms, self._database.limits.page_rows)
            for site_id in sorted({one.site_id for one in found}):
                again = [
                    (target.id, one.url, one.target)
                    for one in found
                    if one.site_id == site_id and one.target is not None
                    if (target := self._target(one.site_id, one.url)) is not None
                    if target.id not in (one.id, one.target.id)
                ]
                if again:
                    await page_aliases.put(connection, again, at=self._clock())
            await page_aliases.keep(connection, [one.id for one in found], forms)
        return len(found)

    def _target(self, site_id: str, url: str) -> Page | None:
        """Return the page at an address by today's rules, None for an address that is none."""
        try:
            return self._sites.pages_of(site_id).page(url)
        except InvalidPageError:
            return None

    async def _forms(self, connection: Connection) -> dict[str, int]:
        """Return the version of the rules of each site whose rules are those that were put in force last.

        About the pages of other sites another process is to be asked, which has read a newer file.
        """
        in_force = await pages.rules_in_force(connection)
        ours = {site.id: self._sites.pages_of(site.id).form for site in self._sites}
        return {one: form for one, form in ours.items() if one in in_force and in_force[one][1] == form}
