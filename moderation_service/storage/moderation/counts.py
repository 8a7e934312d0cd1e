"""Counting comments by index, and never further than asked: what waits may be a million."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from moderation_service.domain.comments.comment import Status
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.moderation.queue import Stream, order_of, place
from moderation_service.storage.schema import ERASED, FILED_BY_RULE, IS_ALIKE, IS_DECIDED, comments, pages


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOf:
    """A page on which comments of a stream stand, with the title that came with one of them."""

    id: str
    site_id: str
    url: str
    title: str | None


async def count(connection: Connection, stream: Stream, *, limit: int) -> int:
    """Return how many comments a stream without words or author has, `limit` at most."""
    found = select(comments.c.id).where(*place(stream, None)).limit(limit).subquery()
    return (await connection.execute(select(func.count()).select_from(found))).scalar_one()


async def largest_groups(connection: Connection, site_id: str, *, among: int, least: int, most: int) -> list[int]:
    """Return the groups of suspects that are alike, of `least` at least, the largest first and `most` of them.

    Only `among` suspects are looked at.
    """
    window = (
        select(comments.c.text_group)
        .where(comments.c.site_id == site_id, IS_ALIKE)
        .order_by(comments.c.text_group)
        .limit(among)
        .subquery()
    )
    query = (
        select(window.c.text_group)
        .group_by(window.c.text_group)
        .having(func.count() >= least)
        .order_by(func.count().desc(), window.c.text_group)
        .limit(most)
    )
    return list((await connection.execute(query)).scalars())


async def pages_of(connection: Connection, streams: Sequence[Stream], *, among: int) -> list[PageOf]:
    """Return the pages of the first comments of streams, those with most of them first."""
    counted: dict[PageOf, int] = {}
    for stream in streams:
        window = (
            select(comments.c.page_id, comments.c.page_title)
            .where(*place(stream, None))
            .order_by(*order_of(stream))
            .limit(among)
            .subquery()
        )
        query = (
            select(window.c.page_id, pages.c.url, func.max(window.c.page_title).label("title"), func.count())
            .join(pages, pages.c.id == window.c.page_id)
            .group_by(window.c.page_id, pages.c.url)
        )
        for row in await connection.execute(query):
            counted[PageOf(id=row[0], site_id=stream.site_id, url=row[1], title=row[2])] = row[3]
    return sorted(counted, key=lambda one: (-counted[one], one.url))


async def decided_since(
    connection: Connection, site_ids: Sequence[str], since: datetime, *, limit: int
) -> dict[Status, int]:
    """Return how many comments of sites were decided since a time, by where they stand; `limit` a site at most.

    What sites answered is no comment that came in.
    """
    found: dict[Status, int] = {}
    for site_id in site_ids:
        window = (
            select(comments.c.status)
            .where(
                comments.c.site_id == site_id,
                IS_DECIDED,
                ~FILED_BY_RULE,
                ~comments.c.by_site,
                comments.c.status != ERASED,
                comments.c.changed_at >= since,
            )
            .limit(limit)
            .subquery()
        )
        query = select(window.c.status, func.count()).group_by(window.c.status)
        for row in await connection.execute(query):
            found[Status(row[0])] = found.get(Status(row[0]), 0) + row[1]
    return found
