"""Looking through comments by keyset: every stretch reads as many rows as the first, however far it lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select

from moderation_service.domain.comments import Status
from moderation_service.storage.database import Connection
from moderation_service.storage.tables import IS_DECIDED, comments, contacts, pages

WINDOW = 20_000
"""How many comments a search looks through at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Comments of one site in one state, in order of arrival: what one index gives without sorting.

    `words` are looked for in text and name, `author` in the name; `address_hashes` are those of an address, whose
    comments an index finds.
    """

    site_id: str
    status: Status
    page_id: str | None = None
    words: str | None = None
    author: str | None = None
    address_hashes: tuple[str, ...] = ()
    newest_first: bool = False

    @property
    def is_search(self) -> bool:
        """Whether there may be far fewer comments than are looked at."""
        return bool(self.words or self.author) and not self.address_hashes


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A comment by id, and the page that decides who may see it."""

    id: str
    page_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What was found; `until` is the last id that was looked at, None at the stream's end."""

    found: Sequence[Found]
    until: str | None


async def look(connection: Connection, stream: Stream, *, after: str | None, limit: int) -> Stretch:
    """Return up to `limit` comments of a stream behind the id `after`; a search looks at a window at most."""
    rows = (await connection.execute(_query(stream, after, limit))).all()
    found = [Found(id=row.id, page_url=row.page_url) for row in rows]
    if len(found) == limit:
        return Stretch(found=found, until=found[-1].id)
    return Stretch(found=found, until=await _end_of_window(connection, stream, after))


async def recently_decided(connection: Connection, site_id: str, limit: int) -> list[Found]:
    """Return a site's comments by their last decision, the newest first."""
    query = (
        select(comments.c.id, pages.c.url.label("page_url"))
        .join(pages, pages.c.id == comments.c.page_id)
        .where(comments.c.site_id == site_id, IS_DECIDED)
        .order_by(comments.c.changed_at.desc())
        .limit(limit)
    )
    return [Found(id=row.id, page_url=row.page_url) for row in await connection.execute(query)]


def _query(stream: Stream, after: str | None, limit: int) -> Select[Any]:
    """Take a window first, from one index and in its order, and look for pages and words only within it.

    So neither rare words nor a planner's guess make a look cost more than its window.
    """
    columns = [comments.c.id, comments.c.page_id]
    if stream.words or stream.author:
        columns += [comments.c.author_name, comments.c.body]
    size = WINDOW if stream.words or stream.author else limit
    window = _ordered(select(*columns).where(*place(stream, after)), stream).limit(size).subquery()
    query = select(window.c.id, pages.c.url.label("page_url")).join(pages, pages.c.id == window.c.page_id)
    if stream.words:
        query = query.where(
            or_(
                window.c.body.icontains(stream.words, autoescape=True),
                window.c.author_name.icontains(stream.words, autoescape=True),
            )
        )
    if stream.author:
        query = query.where(window.c.author_name.icontains(stream.author, autoescape=True))
    return query.order_by(window.c.id.desc() if stream.newest_first else window.c.id).limit(limit)


async def _end_of_window(connection: Connection, stream: Stream, after: str | None) -> str | None:
    """Return where a search that found little stopped looking, None when there was nothing more to look at."""
    if not stream.is_search:
        return None
    query = _ordered(select(comments.c.id).where(*place(stream, after)), stream)
    last: str | None = (await connection.execute(query.offset(WINDOW - 1).limit(1))).scalar_one_or_none()
    return last


def place(stream: Stream, after: str | None) -> list[ColumnElement[bool]]:
    """Return the conditions that one index answers; the site is always among them, whoever named the page."""
    conditions: list[ColumnElement[bool]] = [
        comments.c.site_id == stream.site_id,
        comments.c.status == stream.status,
    ]
    if stream.page_id is not None:
        conditions.append(comments.c.page_id == stream.page_id)
    if stream.address_hashes:
        theirs = select(contacts.c.comment_id).where(contacts.c.address_hash.in_(stream.address_hashes))
        conditions.append(comments.c.id.in_(theirs))
    if after is not None:
        conditions.append(comments.c.id < after if stream.newest_first else comments.c.id > after)
    return conditions


def _ordered(query: Select[Any], stream: Stream) -> Select[Any]:
    return query.order_by(comments.c.id.desc() if stream.newest_first else comments.c.id)
