"""The people behind moderators' addresses, and who of the workers writes to whom."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, false, func, insert, or_, select, true, update

from moderation_service.domain.notifications import retry_policy
from moderation_service.domain.notifications.mail_interval import MailInterval
from moderation_service.storage.engine import database
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.engine.moments import is_free, is_until
from moderation_service.storage.schema import IS_DUE, IS_WAITING, notifications, people


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write to one person, good for as long as the token stands in the row."""

    person_id: str
    token: str
    attempts: int
    failing_since: datetime | None
    parked_since: datetime | None
    unanswered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """How it stands with writing to one person; `last_error` holds a server's words."""

    id: str
    next_attempt_at: datetime | None
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
        await connection.execute(
            insert(people).values(id=new_id, address_hash=hashes[0], attempts=0, unanswered=0)
        )
        return new_id
    if row.address_hash != hashes[0]:
        await connection.execute(update(people).where(people.c.id == row.id).values(address_hash=hashes[0]))
    person_id: str = row.id
    return person_id


async def find(connection: Connection, hashes: tuple[str, ...]) -> str | None:
    """Return the id of the person with an address, None when there was never anything to tell them."""
    query = select(people.c.id).where(people.c.address_hash.in_(hashes)).order_by(people.c.id).limit(1)
    return (await connection.execute(query)).scalar_one_or_none()


async def due(
    connection: Connection, interval: MailInterval, most: int, *, lease: timedelta, without: Collection[str] = ()
) -> list[str]:
    """Return up to `most` people who are to be written to and whom no worker holds, without locking anything.

    Who failed least often comes first, so that nobody's failures keep others waiting, then who waits longest.
    """
    free = is_free(people.c.lease_until, await database.now(connection), lease)
    query = select(people.c.id).where(free, _is_due(interval), people.c.id.not_in(without)).order_by(*_IN_TURN)
    return list((await connection.execute(query.limit(most))).scalars())


async def claim(
    connection: Connection,
    person_ids: Collection[str],
    interval: MailInterval | None,
    *,
    lease: timedelta,
    token: str,
) -> list[Lease]:
    """Lease those of some people who are due, or with no interval all of them, whom no other worker holds.

    The lock is the weaker one that lets others refer to the row: a stronger one would skip everybody for whom a
    comment is being stored just now, and hold up those who store.
    """
    shared_now = await database.now(connection)
    wanted = people.c.id.in_(person_ids)
    candidates = (
        select(people.c.id)
        .where(
            wanted,
            is_free(people.c.lease_until, shared_now, lease),
            true() if interval is None else _is_due(interval),
        )
        .with_for_update(skip_locked=True, key_share=True)
    )
    rows = await connection.execute(
        update(people)
        .where(people.c.id.in_(candidates))
        .values(lease_token=token, lease_until=shared_now + lease)
        .returning(
            people.c.id.label("person_id"),
            people.c.attempts,
            people.c.failing_since,
            people.c.parked_since,
            people.c.unanswered,
        )
    )
    found = [Lease(**row._mapping, token=token) for row in rows]  # noqa: SLF001
    return sorted(found, key=lambda one: list(person_ids).index(one.person_id))


async def renew(connection: Connection, held: Collection[Lease], *, lease: timedelta) -> None:
    """Let leases that were not lost last as long again, from now on."""
    until = await database.now(connection) + lease
    await connection.execute(update(people).where(_are_held(held)).values(lease_until=until))


async def with_much(connection: Connection, person_ids: Collection[str], *, over: int) -> set[str]:
    """Return those of some people for whom more notifications wait than `over`."""
    one_more = select(notifications.c.comment_id).where(notifications.c.person_id == people.c.id, IS_WAITING)
    beyond = one_more.limit(1).offset(over).correlate(people).exists()
    return set(
        (await connection.execute(select(people.c.id).where(people.c.id.in_(person_ids), beyond))).scalars()
    )


async def still_held(connection: Connection, held: Collection[Lease]) -> set[str]:
    """Return the people whose leases were not lost, and keep these from being taken until the transaction ends."""
    query = select(people.c.id).where(_are_held(held)).with_for_update(key_share=True)
    return set((await connection.execute(query)).scalars())


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


async def release_many(connection: Connection, held: Collection[Lease], **values: object) -> None:
    """Give back leases that were not lost, and write what was learnt."""
    await connection.execute(
        update(people).where(_are_held(held)).values(lease_token=None, lease_until=None, **values)
    )


async def let_try_again(connection: Connection, person_ids: Collection[str], *, most_failures: int) -> None:
    """Let people be written to at once whom only the server's failure made wait, if that was not too often."""
    await connection.execute(
        update(people)
        .where(people.c.id.in_(person_ids), people.c.parked_since.is_(None), people.c.attempts <= most_failures)
        .values(next_attempt_at=None)
    )


async def note_error(connection: Connection, person_ids: Collection[str], error: str) -> None:
    """Write down what keeps people from being written to."""
    await connection.execute(update(people).where(people.c.id.in_(person_ids)).values(last_error=error))


async def quicken(
    connection: Connection, person_ids: Collection[str], *, notified_before: datetime, now: datetime
) -> int:
    """Bring the interval of people back to its start, if their last message was not later than a time."""
    result = await connection.execute(
        update(people)
        .where(
            people.c.id.in_(person_ids),
            people.c.unanswered > 0,
            is_until(people.c.last_message_at, notified_before, now),
        )
        .values(unanswered=0, quiet_until=None)
    )
    return result.rowcount


async def hurry(connection: Connection, person_ids: Collection[str]) -> None:
    """Let the next message to people follow their last by the interval that it has while somebody decides."""
    await connection.execute(
        update(people)
        .where(people.c.id.in_(person_ids), people.c.quiet_until.is_not(None))
        .values(quiet_until=None)
    )


async def anybody_late(
    connection: Connection, person_ids: Collection[str], interval: MailInterval, by: timedelta
) -> bool:
    """Tell whether a message to somebody who can be reached is due since longer than `by`."""
    return (await connection.execute(_late(person_ids, interval, by).limit(1))).first() is not None


async def late(
    connection: Connection, person_ids: Collection[str], interval: MailInterval, by: timedelta
) -> set[str]:
    """Return those who can be reached to whom a message is due since longer than `by`."""
    return set((await connection.execute(_late(person_ids, interval, by))).scalars())


def _late(person_ids: Collection[str], interval: MailInterval, by: timedelta) -> Select[Any]:
    now, before = interval.now, interval.now - by
    last, quiet_until = people.c.last_message_at, people.c.quiet_until
    made_at = case((notifications.c.reminders == 0, notifications.c.created_at), else_=people.c.reminded_at)
    return select(people.c.id).where(
        people.c.id.in_(person_ids),
        people.c.parked_since.is_(None),
        or_(last.is_(None), is_until(last, before - interval.base, now)),
        or_(quiet_until.is_(None), quiet_until <= before, quiet_until > now + interval.longest),
        exists()
        .where(notifications.c.person_id == people.c.id, IS_DUE, is_until(made_at, before, now))
        .correlate(people),
    )


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
        .values(
            parked_since=None,
            failing_since=None,
            next_attempt_at=None,
            last_message_at=None,
            quiet_until=None,
            attempts=0,
            last_error=None,
        )
    )


async def get_many(connection: Connection, person_ids: Collection[str]) -> dict[str, Person]:
    """Return people by id."""
    columns = [people.c[name] for name in Person.__dataclass_fields__]
    rows = await connection.execute(select(*columns).where(people.c.id.in_(person_ids)))
    return {row.id: Person(**row._mapping) for row in rows}  # noqa: SLF001


async def to_remind(
    connection: Connection, person_ids: Collection[str], *, before: datetime, now: datetime
) -> list[str]:
    """Return those who were not reminded of anything since `before`; a time in the future is long ago."""
    query = select(people.c.id).where(
        people.c.id.in_(person_ids),
        or_(people.c.reminded_at.is_(None), is_until(people.c.reminded_at, before, now)),
    )
    return list((await connection.execute(query.order_by(people.c.id))).scalars())


async def note_reminder(connection: Connection, person_id: str, *, at: datetime) -> None:
    """Write down that a person is being reminded."""
    await connection.execute(update(people).where(people.c.id == person_id).values(reminded_at=at))


def _is_held(lease: Lease) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return people.c.id == lease.person_id, people.c.lease_token == lease.token


def _are_held(leases: Collection[Lease]) -> ColumnElement[bool]:
    """Return the condition for the rows of leases that were not lost; those of one claim share a token."""
    by_token: dict[str, list[str]] = {}
    for lease in leases:
        by_token.setdefault(lease.token, []).append(lease.person_id)
    return or_(
        false(),
        *(and_(people.c.id.in_(ids), people.c.lease_token == token) for token, ids in by_token.items()),
    )


_IN_TURN = (people.c.attempts, people.c.last_message_at.asc().nulls_first(), people.c.id)


def _is_due(interval: MailInterval) -> ColumnElement[bool]:
    something_waits = exists().where(notifications.c.person_id == people.c.id, IS_DUE)
    next_attempt = people.c.next_attempt_at
    return and_(
        or_(
            next_attempt.is_(None),
            next_attempt <= interval.now,
            next_attempt > interval.now + retry_policy.LONGEST_WAIT,
        ),
        _may_follow(interval),
        something_waits,
    )


def _may_follow(interval: MailInterval) -> ColumnElement[bool]:
    """Return the condition for people to whom a message may follow the last; a time in the future is long ago."""
    now, last, quiet_until = interval.now, people.c.last_message_at, people.c.quiet_until
    return and_(
        or_(last.is_(None), is_until(last, now - interval.base, now)),
        or_(quiet_until.is_(None), quiet_until <= now, quiet_until > now + interval.longest),
    )
