"""The desk: what waits for one person over all their sites, its history, and deciding many at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from moderation_service.domain.comments import QueuedComment, Status
from moderation_service.domain.decisions import Actor, Entry, Means, Outcome, Request
from moderation_service.domain.errors import NotFoundError
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.sites import Seat
from moderation_service.services import desk_counts, moderation, queue, responsibility
from moderation_service.services.desk_counts import Overview
from moderation_service.services.moderation import Announce, Result
from moderation_service.services.queue import Filter
from moderation_service.storage import address_views, comments, counts, decisions
from moderation_service.storage import queue as stored
from moderation_service.storage.address_views import AddressView
from moderation_service.storage.database import Connection, Database

_LAST = 5
_LOOKED_AT_FOR_LAST = 50
_MOST_NEWS = 1_000
_MOST_REPLIES = 50
_MOST_ANCESTORS = 20
_MOST_TODAY = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A comment on the desk; `parent` is what it answers, `last` its newest decision."""

    seat: Seat
    comment: QueuedComment
    address: str
    parent: QueuedComment | None
    last: Entry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A stretch of the queue, the last decisions, and all numbers; what comes after `newest` is news."""

    items: list[Item]
    next_after: str | None
    last: list[Item]
    newest: str | None
    overview: Overview


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """All that is known of one comment; `ancestors` is what it answers, the first one first."""

    item: Item
    ancestors: list[Item]
    replies: list[Item]
    history: list[Entry]
    views: list[AddressView]


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """How comments that are shown stand by now, how many came meanwhile, and how many there are."""

    items: list[Item]
    new: int
    overview: Overview


class Desk:
    """Answers one person's questions, and only about comments that are that person's to decide."""

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        *,
        person_ids: Callable[[], list[str]],
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        announce: Announce,
    ) -> None:
        self._database = database
        self._announce = announce
        self._keys = keys
        self._person_ids = person_ids
        self._clock = clock
        self._new_id = new_id

    async def sheet(
        self, seats: Sequence[Seat], wanted: Filter, *, site_id: str | None, after: str | None, limit: int
    ) -> Sheet:
        """Return up to `limit` comments behind `after`, of one site or of all."""
        chosen = [seat for seat in seats if site_id in (None, seat.site.id)]
        async with self._database.read() as connection:
            ids, next_after = await self._look(connection, chosen, wanted, after=after, limit=limit)
            newest, _ = await self._look(connection, seats, Filter(newest_first=True), after=None, limit=1)
            return Sheet(
                items=await self._items(connection, seats, ids),
                next_after=next_after,
                last=await self._items(connection, seats, await self._last(connection, seats)),
                overview=await desk_counts.overview(
                    connection, self._keys, seats, wanted, site_id=site_id, with_search=True
                ),
                newest=next(iter(newest), None),
            )

    async def first_waiting(self, seats: Sequence[Seat]) -> str | None:
        """Return the oldest comment that waits for this person."""
        after: str | None = None
        async with self._database.read() as connection:
            while True:
                ids, after = await self._look(connection, seats, Filter(), after=after, limit=1)
                if ids or after is None:
                    return ids[0] if ids else None

    async def news(
        self,
        seats: Sequence[Seat],
        wanted: Filter,
        shown: Sequence[str],
        *,
        site_id: str | None,
        newest: str | None,
        with_search: bool,
    ) -> News:
        """Return how the shown comments stand now, and count what waits behind the comment `newest`."""
        chosen = [seat for seat in seats if site_id in (None, seat.site.id)]
        waiting = Filter(page_id=wanted.page_id, more_page_ids=wanted.more_page_ids)
        async with self._database.read() as connection:
            ids, _ = await self._look(connection, chosen, waiting, after=newest, limit=_MOST_NEWS)
            return News(
                items=await self._items(connection, seats, shown),
                new=len(ids),
                overview=await desk_counts.overview(
                    connection, self._keys, seats, wanted, site_id=site_id, with_search=with_search
                ),
            )

    async def decided_today(self, seats: Sequence[Seat]) -> dict[Status, int]:
        """Return what was decided today, by where it led; of sites that are one person's whole."""
        now = self._clock().astimezone(ZoneInfo(seats[0].moderator.timezone))
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        site_ids = [seat.site.id for seat in seats if seat.sees_all]
        async with self._database.read() as connection:
            return await counts.decided_since(connection, site_ids, midnight, limit=_MOST_TODAY)

    async def file(self, seats: Sequence[Seat], comment_id: str) -> File:
        """Return one comment with its history; raise NotFoundError unless it is this person's."""
        async with self._database.read() as connection:
            return await self._file(connection, seats, comment_id)

    async def show_address(self, seats: Sequence[Seat], comment_id: str) -> File:
        """Record that the person looks at the whole address, and return the file with that record in it."""
        async with self._database.write() as connection:
            item = (await self._file(connection, seats, comment_id)).item
            view = AddressView(
                moderator_id=item.seat.moderator.id, actor_name=item.seat.moderator.name, at=self._clock()
            )
            await address_views.add(connection, view, new_id=self._new_id(), comment_id=comment_id)
            return await self._file(connection, seats, comment_id)

    async def decide(self, seats: Sequence[Seat], requests: Sequence[Request]) -> list[Result]:
        """Take decisions, one transaction a site; comments that are not this person's are not found."""
        async with self._database.read() as connection:
            asked = await comments.get_many(connection, [request.comment_id for request in requests])
            seat_of = await self._seats_of(connection, seats, asked)
        results: dict[str, Result] = {}
        for seat in seats:
            here = [one for one in requests if seat_of.get(one.comment_id) == seat]
            if not here:
                continue
            actor = Actor(means=Means.DESK, moderator_id=seat.moderator.id, name=seat.moderator.name)
            for result in await moderation.decide(
                self._database, seat.site, here, actor=actor, now=self._clock(), announce=self._announce
            ):
                results[result.comment_id] = result
        return [
            results.get(one.comment_id)
            or Result(comment_id=one.comment_id, status=None, outcome=Outcome.NOT_FOUND)
            for one in requests
        ]

    async def _look(
        self, connection: Connection, seats: Sequence[Seat], wanted: Filter, *, after: str | None, limit: int
    ) -> tuple[list[str], str | None]:
        streams = [stream for seat in seats for stream in wanted.streams(seat.site.id, self._keys)]
        sees = None if all(seat.sees_all for seat in seats) else _sees(seats)
        return await queue.look(connection, streams, after=after, limit=limit, sees=sees)

    async def _last(self, connection: Connection, seats: Sequence[Seat]) -> list[str]:
        """Return what was decided last, the newest first."""
        recent = [
            (seat, found)
            for seat in seats
            for found in await stored.recently_decided(connection, seat.site.id, _LOOKED_AT_FOR_LAST)
        ]
        entries = await decisions.newest(connection, [found.id for _, found in recent])
        theirs = [
            found.id
            for seat, found in recent
            if found.id in entries
            and (seat.covers(found.page_url) or responsibility.is_own(seat, entries[found.id], self._clock()))
        ]
        return sorted(theirs, key=lambda one: entries[one].at, reverse=True)[:_LAST]

    async def _file(self, connection: Connection, seats: Sequence[Seat], comment_id: str) -> File:
        found = await self._items(connection, seats, [comment_id])
        if not found:
            raise NotFoundError
        [item] = found
        ancestors = await comments.ancestors(connection, item.comment, limit=_MOST_ANCESTORS)
        replies = await comments.replies(connection, item.comment, limit=_MOST_REPLIES)
        return File(
            item=item,
            ancestors=await self._items(connection, seats, ancestors),
            replies=await self._items(connection, seats, replies),
            history=await decisions.history(connection, comment_id),
            views=await address_views.of_comment(connection, comment_id),
        )

    async def _items(self, connection: Connection, seats: Sequence[Seat], ids: Sequence[str]) -> list[Item]:
        """Return those of the comments that are this person's, in the order of the ids."""
        loaded = await queue.load(connection, self._keys, ids, None)
        seat_of = await self._seats_of(connection, seats, loaded.comments)
        parent_ids = {one.parent_id for one in loaded.comments if one.parent_id is not None}
        parents = {one.id: one for one in await comments.get_many(connection, sorted(parent_ids))}
        last = await decisions.newest(connection, ids)
        return [
            Item(
                seat=seat,
                comment=one,
                address=loaded.addresses[one.id],
                parent=parents.get(one.parent_id or ""),
                last=last.get(one.id),
            )
            for one in loaded.comments
            if (seat := seat_of.get(one.id)) is not None
        ]

    async def _seats_of(
        self, connection: Connection, seats: Sequence[Seat], found: Sequence[QueuedComment]
    ) -> dict[str, Seat]:
        return await responsibility.seats_of(
            connection, seats, found, everybody=self._person_ids(), now=self._clock()
        )


def _seat(seats: Sequence[Seat], site_id: str, page_url: str) -> Seat | None:
    """Return the seat whose comments those of a page are."""
    return next((one for one in seats if one.site.id == site_id and one.covers(page_url)), None)


def _sees(seats: Sequence[Seat]) -> queue.Sees:
    return lambda site_id, page_url: _seat(seats, site_id, page_url) is not None
