"""A site's pages for its moderators and programs: listed, titled, closed and opened, moved."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

import structlog

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments import closing
from moderation_service.domain.comments.closing import Closing, Commenting
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.comments.pages import Page
from moderation_service.domain.errors import NotFoundError
from moderation_service.domain.moderation.decisions import Actor, Outcome
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments import page_moves
from moderation_service.services.comments.page_addresses import PageAddresses
from moderation_service.services.comments.page_moves import MoveRefusedError, PageMove, Wanted
from moderation_service.storage.comments import moderated_pages, page_commenting, page_titles, pages
from moderation_service.storage.comments.moderated_pages import PageRow
from moderation_service.storage.engine.database import Connection, Database

MOVES_WITHIN = 5.0
"""Seconds for which one request moves comments itself; what is left is moved beside all else."""

_log = structlog.stdlib.get_logger(__name__)


class _Kept(Enum):
    """Stands for a title that is left as it is: None is one that is left to the comments."""

    KEPT = "kept"


KEPT: Final = _Kept.KEPT


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeratedPage:
    """A page of a site; `title_is_set` if its title was set and not sent by a comment.

    `published` and `waiting` count its comments, `aliases` are addresses that it had before.
    """

    id: str
    url: str
    title: str | None
    title_is_set: bool
    published: int
    waiting: int
    commenting: Commenting
    closing: Closing
    aliases: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PagesSlice:
    """Pages of a site; `next_after` is the id to go on behind, None at the end."""

    pages: list[ModeratedPage]
    next_after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageChange:
    """What is to be another way about the page at an address; None, or KEPT, for what is not."""

    url: str
    title: str | _Kept | None = KEPT
    commenting: Commenting | None = None
    move_to: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How many comments move, or moved; `joins` if they come to a page with comments, `is_complete` if all did."""

    comments: int
    joins: bool
    is_complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeResult:
    """What came of a change, and the page as it is now: None where there is none."""

    outcome: Outcome
    page: ModeratedPage | None
    move: Move | None = None


class ModeratedPages:
    """Reads and changes the pages of one site at a time."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        page_addresses: PageAddresses,
        *,
        clock: Callable[[], datetime],
        announce: Callable[[], Awaitable[None]],
        moves_within: float = MOVES_WITHIN,
    ) -> None:
        """`announce` lets this process and those who follow changes know at once what is written here."""
        self._database = database
        self._directory = directory
        self._page_addresses = page_addresses
        self._clock = clock
        self._announce = announce
        self._moves_within = moves_within

    async def listed(self, site: Site, *, after: str | None, limit: int) -> PagesSlice:
        """Return up to `limit` pages of a site, in the order of their ids, which never changes."""
        async with self._database.read() as connection:
            found = await moderated_pages.rows(connection, site.id, after=after, limit=limit + 1)
            shown = await self._described(connection, site, found[:limit])
        return PagesSlice(pages=shown, next_after=shown[-1].id if len(found) > limit else None)

    async def find(self, site: Site, page: Page) -> ModeratedPage | None:
        """Return a page of a site, None for one that was never met."""
        async with self._database.read() as connection:
            found = await moderated_pages.rows(connection, site.id, page_id=page.id, limit=1)
            return next(iter(await self._described(connection, site, found)), None)

    async def put_title(self, page: Page, title: str | None, *, actor: Actor) -> bool:
        """Set a page's title, or with None leave it to the comments again; tell whether that is new.

        Raises NotFoundError for a page that was never met.
        """
        async with self._database.write() as connection:
            found = await page_titles.get(connection, page.id)
            if found is None:
                raise NotFoundError
            if title == (found.title if found.is_set else None):
                return False
            await page_titles.put(connection, found, title, at=self._clock())
        await self._announce()
        _log.info("page.titled", page=page.id, is_set=title is not None, **_by(actor))
        return True

    async def put_commenting(self, page: Page, commenting: Commenting, *, actor: Actor) -> bool:
        """Close or open a page, or leave it to its site's rule again; tell whether that is new.

        A page may be closed before anybody commented on it.
        """
        async with self._database.write() as connection:
            if not await page_commenting.put(connection, page, commenting, at=self._clock()):
                return False
        await self._announce()
        _log.info("page.commenting", page=page.id, commenting=commenting.value, **_by(actor))
        return True

    async def change(
        self, site: Site, changes: Sequence[PageChange], *, actor: Actor, dry_run: bool
    ) -> list[ChangeResult]:
        """Make changes one after the other, and return what came of each; with `dry_run` only what would.

        Comments are moved for five seconds at most over all of them; the service moves the rest by itself.
        """
        until = time.monotonic() + self._moves_within
        return [await self._change(site, one, until, actor=actor, dry_run=dry_run) for one in changes]

    async def _change(
        self, site: Site, change: PageChange, until: float, *, actor: Actor, dry_run: bool
    ) -> ChangeResult:
        page = self._directory.page(site, change.url)
        known = await self.find(site, page)
        moves: list[PageMove] = []
        outcome = Outcome.UNCHANGED
        if change.move_to is not None:
            outcome, moves = await self._planned(site, change.url, change.move_to)
        if change.title is not KEPT and known is None:
            outcome = Outcome.NOT_FOUND
        if outcome in (Outcome.CONFLICT, Outcome.NOT_FOUND):
            return ChangeResult(outcome=outcome, page=known)
        if dry_run:
            return ChangeResult(
                outcome=Outcome.DONE if moves or _differs(known, change) else outcome,
                page=known,
                move=_move(moves, is_complete=False),
            )
        if change.title is not KEPT and await self.put_title(page, change.title, actor=actor):
            outcome = Outcome.DONE
        if change.commenting is not None and await self.put_commenting(page, change.commenting, actor=actor):
            outcome = Outcome.DONE
        moved = await self._move(moves, until, actor) if moves else None
        now = self._directory.page(site, change.url)
        return ChangeResult(outcome=outcome, page=await self.find(site, now), move=moved)

    async def _planned(self, site: Site, old: str, new: str) -> tuple[Outcome, list[PageMove]]:
        try:
            plan = await page_moves.plan(self._database, self._directory, [Wanted(old=old, new=new)], site=site)
        except MoveRefusedError:
            is_one = self._directory.sites.page(site, old).id == self._directory.sites.page(site, new).id
            return Outcome.UNCHANGED if is_one else Outcome.CONFLICT, []
        if plan.without_comments:
            return Outcome.NOT_FOUND, []
        return Outcome.DONE if plan.moves else Outcome.UNCHANGED, plan.moves

    async def _move(self, moves: Sequence[PageMove], until: float, actor: Actor) -> Move | None:
        """Let the old address stand for the new one, and move comments until it is time to answer."""
        await page_moves.begin(self._database, moves, clock=self._clock)
        await self._announce()
        for one in moves:
            _log.info("page.moved", page=one.page.id, target=one.target.id, **_by(actor))
        is_more = True
        while is_more and time.monotonic() < until:
            is_more = await self._page_addresses.move()
        await self._page_addresses.look()
        await self._announce()
        if is_more:
            self._page_addresses.is_wanted.set()
        async with self._database.read() as connection:
            left = await pages.stored(connection, [one.page.id for one in moves])
        return _move(moves, is_complete=not left)

    async def _described(self, connection: Connection, site: Site, rows: Sequence[PageRow]) -> list[ModeratedPage]:
        ids = [row.id for row in rows]
        if not ids:
            return []
        titles = await page_titles.of_pages(connection, ids)
        counts = await moderated_pages.counts(connection, ids)
        aliases = await moderated_pages.aliases(connection, ids)
        now = self._clock()
        return [
            ModeratedPage(
                id=row.id,
                url=row.url,
                title=titles[row.id].public,
                title_is_set=titles[row.id].chosen is not None,
                published=counts.get((row.id, Status.APPROVED), 0),
                waiting=counts.get((row.id, Status.PENDING), 0),
                commenting=row.commenting,
                closing=closing.judge(row.commenting, first_at=row.first_at, close_after=site.close_after, at=now),
                aliases=aliases.get(row.id, []),
            )
            for row in rows
        ]


def _differs(known: ModeratedPage | None, change: PageChange) -> bool:
    """Tell whether a change of title or commenting would write anything."""
    commenting = Commenting.BY_RULE if known is None else known.commenting
    if change.commenting not in (None, commenting):
        return True
    title = known.title if known is not None and known.title_is_set else None
    return change.title is not KEPT and change.title != title


def _move(moves: Sequence[PageMove], *, is_complete: bool) -> Move | None:
    if not moves:
        return None
    return Move(
        comments=sum(one.comments for one in moves),
        joins=any(one.joins for one in moves),
        is_complete=is_complete,
    )


def _by(actor: Actor) -> dict[str, str | None]:
    return {"channel": actor.channel.value, "moderator": actor.moderator_id}
