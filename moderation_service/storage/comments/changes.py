"""Numbers for what the public sees change: one counter a site, taken last in a transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update

from moderation_service.storage.engine.database import Connection, insert
from moderation_service.storage.schema import change_counters, comments, page_aliases, pages


async def stamp(
    connection: Connection, site_id: str, comment_ids: Sequence[str], *, at: datetime, is_update: bool = False
) -> None:
    """Give comments of a site the next numbers; with `is_update` for what changed about public ones.

    The counter's row stays locked until the commit, so numbers become visible in their order and a reader
    who asks for what comes after one can never miss another.
    """
    last = await take(connection, site_id, len(comment_ids))
    statement = update(comments).where(comments.c.id == bindparam("stamped"))
    numbered: dict[str, Any] = {"change_number": bindparam("number"), "change_at": at}
    if is_update:
        numbered["updated_number"] = bindparam("number")
    await connection.execute(
        statement.values(numbered),
        [
            {"stamped": comment_id, "number": number}
            for number, comment_id in enumerate(comment_ids, start=last - len(comment_ids) + 1)
        ],
    )


async def take(connection: Connection, site_id: str, taken: int) -> int:
    """Take the next numbers of a site, and return the last of them; nobody else gets any until the commit."""
    statement = insert(connection, change_counters).values(site_id=site_id, number=taken)
    statement = statement.on_conflict_do_update(
        index_elements=[change_counters.c.site_id], set_={"number": change_counters.c.number + taken}
    )
    last: int = (await connection.execute(statement.returning(change_counters.c.number))).scalar_one()
    return last


async def counters(connection: Connection) -> dict[str, int]:
    """Return the newest number of every site that has one."""
    rows = await connection.execute(select(change_counters.c.site_id, change_counters.c.number))
    return {row.site_id: row.number for row in rows}


async def pages_after(connection: Connection, site_id: str, after: int) -> tuple[set[str], int]:
    """Return the ids of a site's pages that changed after a number, and the newest number.

    A page changes with its comments, with its title, and where it becomes an alias of another or itself again.
    """
    commented = select(comments.c.page_id, comments.c.change_number).where(
        comments.c.site_id == site_id, comments.c.change_number > after
    )
    titled = select(pages.c.id, pages.c.title_number).where(
        pages.c.site_id == site_id, pages.c.title_number > after
    )
    aliased = select(page_aliases.c.id, page_aliases.c.number).where(
        page_aliases.c.site_id == site_id, page_aliases.c.number > after
    )
    joined = select(page_aliases.c.moves_to, page_aliases.c.number).where(
        page_aliases.c.site_id == site_id, page_aliases.c.number > after
    )
    rows = (await connection.execute(commented.union_all(titled, aliased, joined))).all()
    return {row.page_id for row in rows}, max((row.change_number for row in rows), default=after)
