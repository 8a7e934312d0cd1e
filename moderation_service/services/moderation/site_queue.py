"""The queue of one site and its authors, for programs with its key."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.keys import KeyRing
from moderation_service.domain.moderation.authors import Author
from moderation_service.domain.moderation.decisions import Actor
from moderation_service.domain.moderation.queue_order import Place
from moderation_service.domain.moderation.reports import Reports
from moderation_service.services.moderation import authors, queue
from moderation_service.services.moderation.queue import Filter, Queue
from moderation_service.storage.comments import contacts
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.moderation import authors as stored
from moderation_service.storage.moderation import reports


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A slice of comments, with their authors and the handles of these, by comment; of those with an address.

    `reports` are the open ones of readers, by comment.
    """

    queue: Queue
    authors: dict[str, Author]
    handles: dict[str, str]
    reports: dict[str, Reports]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorFile:
    """An author at one site, with a slice of the comments, the newest first."""

    author: Author
    comments: Listed


class SiteQueue:
    """Answers the questions of programs, each about the comments of one site."""

    def __init__(
        self, database: Database, keys: KeyRing, *, clock: Callable[[], datetime], new_id: Callable[[], str]
    ) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._new_id = new_id

    async def read(self, site: Site, wanted: Filter, *, after: Place | None, limit: int) -> Listed:
        """Return up to `limit` comments of a site behind `after`, fewer where they are long.

        A search looks through a window of comments at a time: where it found few, `next_after` leads on.
        """
        async with self._database.read() as connection:
            streams = wanted.streams(site.id, self._keys)
            found, next_after = await queue.look(connection, streams, after=after, limit=limit)
            return await self._listed(connection, site, found, next_after)

    async def author(self, site: Site, handle: str, *, after: Place | None, limit: int) -> AuthorFile:
        """Return an author by handle; raise NotFoundError for one of whom the site has no comment."""
        async with self._database.read() as connection:
            hashes = await authors.hashes_behind(connection, self._keys, site.id, handle)
            return await self._file(connection, site, hashes, after=after, limit=limit)

    async def put_author_note(
        self, site: Site, handle: str, text: str | None, *, actor: Actor, limit: int
    ) -> AuthorFile:
        """Write the note on an author, or take it away, and return the author; raise NotFoundError as `author`."""
        async with self._database.write() as connection:
            hashes = await authors.hashes_behind(connection, self._keys, site.id, handle)
            await authors.write_note(
                connection, site.id, hashes, text, actor=actor, now=self._clock(), new_id=self._new_id()
            )
            return await self._file(connection, site, hashes, after=None, limit=limit)

    async def _file(
        self, connection: Connection, site: Site, hashes: tuple[str, ...], *, after: Place | None, limit: int
    ) -> AuthorFile:
        newest = [Place(0, one) for one, _ in await stored.newest(connection, site.id, hashes)]
        behind = [one for one in newest if after is None or one < after]
        next_after = behind[limit - 1] if len(behind) > limit else None
        return AuthorFile(
            author=await authors.at_site(connection, site.id, hashes),
            comments=await self._listed(connection, site, behind[:limit], next_after),
        )

    async def _listed(
        self, connection: Connection, site: Site, found: list[Place], next_after: Place | None
    ) -> Listed:
        shown, next_after = await queue.cut(connection, found, next_after)
        loaded = await queue.load(connection, self._keys, shown, next_after)
        reported = [one.id for one in loaded.comments if one.report_place is not None]
        hashes = await contacts.hashes(connection, [one.comment_id for one in shown])
        return Listed(
            queue=loaded,
            authors=await authors.known(connection, self._keys, loaded.comments, loaded.addresses),
            handles={one: authors.handle(self._keys, site.id, known) for one, known in hashes.items()},
            reports=await reports.open_of(connection, reported) if reported else {},
        )
