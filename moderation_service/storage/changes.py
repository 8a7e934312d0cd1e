"""Numbers for what the public sees change: one counter a site, taken last in a transaction."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import bindparam, case, select, update

from moderation_service.domain.changes import Change, ChangeType
from moderation_service.domain.comments import PublicComment, Status
from moderation_service.storage import bounded
from moderation_service.storage.database import Connection, insert
from moderation_service.storage.tables import change_counters, comments, pages

_PUBLIC = tuple(field.name for field in fields(PublicComment))


async def stamp(connection: Connection, site_id: str, comment_ids: Sequence[str], *, at: datetime) -> None:
    """Give comments of a site the next numbers.

    The counter's row stays locked until the commit, so numbers become visible in their order and a reader
    who asks for what comes after one can never miss another.
    """
    taken = len(comment_ids)
    statement = insert(connection, change_counters).values(site_id=site_id, number=taken)
    statement = statement.on_conflict_do_update(
        index_elements=[change_counters.c.site_id], set_={"number": change_counters.c.number + taken}
    )
    last = (await connection.execute(statement.returning(change_counters.c.number))).scalar_one()
    await connection.execute(
        update(comments)
        .where(comments.c.id == bindparam("stamped"))
        .values(change_number=bindparam("number"), change_at=at),
        [
            {"stamped": comment_id, "number": number}
            for number, comment_id in enumerate(comment_ids, start=last - taken + 1)
        ],
    )


async def counters(connection: Connection) -> dict[str, int]:
    """Return the newest number of every site that has one."""
    rows = await connection.execute(select(change_counters.c.site_id, change_counters.c.number))
    return {row.site_id: row.number for row in rows}


async def pages_after(connection: Connection, site_id: str, after: int) -> tuple[set[str], int]:
    """Return the ids of a site's pages that changed after a number, and the newest number among them."""
    rows = (
        await connection.execute(
            select(comments.c.page_id, comments.c.change_number).where(
                comments.c.site_id == site_id, comments.c.change_number > after
            )
        )
    ).all()
    return {row.page_id for row in rows}, max((row.change_number for row in rows), default=after)


async def head(connection: Connection, site_id: str) -> int:
    """Return the newest number of a site."""
    query = select(change_counters.c.number).where(change_counters.c.site_id == site_id)
    return (await connection.execute(query)).scalar_one_or_none() or 0


async def after(connection: Connection, site_id: str, number: int, *, limit: int, largest: int) -> list[Change]:
    """Return a site's changes after a number, by rising number: the newest visible state of each comment.

    They end before their texts exceed `largest` bytes, but where there are any, there is one.
    """
    is_public = comments.c.status == Status.APPROVED
    size = case((is_public, bounded.size()), else_=0).label("size")
    sized = (
        select(comments.c.id, comments.c.change_number, size)
        .where(comments.c.site_id == site_id, comments.c.change_number > number)
        .order_by(comments.c.change_number)
        .limit(limit)
        .cte("sized")
    )
    shown = bounded.within(sized, sized.c.change_number)
    query = (
        select(comments, pages.c.url)
        .join(shown, shown.c.id == comments.c.id)
        .join(pages, pages.c.id == comments.c.page_id)
    )
    rows = await connection.execute(query, {"largest": largest})
    return sorted((_change(row) for row in rows), key=attrgetter("number"))


def _change(row: Any) -> Change:
    is_public = row.status == Status.APPROVED
    shown = PublicComment(**{name: getattr(row, name) for name in _PUBLIC}) if is_public else None
    kind = ChangeType.WITHDRAWN
    if is_public:
        kind = ChangeType.PUBLISHED if row.revision == 1 else ChangeType.UPDATED
    return Change(
        number=row.change_number,
        type=kind,
        comment_id=row.id,
        page_url=row.url,
        at=row.change_at,
        comment=shown,
    )
