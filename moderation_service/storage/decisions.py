"""The history of decisions, which only grows."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, insert, select, tuple_

from moderation_service.domain.comments import QueuedComment, Status
from moderation_service.domain.decisions import Actor, Decision, Entry, Means
from moderation_service.storage.database import Connection
from moderation_service.storage.tables import decisions


async def add(connection: Connection, entries: Sequence[tuple[QueuedComment, Entry]]) -> None:
    """Write lines of history for comments that are locked."""
    await connection.execute(
        insert(decisions),
        [
            {
                "comment_id": comment.id,
                "number": entry.number,
                "revision": comment.revision,
                "decision": entry.decision,
                "from_status": entry.from_status,
                "to_status": entry.to_status,
                "means": entry.actor.means,
                "moderator_id": entry.actor.moderator_id,
                "actor_name": entry.actor.name,
                "note": entry.note,
                "at": entry.at,
            }
            for comment, entry in entries
        ],
    )


async def history(connection: Connection, comment_id: str) -> list[Entry]:
    """Return all decisions on a comment, oldest first."""
    query = select(decisions).where(decisions.c.comment_id == comment_id).order_by(decisions.c.number)
    return [_entry(row) for row in await connection.execute(query)]


async def newest(connection: Connection, comment_ids: Sequence[str]) -> dict[str, Entry]:
    """Return the newest decision on each comment that has one."""
    last = (
        select(decisions.c.comment_id, func.max(decisions.c.number))
        .where(decisions.c.comment_id.in_(comment_ids))
        .group_by(decisions.c.comment_id)
    )
    key = tuple_(decisions.c.comment_id, decisions.c.number)
    rows = await connection.execute(select(decisions).where(key.in_(last)))
    return {row.comment_id: _entry(row) for row in rows}


def _entry(row: Any) -> Entry:
    return Entry(
        number=row.number,
        decision=Decision(row.decision),
        from_status=Status(row.from_status),
        to_status=Status(row.to_status),
        actor=Actor(means=Means(row.means), moderator_id=row.moderator_id, name=row.actor_name),
        at=row.at,
        note=row.note,
    )
