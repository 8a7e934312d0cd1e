"""Log-ins that were asked for, and what became of them."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update

from moderation_service.storage.engine.database import Connection
from moderation_service.storage.engine.moments import is_since
from moderation_service.storage.schema import logins, people


async def times_by_network(
    connection: Connection, hashes: Collection[str], *, since: datetime, now: datetime
) -> list[datetime]:
    """Return when a client network asked, oldest first; a time in the future limits nobody."""
    query = select(logins.c.requested_at).where(
        logins.c.network_hash.in_(hashes), is_since(logins.c.requested_at, since, now)
    )
    return list((await connection.execute(query.order_by(logins.c.requested_at))).scalars())


async def count_for(connection: Connection, person_id: str, *, since: datetime, now: datetime) -> int:
    """Return how many mails were queued for a person; keeps others from queueing one until the commit."""
    await connection.execute(select(people.c.id).where(people.c.id == person_id).with_for_update())
    query = select(func.count()).where(
        logins.c.person_id == person_id, is_since(logins.c.requested_at, since, now)
    )
    return (await connection.execute(query)).scalar_one()


async def add(
    connection: Connection, *, new_id: str, person_id: str | None, network_hash: str, now: datetime
) -> None:
    """Store a request; without a person it leads nowhere."""
    await connection.execute(
        insert(logins).values(
            id=new_id,
            person_id=person_id,
            network_hash=network_hash,
            requested_at=now,
        )
    )


async def person_of(connection: Connection, login_id: str) -> tuple[str | None, bool]:
    """Return whose log-in it is, None when it is not known, and whether it was used."""
    query = select(logins.c.person_id, logins.c.used_at).where(logins.c.id == login_id)
    row = (await connection.execute(query)).first()
    return (None, False) if row is None else (row.person_id, row.used_at is not None)


async def use(connection: Connection, login_id: str, now: datetime) -> str | None:
    """Use a log-in up and return whose it is; None when it was used before."""
    change = (
        update(logins)
        .where(logins.c.id == login_id, logins.c.used_at.is_(None))
        .values(used_at=now)
        .returning(logins.c.person_id)
    )
    person_id: str | None = (await connection.execute(change)).scalar_one_or_none()
    return person_id


async def forget(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` log-ins that were asked for earlier; return how many."""
    old = select(logins.c.id).where(logins.c.requested_at < before).limit(most)
    result = await connection.execute(delete(logins).where(logins.c.id.in_(old)))
    return result.rowcount
