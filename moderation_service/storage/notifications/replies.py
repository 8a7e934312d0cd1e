"""What servers answered to messages: their words may repeat what a message told of a comment, and from whom."""

import re
from collections.abc import Collection
from typing import Any

from sqlalchemy import Table, bindparam, func, select, update

from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import ERASED, comments, deliveries, notifications, people

_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
"""An enhanced status code (RFC 3463): all that is kept of an answer."""


async def is_any_erased(connection: Connection, comment_ids: Collection[str]) -> bool:
    """Tell whether one of some comments is erased; none is from now on until the transaction ends."""
    query = select(comments.c.status).where(comments.c.id.in_(comment_ids)).order_by(comments.c.id)
    return ERASED in (await connection.execute(query.with_for_update(read=True))).scalars()


async def forget_about(connection: Connection, comment_ids: Collection[str]) -> None:
    """Take the words out of answers to messages that may have told moderators of some comments.

    Those are all to whoever was to be notified of one, since it came: of what was composed anew, or sent on, it is
    not known which comments it held.
    """
    told = select(notifications.c.person_id).where(notifications.c.comment_id.in_(comment_ids)).scalar_subquery()
    came = await connection.execute(select(func.min(comments.c.created_at)).where(comments.c.id.in_(comment_ids)))
    since = came.scalar_one()
    if since is None:
        return
    await _forget(connection, people, people.c.id.in_(told))
    await _forget(connection, deliveries, deliveries.c.person_id.in_(told), deliveries.c.created_at >= since)


async def _forget(connection: Connection, table: Table, *conditions: Any) -> None:
    query = select(table.c.id, table.c.last_error).where(table.c.last_error.is_not(None), *conditions)
    kept = [
        {"of": row.id, "status": found[0] if (found := _STATUS.search(row.last_error)) else None}
        for row in await connection.execute(query.order_by(table.c.id))
    ]
    if kept:
        await connection.execute(
            update(table).where(table.c.id == bindparam("of")).values(last_error=bindparam("status")), kept
        )
