"""The people behind moderators' addresses, and who of the workers writes to whom."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, insert, or_, select, update

from moderation_service.domain.notices import PromiseState
from moderation_service.storage import database
from moderation_service.storage.database import Connection
from moderation_service.storage.tables import people, promises


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write to one person, good for as long as the token stands in the row."""

    person_id: str
    token: str
    attempts: int
    failing_since: datetime | None


async def find(connection: Connection, hashes: list[str]) -> dict[str, str]:
    """Return the ids of people by the hashes of their addresses, those that are there."""
    rows = await connection.execute(
        select(people.c.address_hash, people.c.id).where(people.c.address_hash.in_(hashes))
    )
    return {row.address_hash: row.id for row in rows}


async def find_or_add(connection: Connection, hashes: tuple[str, ...], new_id: str) -> str:
    """Return the id of the person with an address, known by its hash under any listed key.

    Only under `Database.exclusive`: no unique index keeps two processes from adding one person twice.
    """
    query = select(people.c.id, people.c.address_hash).where(people.c.address_hash.in_(hashes))
    row = (await connection.execute(query.order_by(people.c.id))).first()
    if row is None:
        await connection.execute(insert(people).values(id=new_id, address_hash=hashes[0], attempts=0))
        return new_id
    if row.address_hash != hashes[0]:
        await connection.execute(update(people).where(people.c.id == row.id).values(address_hash=hashes[0]))
    person_id: str = row.id
    return person_id


async def is_any_due(
    connection: Connection, person_ids: Collection[str], now: datetime, interval: timedelta
) -> bool:
    """Tell whether anybody is to be written to, without locking anything."""
    due = _due(person_ids, now, interval)
    return (await connection.execute(select(people.c.id).where(due).limit(1))).first() is not None


async def claim(
    connection: Connection,
    person_ids: Collection[str],
    *,
    now: datetime,
    interval: timedelta,
    lease: timedelta,
    token: str,
) -> Lease | None:
    """Lease a person who is due and whom no other worker holds; None when there is none."""
    shared_now = await database.now(connection)
    free = or_(people.c.lease_until.is_(None), people.c.lease_until < shared_now)
    candidate = (
        select(people.c.id)
        .where(free, _due(person_ids, now, interval))
        .order_by(people.c.last_message_at.asc().nulls_first())
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = (
        await connection.execute(
            update(people)
            .where(people.c.id.in_(candidate))
            .values(lease_token=token, lease_until=shared_now + lease)
            .returning(people.c.id, people.c.attempts, people.c.failing_since)
        )
    ).first()
    if row is None:
        return None
    return Lease(person_id=row.id, token=token, attempts=row.attempts, failing_since=row.failing_since)


async def release(connection: Connection, lease: Lease, **values: object) -> bool:
    """Give a lease back and write what was learnt; False when it was lost, and then nothing is written."""
    result = await connection.execute(
        update(people)
        .where(people.c.id == lease.person_id, people.c.lease_token == lease.token)
        .values(lease_token=None, lease_until=None, **values)
    )
    return result.rowcount == 1


async def parked(connection: Connection) -> int:
    """Return how many people cannot be reached."""
    rows = await connection.execute(select(people.c.id).where(people.c.parked_since.is_not(None)))
    return len(rows.all())


def _due(person_ids: Collection[str], now: datetime, interval: timedelta) -> ColumnElement[bool]:
    something_waits = exists().where(promises.c.person_id == people.c.id, promises.c.state == PromiseState.WAITING)
    return and_(
        people.c.id.in_(person_ids),
        or_(people.c.next_attempt_at.is_(None), people.c.next_attempt_at <= now),
        or_(people.c.last_message_at.is_(None), people.c.last_message_at <= now - interval),
        something_waits,
    )
