"""Open sessions of the desk."""

from datetime import datetime

from sqlalchemy import delete, insert, select

from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import sessions


async def add(connection: Connection, *, new_id: str, person_id: str, now: datetime) -> None:
    """Open a session."""
    await connection.execute(insert(sessions).values(id=new_id, person_id=person_id, opened_at=now))


async def person_of(connection: Connection, session_id: str, *, opened_after: datetime) -> str | None:
    """Return whose session it is, None when it is over."""
    query = select(sessions.c.person_id).where(sessions.c.id == session_id, sessions.c.opened_at > opened_after)
    return (await connection.execute(query)).scalar_one_or_none()


async def end(connection: Connection, session_id: str) -> None:
    """End a session; whoever holds its cookie holds nothing."""
    await connection.execute(delete(sessions).where(sessions.c.id == session_id))


async def forget(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` sessions that were opened earlier; return how many."""
    old = select(sessions.c.id).where(sessions.c.opened_at < before).limit(most)
    result = await connection.execute(delete(sessions).where(sessions.c.id.in_(old)))
    return result.rowcount
