"""How many comments there are for one person at the desk, by state, site and page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from moderation_service.domain.accounts.sites import Membership
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.queue_order import Order
from moderation_service.domain.screening.traffic import ALIKE_FROM
from moderation_service.services.moderation import queue
from moderation_service.services.moderation.queue import Filter
from moderation_service.storage.comments import page_titles
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.moderation import counts
from moderation_service.storage.moderation.counts import PageOf

MOST = 10_000
"""How far is counted where an index counts; beyond there are more."""

MOST_FOUND = 1_000
"""How far is counted where comments have to be looked at: for words, authors, and moderators of some paths."""

_PAGES = 6
_MOST_GROUPS = 5
_AMONG_SUSPECTS = 20_000
_PAGES_AMONG = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A number of comments; where counting stopped there `is_more`."""

    number: int
    is_more: bool = False

    def __add__(self, other: "Count") -> "Count":
        """Return how many both are together."""
        return Count(number=self.number + other.number, is_more=self.is_more or other.is_more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What stands beside the list.

    `shown` is how many the filter matches, None where that would take a search that was not asked for; `states`,
    `suspects` and `pages` are those of the chosen site, `sites` are of what is shown. A search has neither states
    nor suspects.
    """

    shown: Count | None
    states: dict[Status, Count]
    suspects: Count | None
    sites: dict[str, Count]
    pages: list[tuple[PageOf, Count]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Suspects of a site that are alike, and how many they are."""

    site_id: str
    text_group: int
    count: Count


async def groups(
    connection: Connection, keys: KeyRing, memberships: Sequence[Membership], wanted: Filter
) -> list[Group]:
    """Return the largest groups of suspects that are alike, the largest first.

    None where a filter is on, and none of sites of which a person sees some pages only.
    """
    if wanted.suspects is None or wanted.page_id is not None or wanted.text_group is not None:
        return []
    found: list[Group] = []
    for site_id in [membership.site.id for membership in memberships if membership.sees_all]:
        for text_group in await counts.largest_groups(
            connection, site_id, among=_AMONG_SUSPECTS, least=ALIKE_FROM, most=_MOST_GROUPS
        ):
            alike = replace(_waiting(wanted, suspects=True), text_group=text_group)
            numbers = [await counts.count(connection, one, limit=MOST + 1) for one in alike.streams(site_id, keys)]
            number = Count(number=min(sum(numbers), MOST), is_more=sum(numbers) > MOST)
            found.append(Group(site_id=site_id, text_group=text_group, count=number))
    return sorted(found, key=lambda one: -one.count.number)[:_MOST_GROUPS]


async def overview(
    connection: Connection,
    keys: KeyRing,
    memberships: Sequence[Membership],
    wanted: Filter,
    *,
    site_id: str | None,
    with_search: bool,
    suspects_apart: bool = True,
) -> Overview:
    """Count what one person may see; a search for words or an author is counted only if that is asked for.

    Where suspects are apart, those that wait are counted without them.
    """
    chosen = [membership for membership in memberships if site_id in (None, membership.site.id)]
    states: dict[Status, Count] = {}
    suspects: Count | None = None
    if wanted.words or wanted.author:
        shown = await _of_memberships(connection, keys, chosen, wanted) if with_search else None
    else:
        of_states = replace(wanted, order=Order.OLDEST, suspects=None, text_group=None)
        states = {
            status: await _of_memberships(
                connection,
                keys,
                chosen,
                _waiting(of_states, suspects=False)
                if status is Status.PENDING and suspects_apart
                else replace(of_states, status=status, reported=status is Status.PENDING),
            )
            for status in Status
        }
        suspects = await _of_memberships(connection, keys, chosen, _waiting(wanted, suspects=True))
        shown = _shown(wanted, states, suspects, suspects_apart=suspects_apart)
    everywhere = replace(wanted, words=None, author=None, page_id=None, more_page_ids=(), text_group=None)
    return Overview(
        shown=shown,
        states=states,
        suspects=suspects,
        sites={
            membership.site.id: await _of_memberships(connection, keys, [membership], everywhere)
            for membership in memberships
        }
        if len(memberships) > 1
        else {},
        pages=await _pages(connection, keys, chosen, everywhere),
    )


def _waiting(wanted: Filter, *, suspects: bool) -> Filter:
    return replace(wanted, status=Status.PENDING, order=Order.QUEUE, suspects=suspects, reported=True)


def _shown(wanted: Filter, states: dict[Status, Count], suspects: Count, *, suspects_apart: bool) -> Count:
    """Return how many a filter that is no search matches."""
    if wanted.suspects:
        return suspects
    if wanted.status is not None:
        return states[wanted.status]
    return sum(states.values(), suspects if suspects_apart else Count(number=0))


async def _pages(
    connection: Connection, keys: KeyRing, memberships: Sequence[Membership], wanted: Filter
) -> list[tuple[PageOf, Count]]:
    streams = [stream for membership in memberships for stream in wanted.streams(membership.site.id, keys)]
    found = await counts.pages_of(connection, streams, among=_PAGES_AMONG)
    membership_of = {membership.site.id: membership for membership in memberships}
    seen = [one for one in found if membership_of[one.site_id].covers(one.url)][:_PAGES]
    titles = await page_titles.of_pages(connection, [one.id for one in seen]) if seen else {}
    return [
        (
            replace(one, title=titles[one.id].public or one.title),
            await _of_page(connection, keys, one, replace(wanted, page_id=one.id, more_page_ids=())),
        )
        for one in seen
    ]


async def _of_page(connection: Connection, keys: KeyRing, page: PageOf, wanted: Filter) -> Count:
    """Count the comments of one page, in its own site."""
    numbers = [
        await counts.count(connection, stream, limit=MOST + 1) for stream in wanted.streams(page.site_id, keys)
    ]
    return Count(number=min(sum(numbers), MOST), is_more=sum(numbers) > MOST)


async def _of_memberships(
    connection: Connection, keys: KeyRing, memberships: Sequence[Membership], wanted: Filter
) -> Count:
    found = Count(number=0)
    for membership in memberships:
        for stream in wanted.streams(membership.site.id, keys):
            if membership.sees_all and not stream.is_search:
                number = await counts.count(connection, stream, limit=MOST + 1)
                found += Count(number=min(number, MOST), is_more=number > MOST)
                continue
            sees = None if membership.sees_all else _sees(membership)
            ids, after = await queue.look(connection, [stream], after=None, limit=MOST_FOUND, sees=sees)
            found += Count(number=len(ids), is_more=after is not None)
    return found


def _sees(membership: Membership) -> queue.Sees:
    return lambda _, page_url: membership.covers(page_url)
