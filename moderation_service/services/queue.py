"""What waits, and what was decided: one order over several streams of comments, in stretches of equal cost."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from moderation_service.domain import addresses
from moderation_service.domain.addresses import InvalidAddressError
from moderation_service.domain.comments import QueuedComment, Status
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.sites import Site
from moderation_service.services.listing import LARGEST
from moderation_service.services.submission import AUTHOR
from moderation_service.storage import comments, contacts
from moderation_service.storage import queue as stored
from moderation_service.storage.database import Connection, Database
from moderation_service.storage.queue import Stream

_BATCH = 1_000

Sees = Callable[[str, str], bool]
"""Tells whether a page, by site id and URL, is for the reader's eyes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which comments are asked for; no status means all. An author is part of a name, or a whole address.

    `more_page_ids` are those under which comments of the page are stored that are still to move to its own.
    """

    status: Status | None = Status.PENDING
    page_id: str | None = None
    more_page_ids: tuple[str, ...] = ()
    words: str | None = None
    author: str | None = None
    newest_first: bool = False

    def streams(self, site_id: str, keys: KeyRing) -> list[Stream]:
        """Return the streams of a site in which the comments lie."""
        hashes = _address_hashes(keys, self.author)
        return [
            Stream(
                site_id=site_id,
                status=status,
                page_id=page_id,
                words=self.words,
                author=None if hashes else self.author,
                address_hashes=hashes,
                newest_first=self.newest_first,
            )
            for status in ([self.status] if self.status else Status)
            for page_id in (self.page_id, *self.more_page_ids)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A stretch of comments, with the authors' addresses; `next_after` is None at the end."""

    comments: list[QueuedComment]
    addresses: dict[str, str]
    next_after: str | None


async def of_site(
    database: Database, keys: KeyRing, site: Site, wanted: Filter, *, after: str | None, limit: int
) -> Queue:
    """Return up to `limit` comments of a site behind the comment `after`, fewer where they are long.

    A search looks through a window of comments at a time: where it found few, `next_after` leads on.
    """
    async with database.read() as connection:
        ids, next_after = await look(connection, wanted.streams(site.id, keys), after=after, limit=limit)
        room = await comments.fitting(connection, ids, LARGEST)
        if room < len(ids):
            ids, next_after = ids[:room], ids[room - 1]
        return await load(connection, keys, ids, next_after)


async def load(connection: Connection, keys: KeyRing, ids: Sequence[str], next_after: str | None) -> Queue:
    """Return comments in the order of their ids as given."""
    found = {one.id: one for one in await comments.get_many(connection, ids)}
    known = await contacts.addresses(connection, keys, ids)
    return Queue(comments=[found[one] for one in ids if one in found], addresses=known, next_after=next_after)


async def look(
    connection: Connection,
    streams: Sequence[Stream],
    *,
    after: str | None,
    limit: int,
    sees: Sees | None = None,
) -> tuple[list[str], str | None]:
    """Merge streams by id; return up to `limit` ids behind `after`, and where to go on, None at the end."""
    backwards = any(stream.newest_first for stream in streams)
    found: list[str] = []
    horizons: list[str] = []
    for stream in streams:
        ids, until = await _fill(connection, stream, after=after, limit=limit + 1, sees=sees)
        found += ids
        if until is not None:
            horizons.append(until)
    found.sort(reverse=backwards)
    if not horizons:
        return found[:limit], found[limit - 1] if len(found) > limit else None
    nearest = max(horizons) if backwards else min(horizons)
    sure = [one for one in found if (one >= nearest if backwards else one <= nearest)]
    return sure[:limit], sure[limit - 1] if len(sure) > limit else nearest


async def _fill(
    connection: Connection, stream: Stream, *, after: str | None, limit: int, sees: Sees | None
) -> tuple[list[str], str | None]:
    """Take from one stream what the reader may see, and say how far was looked; a window's worth at most."""
    if sees is None:
        stretch = await stored.look(connection, stream, after=after, limit=limit)
        return [one.id for one in stretch.found], stretch.until
    ids: list[str] = []
    until, looked = after, 0
    while looked < stored.WINDOW:
        stretch = await stored.look(connection, stream, after=until, limit=_BATCH)
        ids += [one.id for one in stretch.found if sees(stream.site_id, one.page_url)]
        if len(ids) >= limit:
            return ids[:limit], ids[limit - 1]
        until = stretch.until
        if until is None:
            break
        looked += stored.WINDOW if stream.is_search else _BATCH
    return ids, until


def _address_hashes(keys: KeyRing, author: str | None) -> tuple[str, ...]:
    if author is None or "@" not in author:
        return ()
    try:
        address = addresses.normalise(author)
    except InvalidAddressError:
        return ()
    return keys.keyed_hashes(AUTHOR, addresses.identity(address))
