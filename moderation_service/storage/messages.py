"""The messages that tell moderators what was promised: fixed once made, closed once settled."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, case, cast, func, or_, select, tuple_, update

from moderation_service.domain import screening
from moderation_service.domain.notices import MessageState, PromiseState
from moderation_service.storage import outbox
from moderation_service.storage.bulk import insert_rows
from moderation_service.storage.database import Connection
from moderation_service.storage.outbox import STILL_PENDING, is_next
from moderation_service.storage.tables import IS_WAITING, comments, messages, promises

_IS_SPAM = case((comments.c.spam_score >= screening.PROBABLE_SPAM, 1), else_=0)
_COLUMNS = (
    messages.c.id,
    messages.c.person_id,
    messages.c.message_id,
    messages.c.state,
    messages.c.created_at,
    messages.c.sent_at,
    messages.c.attempts,
    messages.c.last_error,
    messages.c.shortened,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A message on disk; `last_error` holds a server's words."""

    id: str
    person_id: str
    message_id: str
    state: MessageState
    created_at: datetime
    sent_at: datetime | None
    attempts: int
    last_error: str | None
    shortened: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a message holds: its first comments, each with site and moderator, and a count of all.

    What a full message could not hold waits `beyond` it.
    """

    first: tuple[tuple[str, str, str], ...]
    total: int
    is_reminder: bool
    beyond: int = 0


async def fixed(connection: Connection, person_id: str) -> Stored | None:
    """Return the person's message that a server may have seen, if there is one."""
    query = select(*_COLUMNS).where(messages.c.person_id == person_id, messages.c.state == MessageState.FIXED)
    return _first(await connection.execute(query.order_by(messages.c.id).limit(1)))


async def fixed_of(connection: Connection, person_ids: Collection[str]) -> dict[str, Stored]:
    """Return the oldest message that a server may have seen of each person who has one."""
    found = await in_state(connection, [MessageState.FIXED], person_ids)
    return {one.person_id: one for one in reversed(found)}


def made(person_id: str, *, new_id: str, message_id: str, now: datetime) -> Stored:
    """Return a new message for a person, not stored yet."""
    return Stored(
        id=new_id,
        person_id=person_id,
        message_id=message_id,
        state=MessageState.FIXED,
        created_at=now,
        sent_at=None,
        attempts=0,
        last_error=None,
        shortened=False,
    )


async def add(connection: Connection, fresh: Sequence[Stored]) -> None:
    """Store new messages."""
    if fresh:
        await insert_rows(connection, messages, [asdict(one) for one in fresh])


async def fix(
    connection: Connection,
    person_id: str,
    parts: Collection[tuple[str, str]],
    *,
    new_id: str,
    message_id: str,
    now: datetime,
) -> Stored:
    """Make a message of what waits for a person in the parts (site, moderator) that they have."""
    message = made(person_id, new_id=new_id, message_id=message_id, now=now)
    await add(connection, [message])
    await connection.execute(
        update(promises)
        .where(
            promises.c.person_id == person_id,
            IS_WAITING,
            is_next(person_id),
            STILL_PENDING,
            promises.c.message_id.is_(None),
            tuple_(promises.c.site_id, promises.c.moderator_id).in_(list(parts)),
        )
        .values(message_id=new_id)
    )
    return message


async def content(connection: Connection, message_id: str, limit: int) -> Content:
    """Return what a message is still to tell: what is not probable spam first, then in order of arrival."""
    inside = (promises.c.message_id == message_id, IS_WAITING)
    rows = await connection.execute(
        select(promises.c.comment_id, promises.c.site_id, func.min(promises.c.moderator_id))
        .join(comments, comments.c.id == promises.c.comment_id)
        .where(*inside)
        .group_by(promises.c.comment_id, promises.c.site_id, _IS_SPAM)
        .order_by(_IS_SPAM, promises.c.comment_id)
        .limit(limit)
    )
    first = tuple((row[0], row[1], row[2]) for row in rows)
    count = select(func.count(promises.c.comment_id.distinct()), func.min(promises.c.reminders)).where(*inside)
    total, fewest_reminders = (await connection.execute(count)).one()
    beyond = await _beyond(connection, message_id) if total >= outbox.MOST_IN_A_MESSAGE else 0
    return Content(first=first, total=total, is_reminder=bool(fewest_reminders), beyond=beyond)


async def _beyond(connection: Connection, message_id: str) -> int:
    """Count the comments that wait for a message's person and are in no message yet."""
    person = select(messages.c.person_id).where(messages.c.id == message_id).scalar_subquery()
    query = select(func.count(promises.c.comment_id.distinct())).where(
        promises.c.person_id == person, IS_WAITING, promises.c.message_id.is_(None)
    )
    return (await connection.execute(query)).scalar_one()


async def settle(
    connection: Connection,
    message_id: str,
    state: MessageState,
    promised: PromiseState,
    **values: object,
) -> None:
    """Close a message; its promises go to `promised`, back to the waiting ones where that is waiting."""
    await settle_many(connection, [message_id], state, promised, **values)


async def settle_many(
    connection: Connection,
    message_ids: Collection[str],
    state: MessageState,
    promised: PromiseState,
    **values: object,
) -> None:
    """Close several messages as one is closed."""
    await connection.execute(update(messages).where(messages.c.id.in_(message_ids)).values(state=state, **values))
    change: dict[str, object] = {"state": promised}
    if promised is PromiseState.WAITING:
        change["message_id"] = None
    await connection.execute(
        update(promises)
        .where(
            promises.c.message_id.in_(message_ids),
            or_(IS_WAITING, promises.c.state == PromiseState.PARKED),
        )
        .values(**change)
    )


async def take_up(connection: Connection, person_ids: Collection[str] | None, *, most_tries: int) -> list[str]:
    """Let parked messages be tried once more that were not tried too often; return for whom.

    They are those of some people, or with None of everybody.
    """
    parked_ones = await in_state(connection, [MessageState.PARKED], person_ids)
    again = [one for one in parked_ones if one.attempts < most_tries]
    if again:
        ids = [one.id for one in again]
        await connection.execute(update(messages).where(messages.c.id.in_(ids)).values(state=MessageState.FIXED))
        await connection.execute(
            update(promises)
            .where(promises.c.message_id.in_(ids), promises.c.state == PromiseState.PARKED)
            .values(state=PromiseState.WAITING)
        )
    return [one.person_id for one in again]


async def note_attempt(connection: Connection, message_id: str, **values: object) -> None:
    """Write what an attempt came to, on a message that stays fixed."""
    await connection.execute(
        update(messages).where(messages.c.id == message_id).values(attempts=messages.c.attempts + 1, **values)
    )


async def get(connection: Connection, id_or_prefix: str) -> list[Stored]:
    """Return the messages whose id begins so; the whole id finds at most one."""
    spelled = cast(messages.c.id, Text)
    wanted = id_or_prefix.lower()
    query = select(*_COLUMNS).where(
        or_(
            spelled.startswith(wanted, autoescape=True),
            spelled.startswith(wanted.replace("-", ""), autoescape=True),
        )
    )
    return [_stored(row._mapping) for row in await connection.execute(query.order_by(messages.c.id))]  # noqa: SLF001


async def in_state(
    connection: Connection, states: Sequence[MessageState], person_ids: Collection[str] | None = None
) -> list[Stored]:
    """Return messages by state, oldest first, of some people or of all."""
    query: Select[Any] = select(*_COLUMNS).where(messages.c.state.in_(states))
    if person_ids is not None:
        query = query.where(messages.c.person_id.in_(person_ids))
    return [_stored(row._mapping) for row in await connection.execute(query.order_by(messages.c.id))]  # noqa: SLF001


async def parked(connection: Connection, person_ids: Collection[str]) -> int:
    """Return how many messages to these people were refused for good; others have nobody left to be told."""
    query = select(func.count()).where(
        messages.c.person_id.in_(person_ids), messages.c.state == MessageState.PARKED
    )
    return (await connection.execute(query)).scalar_one()


async def told_of(connection: Connection, message_id: str) -> list[tuple[str, str, PromiseState]]:
    """Return the comments of a message, each with its moderator's id and where the promise stands."""
    rows = await connection.execute(
        select(promises.c.comment_id, promises.c.moderator_id, promises.c.state)
        .where(promises.c.message_id == message_id)
        .order_by(promises.c.comment_id, promises.c.moderator_id)
    )
    return [(row.comment_id, row.moderator_id, PromiseState(row.state)) for row in rows]


def _first(rows: Any) -> Stored | None:
    row = rows.first()
    return None if row is None else _stored(row._mapping)  # noqa: SLF001


def _stored(row: Any) -> Stored:
    return Stored(**{**row, "state": MessageState(row["state"])})
