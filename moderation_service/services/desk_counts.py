"""How many comments there are for one person at the desk, by state, site and page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from moderation_service.domain.comments import Status
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.sites import Seat
from moderation_service.services import queue
from moderation_service.services.queue import Filter
from moderation_service.storage import counts
from moderation_service.storage.counts import PageOf
from moderation_service.storage.database import Connection

MOST = 10_000
"""How far is counted where an index counts; beyond there are more."""

MOST_FOUND = 1_000
"""How far is counted where comments have to be looked at: for words, authors, and moderators of some paths."""

_PAGES = 6
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

    `shown` is how many the filter matches, None where that would take a search that was not asked for; `states`
    and `pages` are those of the chosen site, `sites` are of the state that is shown.
    """

    shown: Count | None
    states: dict[Status, Count]
    sites: dict[str, Count]
    pages: list[tuple[PageOf, Count]]


async def overview(
    connection: Connection,
    keys: KeyRing,
    seats: Sequence[Seat],
    wanted: Filter,
    *,
    site_id: str | None,
    with_search: bool,
) -> Overview:
    """Count what one person may see; a search for words or an author is counted only if that is asked for."""
    chosen = [seat for seat in seats if site_id in (None, seat.site.id)]
    of_states = replace(wanted, words=None, author=None)
    states = {
        status: await _of_seats(connection, keys, chosen, replace(of_states, status=status)) for status in Status
    }
    shown: Count | None = sum(
        (states[status] for status in ([wanted.status] if wanted.status else Status)), Count(number=0)
    )
    if wanted.words or wanted.author:
        states, shown = {}, await _of_seats(connection, keys, chosen, wanted) if with_search else None
    everywhere = replace(of_states, page_id=None, more_page_ids=())
    return Overview(
        shown=shown,
        states=states,
        sites={seat.site.id: await _of_seats(connection, keys, [seat], everywhere) for seat in seats}
        if len(seats) > 1
        else {},
        pages=await _pages(connection, keys, chosen, everywhere),
    )


async def _pages(
    connection: Connection, keys: KeyRing, seats: Sequence[Seat], wanted: Filter
) -> list[tuple[PageOf, Count]]:
    streams = [stream for seat in seats for stream in wanted.streams(seat.site.id, keys)]
    found = await counts.pages_of(connection, streams, among=_PAGES_AMONG)
    seat_of = {seat.site.id: seat for seat in seats}
    seen = [one for one in found if seat_of[one.site_id].covers(one.url)][:_PAGES]
    return [
        (one, await _of_page(connection, keys, one, replace(wanted, page_id=one.id, more_page_ids=())))
        for one in seen
    ]


async def _of_page(connection: Connection, keys: KeyRing, page: PageOf, wanted: Filter) -> Count:
    """Count the comments of one page, in its own site."""
    numbers = [
        await counts.count(connection, stream, limit=MOST + 1) for stream in wanted.streams(page.site_id, keys)
    ]
    return Count(number=min(sum(numbers), MOST), is_more=sum(numbers) > MOST)


async def _of_seats(connection: Connection, keys: KeyRing, seats: Sequence[Seat], wanted: Filter) -> Count:
    found = Count(number=0)
    for seat in seats:
        for stream in wanted.streams(seat.site.id, keys):
            if seat.sees_all and not stream.is_search:
                number = await counts.count(connection, stream, limit=MOST + 1)
                found += Count(number=min(number, MOST), is_more=number > MOST)
                continue
            sees = None if seat.sees_all else _sees(seat)
            ids, after = await queue.look(connection, [stream], after=None, limit=MOST_FOUND, sees=sees)
            found += Count(number=len(ids), is_more=after is not None)
    return found


def _sees(seat: Seat) -> queue.Sees:
    return lambda _, page_url: seat.covers(page_url)
