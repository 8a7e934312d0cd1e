"""What waits, and what was decided: one order over several streams of comments, in batches of equal cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from moderation_service.domain.accounts import addresses
from moderation_service.domain.accounts.addresses import InvalidAddressError
from moderation_service.domain.comments.comment import QueuedComment, Status
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.queue_order import Order, Place
from moderation_service.services.comments.listing import LARGEST
from moderation_service.storage.comments import comments, contacts
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.moderation import queue as stored
from moderation_service.storage.moderation.queue import Stream

_BATCH = 1_000

Sees = Callable[[str, str], bool]
"""Tells whether a page, by site id and URL, is for the reader's eyes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which comments are asked for; no status means all. An author is part of a name, or a whole address.

    Only what waits has the order of the queue; `suspects` are those alone where true, all others where false.
    `more_page_ids` are those under which comments of the page are stored that are still to move to its own. Of
    suspects that are alike `text_group` are those of one group alone, `without_groups` leaves out those of some.
    With `reported` the published ones with open reports are among those that wait.
    """

    status: Status | None = Status.PENDING
    page_id: str | None = None
    more_page_ids: tuple[str, ...] = ()
    words: str | None = None
    author: str | None = None
    order: Order = Order.OLDEST
    suspects: bool | None = None
    text_group: int | None = None
    without_groups: tuple[int, ...] = ()
    reported: bool = False

    def streams(self, site_id: str, keys: KeyRing) -> list[Stream]:
        """Return the streams of a site in which the comments lie."""
        hashes = _address_hashes(keys, self.author)
        kinds = [(status, False) for status in ([self.status] if self.status else Status)]
        if self.reported and self.status is Status.PENDING and self.text_group is None:
            kinds.append((Status.APPROVED, True))
        return [
            Stream(
                site_id=site_id,
                status=status,
                page_id=page_id,
                words=self.words,
                author=None if hashes else self.author,
                address_hashes=hashes,
                order=self.order,
                suspects=self.suspects,
                text_group=self.text_group,
                without_groups=() if reported else self.without_groups,
                reported=reported,
            )
            for status, reported in kinds
            for page_id in (self.page_id, *self.more_page_ids)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A slice of comments and their places, with the authors' addresses; `next_after` is None at the end."""

    comments: list[QueuedComment]
    places: list[Place]
    addresses: dict[str, str]
    next_after: Place | None


async def cut(
    connection: Connection, found: list[Place], next_after: Place | None
) -> tuple[list[Place], Place | None]:
    """Return the first of some comments, as many as have room in one answer, and where to go on behind them."""
    room = await comments.fitting(connection, [one.comment_id for one in found], LARGEST)
    return (found, next_after) if room == len(found) else (found[:room], found[room - 1])


async def load(connection: Connection, keys: KeyRing, places: Sequence[Place], next_after: Place | None) -> Queue:
    """Return the comments of places that are there, in that order."""
    ids = [one.comment_id for one in places]
    found = {one.id: one for one in await comments.get_many(connection, ids)}
    there = [one for one in places if one.comment_id in found]
    return Queue(
        comments=[found[one.comment_id] for one in there],
        places=there,
        addresses=await contacts.addresses(connection, keys, ids),
        next_after=next_after,
    )


async def look(
    connection: Connection,
    streams: Sequence[Stream],
    *,
    after: Place | None,
    limit: int,
    sees: Sees | None = None,
) -> tuple[list[Place], Place | None]:
    """Merge streams of one order; return up to `limit` behind `after`, and where to go on, None at the end."""
    backwards = any(stream.order is Order.NEWEST for stream in streams)
    found: list[Place] = []
    horizons: list[Place] = []
    for stream in streams:
        places, until = await _fill(connection, stream, after=after, limit=limit + 1, sees=sees)
        found += places
        if until is not None:
            horizons.append(until)
    found.sort(reverse=backwards)
    if not horizons:
        return found[:limit], found[limit - 1] if len(found) > limit else None
    nearest = max(horizons) if backwards else min(horizons)
    sure = [one for one in found if (one >= nearest if backwards else one <= nearest)]
    return sure[:limit], sure[limit - 1] if len(sure) > limit else nearest


async def _fill(
    connection: Connection, stream: Stream, *, after: Place | None, limit: int, sees: Sees | None
) -> tuple[list[Place], Place | None]:
    """Take from one stream what the reader may see, and say how far was looked; a window's worth at most."""
    if sees is None:
        looked_at = await stored.look(connection, stream, after=after, limit=limit)
        return [one.place for one in looked_at.found], looked_at.until
    places: list[Place] = []
    until, looked = after, 0
    while looked < stored.WINDOW:
        looked_at = await stored.look(connection, stream, after=until, limit=_BATCH)
        places += [one.place for one in looked_at.found if sees(stream.site_id, one.page_url)]
        if len(places) >= limit:
            return places[:limit], places[limit - 1]
        until = looked_at.until
        if until is None:
            break
        looked += stored.WINDOW if stream.is_search else _BATCH
    return places, until


def _address_hashes(keys: KeyRing, author: str | None) -> tuple[str, ...]:
    if author is None or "@" not in author:
        return ()
    try:
        address = addresses.normalise(author)
    except InvalidAddressError:
        return ()
    return keys.keyed_hashes(addresses.AUTHOR, addresses.identity(address))
