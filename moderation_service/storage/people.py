"""The people behind moderators' addresses, and who of the workers writes to whom."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, insert, or_, select, update

from moderation_service.storage import database
from moderation_service.storage.database import Connection
from moderation_service.storage.tables import IS_DUE, people, promises


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write to one person, good for as long as the token stands in the row."""

    person_id: str
    token: str
    attempts: int
    failing_since: datetime | None
    parked_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """How it stands with writing to one person; `last_error` holds a server's words."""

    id: str
    last_message_at: datetime | None
    next_attempt_at: datetime | None
    attempts: int
    parked_since: datetime | None
    last_error: str | None


async def known(connection: Connection, hashes: list[str]) -> dict[str, str]:
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


async def find(connection: Connection, hashes: tuple[str, ...]) -> str | None:
    """Return the id of the person with an address, None when there was never anything to tell them."""
    query = select(people.c.id).where(people.c.address_hash.in_(hashes)).order_by(people.c.id).limit(1)
    return (await connection.execute(query)).scalar_one_or_none()


async def count_due(
    connection: Connection, person_ids: Collection[str], now: datetime, interval: timedelta, most: int
) -> int:
    """Return how many people are to be written to, counting up to `most`, without locking anything."""
    due = _due(person_ids, now, interval)
    return len((await connection.execute(select(people.c.id).where(due).limit(most))).all())


async def claim(
    connection: Connection,
    person_ids: Collection[str],
    *,
    now: datetime,
    interval: timedelta,
    lease: timedelta,
    token: str,
) -> Lease | None:
    """Lease a person who is due and whom no other worker holds; None when there is none.

    The lock is the weaker one that lets others refer to the row: a stronger one would skip everybody for
    whom a comment is being stored just now, and hold up those who store.
    """
    shared_now = await database.now(connection)
    free = or_(people.c.lease_until.is_(None), people.c.lease_until < shared_now)
    candidate = (
        select(people.c.id)
        .where(free, _due(person_ids, now, interval))
        .order_by(people.c.last_message_at.asc().nulls_first())
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True)
    )
    row = (
        await connection.execute(
            update(people)
            .where(people.c.id.in_(candidate))
            .values(lease_token=token, lease_until=shared_now + lease)
            .returning(people.c.id, people.c.attempts, people.c.failing_since, people.c.parked_since)
        )
    ).first()
    if row is None:
        return None
    return Lease(
        person_id=row.id,
        token=token,
        attempts=row.attempts,
        failing_since=row.failing_since,
        parked_since=row.parked_since,
    )


async def hold(connection: Connection, lease: Lease) -> bool:
    """Keep a lease from being taken until the transaction ends; False when it was lost."""
    result = await connection.execute(update(people).where(*_is_held(lease)).values(lease_token=lease.token))
    return result.rowcount == 1


async def release(connection: Connection, lease: Lease, **values: object) -> bool:
    """Give a lease back and write what was learnt; False when it was lost, and then nothing is written."""
    result = await connection.execute(
        update(people).where(*_is_held(lease)).values(lease_token=None, lease_until=None, **values)
    )
    return result.rowcount == 1


async def parked(connection: Connection, person_ids: Collection[str]) -> int:
    """Return how many of these people cannot be reached."""
    query = select(func.count()).select_from(people)
    query = query.where(people.c.parked_since.is_not(None), people.c.id.in_(person_ids))
    return (await connection.execute(query)).scalar_one()


async def unpark(connection: Connection, person_ids: Collection[str]) -> None:
    """Let people be written to at once, as if nothing had failed."""
    await connection.execute(
        update(people)
        .where(people.c.id.in_(person_ids))
        .values(parked_since=None, failing_since=None, next_attempt_at=None, attempts=0, last_error=None)
    )


async def get_many(connection: Connection, person_ids: Collection[str]) -> dict[str, Person]:
    """Return people by id."""
    columns = [people.c[name] for name in Person.__dataclass_fields__]
    rows = await connection.execute(select(*columns).where(people.c.id.in_(person_ids)))
    return {row.id: Person(**row._mapping) for row in rows}  # noqa: SLF001


async def to_remind(connection: Connection, person_ids: Collection[str], *, before: datetime) -> list[str]:
    """Return those who were not reminded of anything since `before`."""
    query = select(people.c.id).where(
        people.c.id.in_(person_ids), or_(people.c.reminded_at.is_(None), people.c.reminded_at <= before)
    )
    return list((await connection.execute(query.order_by(people.c.id))).scalars())


async def note_reminder(connection: Connection, person_id: str, *, at: datetime) -> None:
    """Write down that a person is being reminded."""
    await connection.execute(update(people).where(people.c.id == person_id).values(reminded_at=at))


def _is_held(lease: Lease) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return people.c.id == lease.person_id, people.c.lease_token == lease.token


def _due(person_ids: Collection[str], now: datetime, interval: timedelta) -> ColumnElement[bool]:
    something_waits = exists().where(promises.c.person_id == people.c.id, IS_DUE)
    return and_(
        people.c.id.in_(person_ids),
        or_(people.c.next_attempt_at.is_(None), people.c.next_attempt_at <= now),
        or_(people.c.last_message_at.is_(None), people.c.last_message_at <= now - interval),
        something_waits,
    )
