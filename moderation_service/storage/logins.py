"""Log-ins that were asked for, and what became of them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update

from moderation_service.domain import clocks, notices
from moderation_service.storage import database
from moderation_service.storage.database import Connection
from moderation_service.storage.desk_tables import logins
from moderation_service.storage.leases import is_free
from moderation_service.storage.tables import people


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A log-in whose mail is to be sent, leased to the holder of the token."""

    id: str
    person_id: str
    requested_at: datetime
    attempts: int
    token: str


async def times_by_network(
    connection: Connection, hashes: Collection[str], *, since: datetime, now: datetime
) -> list[datetime]:
    """Return when a client network asked, oldest first; a time in the future limits nobody."""
    query = select(logins.c.requested_at).where(logins.c.network_hash.in_(hashes), _is_recent(since, now))
    return list((await connection.execute(query.order_by(logins.c.requested_at))).scalars())


async def count_for(connection: Connection, person_id: str, *, since: datetime, now: datetime) -> int:
    """Return how many mails a person was promised; keeps others from promising one until the commit."""
    await connection.execute(select(people.c.id).where(people.c.id == person_id).with_for_update())
    query = select(func.count()).where(logins.c.person_id == person_id, _is_recent(since, now))
    return (await connection.execute(query)).scalar_one()


async def add(
    connection: Connection, *, new_id: str, person_id: str | None, network_hash: str, now: datetime
) -> None:
    """Store a request; without a person nothing will be sent."""
    await connection.execute(
        insert(logins).values(
            id=new_id,
            person_id=person_id,
            network_hash=network_hash,
            requested_at=now,
            next_attempt_at=now,
            attempts=0,
        )
    )


async def is_any_due(connection: Connection, now: datetime, lease: timedelta) -> bool:
    """Tell whether a mail is to be sent that no worker holds, without locking anything."""
    free = is_free(logins.c.lease_until, await database.now(connection), lease)
    return (await connection.execute(select(logins.c.id).where(free, _is_due(now)).limit(1))).first() is not None


async def claim(connection: Connection, *, now: datetime, lease: timedelta, token: str) -> Claimed | None:
    """Lease the oldest log-in whose mail is due and that no other worker holds; None when there is none."""
    shared_now = await database.now(connection)
    candidate = (
        select(logins.c.id)
        .where(_is_due(now), is_free(logins.c.lease_until, shared_now, lease))
        .order_by(logins.c.next_attempt_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = (
        await connection.execute(
            update(logins)
            .where(logins.c.id.in_(candidate))
            .values(lease_token=token, lease_until=shared_now + lease)
            .returning(logins.c.id, logins.c.person_id, logins.c.requested_at, logins.c.attempts)
        )
    ).first()
    return None if row is None else Claimed(**row._mapping, token=token)  # noqa: SLF001


async def renew(connection: Connection, claimed: Claimed, *, lease: timedelta) -> None:
    """Let a lease that was not lost last as long again, from now on."""
    until = await database.now(connection) + lease
    await connection.execute(
        update(logins)
        .where(logins.c.id == claimed.id, logins.c.lease_token == claimed.token)
        .values(lease_until=until)
    )


async def release(connection: Connection, claimed: Claimed, **values: object) -> None:
    """Give a lease back and write what was learnt, unless another worker has it by now."""
    await connection.execute(
        update(logins)
        .where(logins.c.id == claimed.id, logins.c.lease_token == claimed.token)
        .values(lease_token=None, lease_until=None, **values)
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


def _is_due(now: datetime) -> ColumnElement[bool]:
    return and_(
        logins.c.person_id.is_not(None),
        logins.c.sent_at.is_(None),
        logins.c.given_up_at.is_(None),
        or_(logins.c.next_attempt_at <= now, logins.c.next_attempt_at > now + notices.LONGEST_WAIT),
    )


def _is_recent(since: datetime, now: datetime) -> ColumnElement[bool]:
    return and_(logins.c.requested_at > since, logins.c.requested_at <= now + clocks.SKEW)
