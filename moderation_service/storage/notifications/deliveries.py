"""The queue of deliveries: what is to leave the service, who of the workers sends it, and what became of it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)

from moderation_service.domain.notifications import retry_policy
from moderation_service.domain.notifications.pushes import PUSH
from moderation_service.domain.notifications.states import MODERATION, DeliveryState, NotificationState
from moderation_service.storage.engine import database
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.engine.moments import is_ahead, is_free
from moderation_service.storage.schema import IS_TO_DELIVER, deliveries, notifications, people

_ID_CHARACTERS = 36
_OPEN = (DeliveryState.WAITING, DeliveryState.PARKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A delivery on disk; `last_error` holds a server's words. Only moderation mail is ever `shortened`.

    It goes to a person, or to a `recipient` by name.
    """

    id: str
    kind: str
    person_id: str | None
    reference: str | None
    message_id: str
    state: DeliveryState
    created_at: datetime
    sent_at: datetime | None
    attempts: int
    next_attempt_at: datetime | None
    last_error: str | None
    shortened: bool
    recipient: str | None = None


_COLUMNS = tuple(deliveries.c[name] for name in Stored.__dataclass_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery that is to be sent, leased to the holder of the token."""

    id: str
    kind: str
    person_id: str | None
    reference: str | None
    message_id: str
    created_at: datetime
    attempts: int
    token: str
    recipient: str | None = None


async def add(connection: Connection, fresh: Sequence[Stored]) -> None:
    """Store new deliveries."""
    if fresh:
        await insert_rows(connection, deliveries, [asdict(one) for one in fresh])


async def add_for(
    connection: Connection,
    person_id: str,
    *,
    new_id: str,
    kind: str,
    reference: str | None,
    message_id: str,
    now: datetime,
) -> None:
    """Let something be delivered to a person, at once; nothing is stored where there is no such person.

    One statement either way, so that whoever asks cannot tell by the work whose address was theirs.
    """
    values = {
        "id": new_id,
        "kind": kind,
        "person_id": person_id,
        "reference": reference,
        "message_id": message_id,
        "state": DeliveryState.WAITING,
        "created_at": now,
        "attempts": 0,
        "next_attempt_at": now,
        "shortened": False,
    }
    row = select(*(literal(value, deliveries.c[name].type) for name, value in values.items()))
    await connection.execute(
        insert(deliveries).from_select(list(values), row.where(people.c.id == person_id), include_defaults=False)
    )


async def add_for_authors(
    connection: Connection,
    fresh: Sequence[tuple[str, str]],
    *,
    kind: str,
    now: datetime,
    due: datetime | None = None,
) -> None:
    """Let something be delivered to authors, each by its id and what leads to an address, at once or when due."""
    await add(
        connection,
        [
            Stored(
                id=new_id,
                kind=kind,
                person_id=None,
                reference=reference,
                message_id=new_id,
                state=DeliveryState.WAITING,
                created_at=now,
                sent_at=None,
                attempts=0,
                next_attempt_at=due or now,
                last_error=None,
                shortened=False,
            )
            for new_id, reference in fresh
        ],
    )


async def newest(connection: Connection, person_id: str, *, kind: str, of: str) -> datetime | None:
    """Return when a person's newest delivery of a kind was made whose reference begins so; None without any."""
    query = select(func.max(deliveries.c.created_at)).where(
        deliveries.c.person_id == person_id,
        deliveries.c.kind == kind,
        deliveries.c.reference.startswith(of, autoescape=True),
    )
    found: datetime | None = (await connection.execute(query)).scalar_one()
    return found


async def add_for_recipient(
    connection: Connection,
    recipient: str,
    references: Sequence[str | None],
    *,
    kind: str,
    new_id: Callable[[], str],
    now: datetime,
    due: datetime,
    person_id: str | None = None,
) -> None:
    """Let something be delivered to a recipient by name, once for each reference, from `due` on.

    A recipient may be a place at which a person is told.
    """
    rows = [
        {
            "id": one_id,
            "kind": kind,
            "person_id": person_id,
            "recipient": recipient,
            "reference": reference,
            "message_id": one_id,
            "state": DeliveryState.WAITING,
            "created_at": now,
            "attempts": 0,
            "next_attempt_at": due,
            "shortened": False,
        }
        for reference, one_id in ((reference, new_id()) for reference in references)
    ]
    if rows:
        await insert_rows(connection, deliveries, rows)


async def is_any_due(
    connection: Connection, kind: str, now: datetime, lease: timedelta, *, recipient: str | None = None
) -> bool:
    """Tell whether something of a kind is to be sent that no worker holds, without locking anything."""
    free = is_free(deliveries.c.lease_until, await database.now(connection), lease)
    query = select(deliveries.c.id).where(*_goes_to(kind, recipient), *_is_due(now), free).limit(1)
    return (await connection.execute(query)).first() is not None


async def kinds_due(connection: Connection, kinds: Collection[str], now: datetime, lease: timedelta) -> set[str]:
    """Return of which of some kinds something is to be sent that no worker holds, without locking anything.

    It costs one question where nothing is due, however many kinds there are.
    """
    due = set()
    left = set(kinds)
    while left:
        query = select(deliveries.c.kind).where(deliveries.c.kind.in_(sorted(left)), *_is_due(now)).limit(1)
        kind = (await connection.execute(query)).scalar()
        if kind is None:
            break
        left.remove(kind)
        if await is_any_due(connection, kind, now, lease):
            due.add(kind)
    return due


async def recipients_due(connection: Connection, kind: str, now: datetime, lease: timedelta) -> set[str]:
    """Return the recipients to whom something of a kind is to be sent that no worker holds."""
    free = is_free(deliveries.c.lease_until, await database.now(connection), lease)
    query = select(deliveries.c.recipient).where(*_goes_to(kind), *_is_due(now), free).distinct()
    return {recipient for (recipient,) in await connection.execute(query)}


async def claim(
    connection: Connection,
    kind: str,
    *,
    now: datetime,
    lease: timedelta,
    token: str,
    recipient: str | None = None,
) -> Claimed | None:
    """Lease the oldest delivery of a kind that is due and that no other worker holds; None when there is none.

    With a `recipient`, only what goes there.
    """
    shared_now = await database.now(connection)
    candidate = (
        select(deliveries.c.id)
        .where(*_goes_to(kind, recipient), *_is_due(now), is_free(deliveries.c.lease_until, shared_now, lease))
        .order_by(deliveries.c.next_attempt_at, deliveries.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = (
        await connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(candidate))
            .values(lease_token=token, lease_until=shared_now + lease)
            .returning(*(deliveries.c[name] for name in Claimed.__dataclass_fields__ if name != "token"))
        )
    ).first()
    return None if row is None else Claimed(**row._mapping, token=token)  # noqa: SLF001


async def renew(connection: Connection, claimed: Claimed, *, lease: timedelta) -> None:
    """Let a lease that was not lost last as long again, from now on."""
    until = await database.now(connection) + lease
    await connection.execute(update(deliveries).where(*_is_held(claimed)).values(lease_until=until))


async def release(connection: Connection, claimed: Claimed, **values: object) -> bool:
    """Give a lease back and write what was learnt; False when it was lost, and then nothing is written."""
    result = await connection.execute(
        update(deliveries).where(*_is_held(claimed)).values(lease_token=None, lease_until=None, **values)
    )
    return result.rowcount == 1


async def note_attempt(connection: Connection, delivery_id: str, **values: object) -> None:
    """Write what an attempt came to, on a delivery that goes on waiting."""
    await connection.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery_id)
        .values(attempts=deliveries.c.attempts + 1, **values)
    )


async def take_up(connection: Connection, person_ids: Collection[str] | None, *, most_tries: int) -> list[str]:
    """Let parked deliveries be tried once more that were not tried too often; return for whom.

    They are those of some people, or with None of everybody.
    """
    found = await in_state(connection, [DeliveryState.PARKED], person_ids)
    parked_ones = [one for one in found if one.recipient is None]
    again = [one for one in parked_ones if one.attempts < most_tries]
    if again:
        ids = [one.id for one in again]
        await connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(ids), deliveries.c.state == DeliveryState.PARKED)
            .values(state=DeliveryState.WAITING, next_attempt_at=None)
        )
        await connection.execute(
            update(notifications)
            .where(notifications.c.message_id.in_(ids), notifications.c.state == NotificationState.PARKED)
            .values(state=NotificationState.WAITING)
        )
    return [one.person_id for one in again if one.person_id is not None]


async def hasten(connection: Connection, kind: str, recipient: str) -> None:
    """Let what was tried before and waits for a recipient be sent at once: it works again."""
    await connection.execute(
        update(deliveries)
        .where(
            deliveries.c.kind == kind,
            deliveries.c.recipient == recipient,
            IS_TO_DELIVER,
            deliveries.c.attempts > 0,
            deliveries.c.lease_token.is_(None),
        )
        .values(next_attempt_at=None)
    )


async def release_parked(
    connection: Connection,
    kind: str,
    *,
    most_tries: int,
    person_id: str | None = None,
    recipient: str | None = None,
) -> None:
    """Let what is parked of a kind, of a person, a recipient or all, be tried again, if not tried too often."""
    await connection.execute(
        update(deliveries)
        .where(
            deliveries.c.kind == kind,
            deliveries.c.state == DeliveryState.PARKED,
            deliveries.c.attempts < most_tries,
            true() if person_id is None else deliveries.c.person_id == person_id,
            true() if recipient is None else deliveries.c.recipient == recipient,
        )
        .values(state=DeliveryState.WAITING, next_attempt_at=None)
    )


async def retry(connection: Connection, delivery_ids: Collection[str]) -> None:
    """Let open deliveries be sent at once, as if nothing had failed; whoever is sending one goes on with it."""
    await connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(delivery_ids), deliveries.c.state.in_(_OPEN))
        .values(state=DeliveryState.WAITING, next_attempt_at=None, attempts=0)
    )


async def cancel(connection: Connection, delivery_ids: Collection[str]) -> None:
    """Give open deliveries up, also those that are being sent: what comes of that is not written."""
    await connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(delivery_ids), deliveries.c.state.in_(_OPEN))
        .values(state=DeliveryState.CANCELLED, lease_token=None, lease_until=None)
    )


async def get(connection: Connection, id_or_prefix: str) -> list[Stored]:
    """Return the deliveries whose id begins so; the whole id finds at most one."""
    spelled = cast(deliveries.c.id, Text)
    wanted = id_or_prefix.lower()
    query = select(*_COLUMNS).where(
        or_(
            spelled.startswith(wanted, autoescape=True),
            spelled.startswith(wanted.replace("-", ""), autoescape=True),
        )
    )
    return [stored(row._mapping) for row in await connection.execute(query.order_by(deliveries.c.id))]  # noqa: SLF001


async def settle(
    connection: Connection, recipient: str, states: Sequence[DeliveryState], state: DeliveryState, **values: object
) -> int:
    """Let what goes to a recipient and is in one of some states be in another; return how much it was.

    What is being sent just now is left to whoever sends it.
    """
    result = await connection.execute(
        update(deliveries)
        .where(
            deliveries.c.recipient == recipient,
            deliveries.c.state.in_(states),
            deliveries.c.lease_token.is_(None),
        )
        .values(state=state, **values)
    )
    return result.rowcount


async def revive(connection: Connection, recipient: str, *, now: datetime) -> int:
    """Let what was refused for good be sent to a recipient as if it were new; return how much it is."""
    return await settle(
        connection,
        recipient,
        [DeliveryState.PARKED],
        DeliveryState.WAITING,
        attempts=0,
        next_attempt_at=None,
        created_at=now,
    )


async def references_open_for(connection: Connection, recipient: str) -> list[str | None]:
    """Return the references of all that waits for a recipient or is parked."""
    is_open = deliveries.c.state.in_(_OPEN)
    query = select(deliveries.c.reference).where(deliveries.c.recipient == recipient, is_open)
    return [reference for (reference,) in await connection.execute(query)]


async def counts(connection: Connection, recipients: Collection[str]) -> dict[tuple[str, DeliveryState], int]:
    """Count what goes to some recipients and is open, by recipient and state."""
    rows = await connection.execute(
        select(deliveries.c.recipient, deliveries.c.state, func.count())
        .where(deliveries.c.recipient.in_(recipients), deliveries.c.state.in_(_OPEN))
        .group_by(deliveries.c.recipient, deliveries.c.state)
    )
    return {(recipient, DeliveryState(state)): number for recipient, state, number in rows}


async def open_for(connection: Connection, recipient: str, most: int) -> list[Stored]:
    """Return the first deliveries to a recipient that wait or are parked, oldest first."""
    query = select(*_COLUMNS).where(deliveries.c.recipient == recipient, deliveries.c.state.in_(_OPEN))
    rows = await connection.execute(query.order_by(deliveries.c.id).limit(most))
    return [stored(row._mapping) for row in rows]  # noqa: SLF001


async def waits_unseen(connection: Connection, recipient: str) -> bool:
    """Tell whether something waits for a recipient that nobody is sending just now."""
    query = select(deliveries.c.id).where(
        deliveries.c.recipient == recipient, IS_TO_DELIVER, deliveries.c.lease_token.is_(None)
    )
    return (await connection.execute(query.limit(1))).first() is not None


async def in_state(
    connection: Connection,
    states: Sequence[DeliveryState],
    person_ids: Collection[str] | None = None,
    *,
    kind: str | None = None,
) -> list[Stored]:
    """Return deliveries by state, oldest first, of some people or of all, of one kind or of all."""
    query: Select[Any] = select(*_COLUMNS).where(deliveries.c.state.in_(states))
    if person_ids is not None:
        query = query.where(deliveries.c.person_id.in_(person_ids))
    if kind is not None:
        query = query.where(deliveries.c.kind == kind)
    return [stored(row._mapping) for row in await connection.execute(query.order_by(deliveries.c.id))]  # noqa: SLF001


async def parked(connection: Connection, person_ids: Collection[str]) -> int:
    """Return how many deliveries to these people were refused for good; others have nobody left to be notified."""
    query = select(func.count()).where(
        deliveries.c.person_id.in_(person_ids), deliveries.c.state == DeliveryState.PARKED
    )
    return (await connection.execute(query)).scalar_one()


async def forget_about(connection: Connection, ids: Collection[str]) -> None:
    """Delete mail to authors and reporters whose reference begins with one of some ids, also what is being sent.

    What a server says of it then is written nowhere.
    """
    goes_to_nobody_known = and_(deliveries.c.person_id.is_(None), deliveries.c.recipient.is_(None))
    await connection.execute(
        delete(deliveries).where(
            goes_to_nobody_known, func.substr(deliveries.c.reference, 1, _ID_CHARACTERS).in_(ids)
        )
    )


async def forget(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` closed deliveries of before; what tells of comments is kept with these."""
    old = (
        select(deliveries.c.id)
        .where(
            deliveries.c.kind.not_in((MODERATION, PUSH)),
            deliveries.c.state.not_in(_OPEN),
            deliveries.c.created_at < before,
        )
        .limit(most)
    )
    result = await connection.execute(delete(deliveries).where(deliveries.c.id.in_(old)))
    return result.rowcount


def stored(row: Any) -> Stored:
    """Return a row of all columns as a value."""
    return Stored(**{**row, "state": DeliveryState(row["state"])})


def _is_held(claimed: Claimed) -> tuple[ColumnElement[bool], ...]:
    return deliveries.c.id == claimed.id, deliveries.c.lease_token == claimed.token


def _goes_to(kind: str, recipient: str | None = None) -> tuple[ColumnElement[bool], ...]:
    return deliveries.c.kind == kind, true() if recipient is None else deliveries.c.recipient == recipient


def _is_due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for what may be sent.

    A next attempt that lies too far ahead is of a wrong clock, and so is the first of what was made in the future.
    """
    at = deliveries.c.next_attempt_at
    is_of_a_wrong_clock = and_(deliveries.c.attempts == 0, is_ahead(deliveries.c.created_at, now))
    return (
        IS_TO_DELIVER,
        or_(at.is_(None), at <= now, at > now + retry_policy.LONGEST_WAIT, is_of_a_wrong_clock),
    )
