"""Looking through comments by keyset: every batch reads as many rows as the first, however far it lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, literal, or_, select, tuple_

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation.queue_order import Order, Place
from moderation_service.domain.screening.assessment import SUSPECT_FROM
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import (
    ERASED,
    IS_ALIKE,
    IS_DECIDED,
    IS_IN_QUEUE,
    WAITS_AGAIN,
    comments,
    contacts,
    pages,
)

WINDOW = 20_000
"""How many comments a search looks through at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Comments of one site in one state: what one index gives in their order without sorting.

    Only what waits has the order of the queue, and may be asked for with `suspects`: those alone where that is
    true, all others where it is false. `words` are looked for in text and name, `author` in the name;
    `address_hashes` are those of an address, whose comments an index finds. Of suspects that are alike those of
    one `text_group` alone are asked for, or all but those of some. `reported` are the approved ones with open
    reports, in the order of the queue by those: few, of which a window holds all.
    """

    site_id: str
    status: Status
    page_id: str | None = None
    words: str | None = None
    author: str | None = None
    address_hashes: tuple[str, ...] = ()
    order: Order = Order.OLDEST
    suspects: bool | None = None
    text_group: int | None = None
    without_groups: tuple[int, ...] = ()
    reported: bool = False

    @property
    def rank(self) -> ColumnElement[int]:
        """What the order of the queue goes by."""
        return comments.c.report_place if self.reported else comments.c.suspicion

    @property
    def is_search(self) -> bool:
        """Whether there may be far fewer comments than are looked at."""
        return bool(self.words or self.author or self.without_groups) and not self.address_hashes


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A comment by its place, and the page that decides who may see it."""

    place: Place
    page_url: str

    @property
    def id(self) -> str:
        """The comment's id."""
        return self.place.comment_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSlice:
    """What was found; `until` is the last place that was looked at, None at the stream's end."""

    found: Sequence[Found]
    until: Place | None


async def look(
    connection: Connection, stream: Stream, *, after: Place | None, limit: int, window: int = WINDOW
) -> PageSlice:
    """Return up to `limit` comments of a stream behind `after`; a search looks at `window` at most."""
    rows = (await connection.execute(_query(stream, after, limit, window))).all()
    found = [Found(place=_place(row.id, row.suspicion, stream), page_url=row.page_url) for row in rows]
    if len(found) == limit:
        return PageSlice(found=found, until=found[-1].place)
    return PageSlice(found=found, until=await _end_of_window(connection, stream, after, window))


async def recently_decided(connection: Connection, site_id: str, limit: int) -> list[Found]:
    """Return a site's comments by their last decision, the newest first."""
    query = (
        select(comments.c.id, pages.c.url.label("page_url"))
        .join(pages, pages.c.id == comments.c.page_id)
        .where(comments.c.site_id == site_id, IS_DECIDED, comments.c.status != ERASED)
        .order_by(comments.c.changed_at.desc())
        .limit(limit)
    )
    return [Found(place=Place(0, row.id), page_url=row.page_url) for row in await connection.execute(query)]


def _query(stream: Stream, after: Place | None, limit: int, most: int) -> Select[Any]:
    """Take a window first, from one index and in its order, and look for pages and words only within it.

    So neither rare words nor a planner's guess make a look cost more than its window.
    """
    columns: list[ColumnElement[Any]] = [comments.c.id, stream.rank.label("suspicion"), comments.c.page_id]
    if stream.words or stream.author:
        columns += [comments.c.author_name, comments.c.body]
    if stream.without_groups:
        columns.append(comments.c.text_group)
    size = most if stream.is_search or stream.words or stream.author or stream.reported else limit
    window = select(*columns).where(*place(stream, after)).order_by(*order_of(stream)).limit(size).subquery()
    query = select(window.c.id, window.c.suspicion, pages.c.url.label("page_url"))
    query = query.join(pages, pages.c.id == window.c.page_id)
    if stream.reported and after is not None and stream.order is not Order.QUEUE:
        query = query.where(_behind(stream, after, window.c.id))
    if stream.words:
        query = query.where(
            or_(
                window.c.body.icontains(stream.words, autoescape=True),
                window.c.author_name.icontains(stream.words, autoescape=True),
            )
        )
    if stream.author:
        query = query.where(window.c.author_name.icontains(stream.author, autoescape=True))
    if stream.without_groups:
        query = query.where(or_(window.c.text_group.is_(None), window.c.text_group.not_in(stream.without_groups)))
    return query.order_by(*_ordered(stream.order, window.c.suspicion, window.c.id)).limit(limit)


async def _end_of_window(connection: Connection, stream: Stream, after: Place | None, window: int) -> Place | None:
    """Return where a search that found little stopped looking, None when there was nothing more to look at."""
    if not stream.is_search or stream.reported:
        return None
    query = select(comments.c.id, stream.rank.label("suspicion"))
    query = query.where(*place(stream, after)).order_by(*order_of(stream))
    last = (await connection.execute(query.offset(window - 1).limit(1))).one_or_none()
    return None if last is None else _place(last.id, last.suspicion, stream)


def _place(comment_id: str, suspicion: int, stream: Stream) -> Place:
    return Place(suspicion if stream.order is Order.QUEUE else 0, comment_id)


def place(stream: Stream, after: Place | None) -> list[ColumnElement[bool]]:
    """Return the conditions that one index answers; the site is always among them, whoever named the page."""
    is_of_queue = stream.order is Order.QUEUE or stream.suspects is not None
    conditions: list[ColumnElement[bool]] = [
        comments.c.site_id == stream.site_id,
        WAITS_AGAIN if stream.reported else IS_IN_QUEUE if is_of_queue else comments.c.status == stream.status,
    ]
    if stream.suspects is not None:
        is_suspect = stream.rank >= SUSPECT_FROM
        conditions.append(is_suspect if stream.suspects else stream.rank < SUSPECT_FROM)
    if stream.text_group is not None:
        conditions += [IS_ALIKE, comments.c.text_group == stream.text_group]
    if stream.page_id is not None:
        conditions.append(comments.c.page_id == stream.page_id)
    if stream.address_hashes:
        theirs = select(contacts.c.comment_id).where(contacts.c.address_hash.in_(stream.address_hashes))
        conditions.append(comments.c.id.in_(theirs))
    if stream.reported:
        conditions.append(stream.rank >= 0)
    if after is not None and not (stream.reported and stream.order is not Order.QUEUE):
        conditions.append(_behind(stream, after, comments.c.id))
    return conditions


def _behind(stream: Stream, after: Place, comment_id: ColumnElement[str]) -> ColumnElement[bool]:
    order, rank = stream.order, stream.rank
    if order is Order.QUEUE:
        known = tuple_(literal(after.suspicion, rank.type), literal(after.comment_id, comments.c.id.type))
        return tuple_(rank, comment_id) > known
    return comment_id < after.comment_id if order is Order.NEWEST else comment_id > after.comment_id


def order_of(stream: Stream) -> list[ColumnElement[Any]]:
    """Return the columns by which a stream's index is read."""
    return _ordered(Order.QUEUE if stream.reported else stream.order, stream.rank, comments.c.id)


def _ordered(
    order: Order, suspicion: ColumnElement[Any], comment_id: ColumnElement[Any]
) -> list[ColumnElement[Any]]:
    if order is Order.QUEUE:
        return [suspicion, comment_id]
    return [comment_id.desc() if order is Order.NEWEST else comment_id.asc()]
