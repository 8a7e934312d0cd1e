"""Numbers for what the public sees change: one counter a site, taken last in a transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update

from moderation_service.storage.database import Connection, insert
from moderation_service.storage.tables import change_counters, comments


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
    for number, comment_id in enumerate(comment_ids, start=last - taken + 1):
        await connection.execute(
            update(comments).where(comments.c.id == comment_id).values(change_number=number, change_at=at)
        )
