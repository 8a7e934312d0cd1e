"""Eras of the change feed: which numbers were given out by which history of a database.

A database that is brought back from a backup gives out numbers again that others had before. Each era begins
behind the head of its moment under a random tag, so that a number and a tag together name one history.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, select

from moderation_service.storage.engine.database import Connection, insert
from moderation_service.storage.schema import change_counters, change_eras


async def begin(connection: Connection, tags: Mapping[str, str], *, at: datetime) -> None:
    """Open an era for each site under a tag, behind the newest number; the first one of a site holds all numbers.

    One that began at the same place holds no number yet, and is replaced. Nobody takes a number meanwhile: the
    counters stay locked until the commit, in the order of the sites.
    """
    for site_id in sorted(tags):
        head = await _locked_head(connection, site_id)
        await connection.execute(
            delete(change_eras).where(change_eras.c.site_id == site_id, change_eras.c.first > head)
        )
        is_known = await tag_of(connection, site_id, head) is not None
        first = head + 1 if is_known else 0
        era = {"site_id": site_id, "first": first, "tag": tags[site_id], "opened_at": at}
        await connection.execute(insert(connection, change_eras).values(era))


async def tag_of(connection: Connection, site_id: str, number: int) -> str | None:
    """Return the tag of the era in which a number lies, None before a site's first."""
    query = (
        select(change_eras.c.tag)
        .where(change_eras.c.site_id == site_id, change_eras.c.first <= number)
        .order_by(change_eras.c.first.desc())
        .limit(1)
    )
    return (await connection.execute(query)).scalar_one_or_none()


async def _locked_head(connection: Connection, site_id: str) -> int:
    counter = insert(connection, change_counters).values(site_id=site_id, number=0)
    await connection.execute(counter.on_conflict_do_nothing())
    query = select(change_counters.c.number).where(change_counters.c.site_id == site_id).with_for_update()
    head: int = (await connection.execute(query)).scalar_one()
    return head
