"""Push in the queue of notifications: what is to be told of by it, and what a delivery tells of."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, or_, select, update

from moderation_service.domain.notifications.pushes import PUSH, PushState
from moderation_service.domain.notifications.states import DeliveryState, NotificationState
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.notifications import deliveries as queue
from moderation_service.storage.notifications.deliveries import Stored
from moderation_service.storage.notifications.outbox import CHANGED, STILL_PENDING
from moderation_service.storage.schema import IS_TO_PUSH, comments, deliveries, notifications, pages, people

_TELLABLE = (NotificationState.WAITING, NotificationState.NOTIFIED, NotificationState.PARKED)
_OPEN = (DeliveryState.WAITING, DeliveryState.PARKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """When a person's last push was made, and how many in a row nobody decided anything on."""

    person_id: str
    pushed_at: datetime | None
    unanswered_pushes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToTell:
    """A comment of which a delivery tells, and in which role."""

    comment_id: str
    site_id: str
    moderator_id: str
    page_url: str
    reminders: int


async def waiting(connection: Connection, person_ids: Collection[str]) -> list[Pushed]:
    """Return those of some people for whom something is to be made that may be told of."""
    something = (
        select(notifications.c.comment_id)
        .where(notifications.c.person_id == people.c.id, IS_TO_PUSH, notifications.c.state.in_(_TELLABLE))
        .correlate(people)
        .exists()
    )
    rows = await connection.execute(
        select(people.c.id.label("person_id"), people.c.pushed_at, people.c.unanswered_pushes)
        .where(people.c.id.in_(person_ids), something)
        .order_by(people.c.id)
    )
    return [Pushed(**row._mapping) for row in rows]  # noqa: SLF001


async def take(connection: Connection, one: Pushed, *, push_id: str, now: datetime, unanswered: int) -> bool:
    """Put all that is to be told to a person into one push; False where there is nothing, or another took it.

    What was decided or edited meanwhile is left out, and waits again if that is undone.
    """
    held = await connection.execute(
        select(people.c.pushed_at).where(people.c.id == one.person_id).with_for_update(key_share=True)
    )
    if held.scalar_one() != one.pushed_at:
        return False
    theirs = (notifications.c.person_id == one.person_id, IS_TO_PUSH)
    await connection.execute(
        update(notifications)
        .where(*theirs, or_(CHANGED, notifications.c.state == NotificationState.SUPERSEDED))
        .values(
            push=PushState.SUPERSEDED,
            state=case(
                (notifications.c.state == NotificationState.WAITING, NotificationState.SUPERSEDED),
                else_=notifications.c.state,
            ),
        )
    )
    taken = await connection.execute(
        update(notifications)
        .where(*theirs, notifications.c.state.in_(_TELLABLE))
        .values(push=PushState.MADE, push_id=push_id)
    )
    if not taken.rowcount:
        return False
    await connection.execute(
        update(people).where(people.c.id == one.person_id).values(pushed_at=now, unanswered_pushes=unanswered)
    )
    return True


async def unseen(connection: Connection, recipient: str) -> tuple[list[str], datetime | None]:
    """Take back what waits for a recipient and nobody is sending.

    Return the pushes that it would have told of, and since when it waits.
    """
    result = await connection.execute(
        update(deliveries)
        .where(
            deliveries.c.recipient == recipient,
            deliveries.c.state == DeliveryState.WAITING,
            deliveries.c.lease_token.is_(None),
        )
        .values(state=DeliveryState.SUPERSEDED)
        .returning(deliveries.c.reference, deliveries.c.created_at)
    )
    taken_back = result.all()
    push_ids = [push_id for row in taken_back for push_id in (row.reference or "").split()]
    return push_ids, min((row.created_at for row in taken_back), default=None)


async def note_told(connection: Connection, person_id: str, push_ids: Sequence[str], delivery_id: str) -> None:
    """Write that a person who is told by push alone was told of what still waits, as a mail would have."""
    await connection.execute(
        update(notifications)
        .where(
            notifications.c.push_id.in_(push_ids),
            notifications.c.person_id == person_id,
            notifications.c.state == NotificationState.WAITING,
            notifications.c.message_id.is_(None),
            STILL_PENDING,
        )
        .values(state=NotificationState.NOTIFIED, message_id=delivery_id)
    )


async def to_tell(
    connection: Connection, person_id: str, push_ids: Sequence[str], site_ids: Collection[str]
) -> list[ToTell]:
    """Return what of some pushes is still to be decided, the oldest first."""
    rows = await connection.execute(
        select(
            notifications.c.comment_id,
            notifications.c.site_id,
            notifications.c.moderator_id,
            notifications.c.reminders,
            pages.c.url.label("page_url"),
        )
        .join(comments, comments.c.id == notifications.c.comment_id)
        .join(pages, pages.c.id == comments.c.page_id)
        .where(
            notifications.c.push_id.in_(push_ids),
            notifications.c.person_id == person_id,
            notifications.c.site_id.in_(site_ids),
            STILL_PENDING,
        )
        .order_by(notifications.c.comment_id, notifications.c.moderator_id)
    )
    return [ToTell(**row._mapping) for row in rows]  # noqa: SLF001


async def left(connection: Connection, listed: Collection[str]) -> list[Stored]:
    """Return what is open for recipients that are not listed any more."""
    return [
        one
        for one in await queue.in_state(connection, _OPEN, kind=PUSH)
        if one.recipient is not None and one.recipient not in listed
    ]


async def tell_elsewhere(connection: Connection, gone: Stored) -> None:
    """Give up a delivery to a place that is listed no more; what it would have told of is told elsewhere."""
    closed = await connection.execute(
        update(deliveries)
        .where(deliveries.c.id == gone.id, deliveries.c.state.in_(_OPEN), deliveries.c.lease_token.is_(None))
        .values(state=DeliveryState.SUPERSEDED)
    )
    if closed.rowcount:
        await connection.execute(
            update(notifications)
            .where(
                notifications.c.push_id.in_((gone.reference or "").split()),
                notifications.c.person_id == gone.person_id,
                notifications.c.push == PushState.MADE,
            )
            .values(push=PushState.WAITING, push_id=None)
        )
