"""What is in a database, at a glance: enough to see at start whether it is the right one."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from moderation_service.storage.engine.database import Connection, count_roughly
from moderation_service.storage.schema import comments

_COUNTED_EXACTLY = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """How many comments there are, whether that is exact, and when the newest came in."""

    comments: int
    is_exact: bool
    newest: datetime | None


async def look(connection: Connection) -> Contents:
    """Return what is there, in a few milliseconds however much it is."""
    count, is_exact = await count_roughly(connection, comments, _COUNTED_EXACTLY)
    newest = select(comments.c.created_at).order_by(comments.c.id.desc()).limit(1)
    return Contents(
        comments=count, is_exact=is_exact, newest=(await connection.execute(newest)).scalar_one_or_none()
    )
