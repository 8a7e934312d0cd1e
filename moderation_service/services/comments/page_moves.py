"""Giving pages another address: what would move and what would merge, what is refused, and the moving itself."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments import pages as addresses
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.comments.pages import InvalidPageError, Page
from moderation_service.services.accounts.directory import Directory
from moderation_service.services.comments.page_addresses import move_batch
from moderation_service.storage.comments import page_aliases, pages
from moderation_service.storage.comments.page_aliases import Alias
from moderation_service.storage.comments.pages import StoredPage
from moderation_service.storage.engine.database import Connection, Database

_Item = TypeVar("_Item")


class MoveRefusedError(Exception):
    """Nothing is moved; `faults` names every reason."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = list(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One address that is to be another from now on; `place` says where that was written, if in a file."""

    old: str
    new: str
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageMove:
    """A page whose comments move; `joins` if they come to a page that has comments, or to which others move."""

    page: StoredPage
    target: Page
    comments: int
    joins: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be moved; `without_comments` are old addresses under which nothing is stored."""

    moves: list[PageMove]
    without_comments: list[str]

    @property
    def comments(self) -> int:
        """How many comments move."""
        return sum(one.comments for one in self.moves)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPage:
    """A page, how many comments it has by state, and whether its site lists its origin."""

    page: StoredPage
    counts: dict[Status, int]
    is_orphaned: bool


async def listed(database: Database, directory: Directory) -> tuple[list[ListedPage], list[Alias]]:
    """Return all pages by site and address, and all addresses that were moved."""
    found: list[ListedPage] = []
    async with database.read() as connection:
        async for batch in _all(connection, database.limits.page_rows):
            counts = await pages.comment_counts(connection, [one.id for one in batch])
            found += [
                ListedPage(page=one, counts=counts.get(one.id, {}), is_orphaned=is_orphaned(directory, one))
                for one in batch
            ]
        aliases = await page_aliases.all_of(connection, [site.id for site in directory.sites])
    return sorted(found, key=lambda one: (one.page.site_id, one.page.url)), [one for one in aliases if one.target]


def is_orphaned(directory: Directory, page: StoredPage) -> bool:
    """Tell whether the site of a page no longer lists its origin."""
    site = directory.sites.get(page.site_id)
    return site is None or addresses.origin(page.url) not in site.origins


async def plan(
    database: Database, directory: Directory, wanted: Sequence[Wanted], *, site: Site | None = None
) -> Plan:
    """Return what would move for some pairs of addresses; raise MoveRefusedError with all that is wrong.

    With `site` only pages of that one are looked for.
    """
    faults = [*_repeated(wanted)]
    candidates: dict[str, tuple[Wanted, Page]] = {}
    done: set[Wanted] = set()
    for one in wanted:
        try:
            ids = _ids_of_old(directory, one.old, site)
            target = _target(directory, one.new)
        except InvalidPageError:
            faults.append(f"{one.place}{one.old} is not an http(s) address")
            continue
        except MoveRefusedError as error:
            faults.append(f"{one.place}{error}")
            continue
        moved = next((directory.aliases[page_id] for page_id in ids if page_id in directory.aliases), None)
        if moved is None:
            candidates |= dict.fromkeys(ids, (one, target))
        elif moved.id == _now(directory, target).id:
            done.add(one)
        else:
            faults.append(f"{one.place}{one.old} was moved to {moved.url}; move that page")
    found: dict[str, StoredPage] = {}
    async with database.read() as connection:
        for batch in _batches(sorted(candidates), database.limits.page_rows):
            found |= await pages.stored(connection, batch)
    moves: list[tuple[StoredPage, Page]] = []
    for page_id, page in found.items():
        one, target = candidates[page_id]
        target = _now(directory, target, itself_of=page_id)
        fault = _objection(one, page, target)
        if fault:
            faults.append(f"{one.place}{fault}")
        else:
            moves.append((page, target))
    if faults:
        raise MoveRefusedError(faults)
    known = {candidates[page_id][0] for page_id in found} | done
    return await _plan(database, moves, [one.old for one in wanted if one not in known])


async def plan_prefix(database: Database, directory: Directory, old: str, new: str) -> Plan:
    """Return what would move for all pages at or below an address; raise MoveRefusedError."""
    try:
        roots = {
            site.id: _root(directory.sites.page(site, old).url)
            for site in directory.sites
            if (owner := directory.sites.of_page(addresses.canonical(old))) is None or owner.id == site.id
        }
    except InvalidPageError as error:
        raise MoveRefusedError([f"{old} is not an http(s) address"]) from error
    target = _target(directory, new)
    new_root = _root(target.url)
    if any(_rest(f"{new_root}/", root) is not None for root in roots.values()):
        raise MoveRefusedError([f"{new} lies below {old}: pages that have moved would be moved again"])
    moves: list[tuple[StoredPage, Page]] = []
    faults: list[str] = []
    async with database.read() as connection:
        async for batch in _all(connection, database.limits.page_rows):
            for page in batch:
                rest = _rest(page.url, roots[page.site_id]) if page.site_id in roots else None
                if rest is None:
                    continue
                one = Wanted(old=page.url, new=f"{new_root}{rest}")
                to = _now(directory, _target(directory, one.new), itself_of=page.id)
                fault = _objection(one, page, to)
                if fault:
                    faults.append(fault)
                elif page.id not in directory.aliases:
                    moves.append((page, to))
    if faults:
        raise MoveRefusedError(faults)
    return await _plan(database, moves, [] if moves else [old])


async def plan_by_rules(database: Database, directory: Directory) -> Plan:
    """Return which pages the rules of today give another id, and so another page to join or to be."""
    moves: list[tuple[StoredPage, Page]] = []
    async with database.read() as connection:
        async for batch in _all(connection, database.limits.page_rows):
            for page in batch:
                site = directory.sites.get(page.site_id)
                if site is None:
                    continue
                try:
                    target = directory.page(site, page.url)
                except InvalidPageError:
                    continue
                if target.id != page.id:
                    moves.append((page, target))
    return await _plan(database, moves, [])


async def move(
    database: Database,
    moves: Sequence[PageMove],
    *,
    clock: Callable[[], datetime],
    on_moved: Callable[[int], None] = lambda _: None,
) -> None:
    """Let the old addresses stand for the new ones, then move the comments, all in batches.

    Stopped in between, a running service moves the rest, and so does the same command again. `on_moved` hears how
    many comments were moved.
    """
    await begin(database, moves, clock=clock)
    while True:
        moved = await move_batch(database, at=clock())
        on_moved(moved.comments)
        if not moved.is_more:
            return


async def begin(database: Database, moves: Sequence[PageMove], *, clock: Callable[[], datetime]) -> None:
    """Let the old addresses stand for the new ones; comments that are stored under them are still to be moved."""
    by_site: dict[str, list[PageMove]] = {}
    for one in moves:
        by_site.setdefault(one.page.site_id, []).append(one)
    for site_id in sorted(by_site):
        ordered = sorted(by_site[site_id], key=lambda one: one.page.id)
        for batch in _batches(ordered, database.limits.page_rows):
            async with database.write() as connection:
                await pages.send(connection, [(one.page, one.target) for one in batch])
                aliases = [(one.page.id, one.page.url, one.target) for one in batch]
                await page_aliases.put(connection, aliases, at=clock())


async def _plan(database: Database, moves: Sequence[tuple[StoredPage, Page]], without_comments: list[str]) -> Plan:
    counts: dict[str, int] = {}
    there: set[str] = set()
    arrivals: dict[str, int] = {}
    for _, target in moves:
        arrivals[target.id] = arrivals.get(target.id, 0) + 1
    async with database.read() as connection:
        for batch in _batches(moves, database.limits.page_rows):
            there |= set(await pages.stored(connection, [target.id for _, target in batch]))
            found = await pages.comment_counts(connection, [page.id for page, _ in batch])
            counts |= {page_id: sum(by_status.values()) for page_id, by_status in found.items()}
    return Plan(
        moves=[
            PageMove(
                page=page,
                target=target,
                comments=counts.get(page.id, 0),
                joins=target.id in there or arrivals[target.id] > 1,
            )
            for page, target in moves
        ],
        without_comments=without_comments,
    )


def _ids_of_old(directory: Directory, url: str, only: Site | None) -> list[str]:
    """Return under which ids a page may be stored: of one site or that which lists its origin, else of any."""
    owner = only or directory.sites.of_page(addresses.canonical(url))
    sites = directory.sites if owner is None else [owner]
    return [directory.sites.page(site, url).id for site in sites]


def _target(directory: Directory, url: str) -> Page:
    """Return the page at an address, whatever it is an alias of."""
    try:
        canonical = addresses.canonical(url)
    except InvalidPageError as error:
        raise MoveRefusedError([f"{url} is not an http(s) address"]) from error
    site = directory.sites.of_page(canonical)
    if site is None:
        raise MoveRefusedError([f"{url} belongs to no site of the sites file"])
    return directory.sites.page(site, url)


def _now(directory: Directory, page: Page, *, itself_of: str | None = None) -> Page:
    """Return what a page is now; it becomes itself again where what it became moves back there."""
    now = directory.aliases.get(page.id, page)
    return page if now.id == itself_of else now


def _objection(wanted: Wanted, page: StoredPage, target: Page) -> str | None:
    if page.site_id != target.site_id:
        return (
            f"{wanted.old} is a page of the site {page.site_id}, and {wanted.new} of {target.site_id}: "
            f"comments stay with their site"
        )
    if page.id == target.id:
        return f"{wanted.old} and {wanted.new} are one page already"
    return None


def _repeated(wanted: Iterable[Wanted]) -> Iterator[str]:
    """Name addresses that are given two new ones, or are both old and new."""
    wanted = list(wanted)
    first: dict[str, Wanted] = {}
    for one in wanted:
        before = first.setdefault(one.old, one)
        if before.new != one.new:
            yield f"{one.place}{one.old} is given another new address than before"
    for one in wanted:
        if one.new in first and first[one.new].new != one.new:
            yield f"{one.place}{one.new} is an old address, too; name the last one only"


def _root(url: str) -> str:
    return url.rstrip("/")


def _rest(url: str, root: str) -> str | None:
    """Return what stands behind a root in an address at or below it."""
    rest = url.removeprefix(root)
    return rest if url.startswith(root) and (not rest or rest[0] in "/?#") else None


async def _all(connection: Connection, size: int) -> AsyncIterator[list[StoredPage]]:
    after: str | None = None
    while batch := await pages.after(connection, after, size):
        yield batch
        after = batch[-1].id


def _batches(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
