"""Moderation mail in the queue: messages that tell of comments, fixed once made, closed once settled."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, or_, select, tuple_, update

from moderation_service.domain.notifications.states import MODERATION, DeliveryState, NotificationState
from moderation_service.domain.screening import assessment
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.notifications import deliveries as queue
from moderation_service.storage.notifications import outbox
from moderation_service.storage.notifications.deliveries import Stored
from moderation_service.storage.notifications.outbox import STILL_PENDING, is_next
from moderation_service.storage.schema import IS_WAITING, comments, deliveries, notifications

MOST_LOOKED_UP = 10_000
"""How many comments beyond a message are looked up; 800,000 took a second, in which nobody could post."""

_LOOKS_LIKE_SPAM = comments.c.suspicion >= assessment.SUSPECT_FROM
_IS_SPAM = case((_LOOKS_LIKE_SPAM, 1), else_=0)
_COUNT = func.count(notifications.c.comment_id.distinct())
_COUNT_OF_SPAM = func.count(case((_LOOKS_LIKE_SPAM, notifications.c.comment_id)).distinct())


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a message holds: its first comments, each with site and moderator, and a count of all.

    What a full message could not hold waits `beyond` it. Of all, `published` were published by themselves, as the
    last value of each of the first says of it. Of what it holds and what is beyond, `suspects` look like spam;
    none are counted where more is beyond than is looked at.
    """

    first: tuple[tuple[str, str, str, bool], ...]
    total: int
    is_reminder: bool
    beyond: int = 0
    published: int = 0
    suspects: int = 0


async def fixed(connection: Connection, person_id: str) -> Stored | None:
    """Return the person's message that a server may have seen, if there is one."""
    return (await fixed_of(connection, [person_id])).get(person_id)


async def fixed_of(connection: Connection, person_ids: Collection[str]) -> dict[str, Stored]:
    """Return the oldest message that a server may have seen of each person who has one."""
    found = await queue.in_state(connection, [DeliveryState.WAITING], person_ids, kind=MODERATION)
    return {one.person_id: one for one in reversed(found) if one.person_id is not None}


def made(person_id: str, *, new_id: str, message_id: str, now: datetime) -> Stored:
    """Return a new message for a person, not stored yet."""
    return Stored(
        id=new_id,
        kind=MODERATION,
        person_id=person_id,
        reference=None,
        message_id=message_id,
        state=DeliveryState.WAITING,
        created_at=now,
        sent_at=None,
        attempts=0,
        next_attempt_at=None,
        last_error=None,
        shortened=False,
    )


async def fix(
    connection: Connection,
    person_id: str,
    roles: Collection[tuple[str, str]],
    *,
    new_id: str,
    message_id: str,
    now: datetime,
    most: int = outbox.MOST_IN_A_MESSAGE,
) -> Stored:
    """Make a message of what waits for a person in the roles (site, moderator) that they have."""
    message = made(person_id, new_id=new_id, message_id=message_id, now=now)
    await queue.add(connection, [message])
    await connection.execute(
        update(notifications)
        .where(
            notifications.c.person_id == person_id,
            IS_WAITING,
            is_next(person_id, most),
            STILL_PENDING,
            notifications.c.message_id.is_(None),
            tuple_(notifications.c.site_id, notifications.c.moderator_id).in_(list(roles)),
        )
        .values(message_id=new_id)
    )
    return message


async def content(
    connection: Connection,
    message_id: str,
    limit: int,
    *,
    most: int = outbox.MOST_IN_A_MESSAGE,
    looked_up: int = MOST_LOOKED_UP,
) -> Content:
    """Return what a message still holds: what is not probable spam first, then in order of arrival.

    Only beyond one of `most` notifications more may wait for the next; of these up to `looked_up` are looked at.
    """
    inside = (notifications.c.message_id == message_id, IS_WAITING)
    rows = await connection.execute(
        select(
            notifications.c.comment_id,
            notifications.c.site_id,
            func.min(notifications.c.moderator_id),
            notifications.c.afterwards,
        )
        .join(comments, comments.c.id == notifications.c.comment_id)
        .where(*inside)
        .group_by(
            notifications.c.comment_id, notifications.c.site_id, notifications.c.afterwards, comments.c.suspicion
        )
        .order_by(notifications.c.afterwards, _IS_SPAM, notifications.c.comment_id)
        .limit(limit)
    )
    first = tuple((row[0], row[1], row[2], row[3]) for row in rows)
    count = (
        select(_COUNT, _COUNT_OF_SPAM, func.min(notifications.c.reminders))
        .join(comments, comments.c.id == notifications.c.comment_id)
        .where(*inside)
    )
    total, suspects, fewest_reminders = (await connection.execute(count)).one()
    beyond = await _beyond(connection, message_id) if total >= most else 0
    if beyond > looked_up:
        suspects = 0
    elif beyond:
        suspects += await _suspects_beyond(connection, message_id)
    told = select(_COUNT).where(*inside, notifications.c.afterwards)
    published: int = (await connection.execute(told)).scalar_one()
    return Content(
        first=first,
        total=total,
        is_reminder=bool(fewest_reminders),
        beyond=beyond,
        published=published,
        suspects=suspects,
    )


async def _beyond(connection: Connection, message_id: str) -> int:
    """Count the comments that wait for a message's person and are in no message yet, by an index alone."""
    return (await connection.execute(select(_COUNT).where(*_is_beyond(message_id)))).scalar_one()


async def _suspects_beyond(connection: Connection, message_id: str) -> int:
    """Count those of them that look like spam; each comment is looked up."""
    query = select(_COUNT_OF_SPAM).join(comments, comments.c.id == notifications.c.comment_id)
    return (await connection.execute(query.where(*_is_beyond(message_id)))).scalar_one()


def _is_beyond(message_id: str) -> tuple[ColumnElement[bool], ...]:
    person = select(deliveries.c.person_id).where(deliveries.c.id == message_id).scalar_subquery()
    return notifications.c.person_id == person, IS_WAITING, notifications.c.message_id.is_(None)


async def settle(
    connection: Connection,
    message_id: str,
    state: DeliveryState,
    outcome: NotificationState,
    **values: object,
) -> None:
    """Close a message; its notifications go to `outcome`, out of any message where that is waiting."""
    await settle_many(connection, [message_id], state, outcome, **values)


async def settle_many(
    connection: Connection,
    message_ids: Collection[str],
    state: DeliveryState,
    outcome: NotificationState,
    **values: object,
) -> None:
    """Close several messages as one is closed."""
    await connection.execute(
        update(deliveries).where(deliveries.c.id.in_(message_ids)).values(state=state, **values)
    )
    change: dict[str, object] = {"state": outcome}
    if outcome is NotificationState.WAITING:
        change["message_id"] = None
    await connection.execute(
        update(notifications)
        .where(
            notifications.c.message_id.in_(message_ids),
            or_(IS_WAITING, notifications.c.state == NotificationState.PARKED),
        )
        .values(**change)
    )


async def notifications_of(connection: Connection, message_id: str) -> list[tuple[str, str, NotificationState]]:
    """Return the comments of a message, each with its moderator's id and where its notification stands."""
    rows = await connection.execute(
        select(notifications.c.comment_id, notifications.c.moderator_id, notifications.c.state)
        .where(notifications.c.message_id == message_id)
        .order_by(notifications.c.comment_id, notifications.c.moderator_id)
    )
    return [(row.comment_id, row.moderator_id, NotificationState(row.state)) for row in rows]
