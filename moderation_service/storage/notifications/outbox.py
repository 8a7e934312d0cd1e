"""Queued notifications: one for each comment and moderator, in the table that databases call `promises`."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    case,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    tuple_,
    union,
    update,
)

from moderation_service.domain.comments.comment import Draft, QueuedComment, Recipient, Revision, Status
from moderation_service.domain.notifications.pushes import PushState
from moderation_service.domain.notifications.states import MODERATION, DeliveryState, NotificationState
from moderation_service.domain.screening import assessment
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import (
    IS_DUE,
    IS_PARKED,
    IS_WAITING,
    WAITING,
    WAITS_AGAIN,
    comments,
    deliveries,
    notifications,
    pages,
)

MOST_IN_A_MESSAGE = 10_000
"""About how many notifications a message holds; what is beyond waits for the next one."""

_IS_TOLD_AFTERWARDS = and_(notifications.c.afterwards, comments.c.status == Status.APPROVED)
"""The comment was published by itself, and is so still."""

PUSH_AGAIN = case((notifications.c.push.is_not(None), PushState.WAITING), else_=None)
"""What the push of notifications becomes that are to be told of once more: those who have none get none."""

_NEWEST_REVISION = func.coalesce(comments.c.waiting_revision, comments.c.revision)
"""What is to be told of a comment: its text, or an edit of a published one that waits."""

STILL_PENDING = (
    exists()
    .where(
        comments.c.id == notifications.c.comment_id,
        or_(
            comments.c.status == Status.PENDING,
            WAITS_AGAIN,
            _IS_TOLD_AFTERWARDS,
        ),
        notifications.c.revision == _NEWEST_REVISION,
    )
    .correlate(notifications)
)
"""Whether a notification's comment is what it was when it was queued, and is to be told of still."""

CHANGED = (
    select(comments.c.id)
    .where(
        comments.c.id == notifications.c.comment_id,
        or_(
            and_(comments.c.status != Status.PENDING, not_(WAITS_AGAIN), not_(_IS_TOLD_AFTERWARDS)),
            notifications.c.revision != _NEWEST_REVISION,
        ),
    )
    .correlate(notifications)
    .with_for_update(read=True)
    .exists()
)
"""Whether a notification's comment was decided or edited since.

PostgreSQL keeps the comment as it is until the transaction ends: who takes the decision back meanwhile waits, and
finds what was taken out because of it.
"""


def _push_for(recipient: Recipient) -> PushState | None:
    return PushState.WAITING if recipient.has_push else None


async def enqueue(connection: Connection, drafts: Iterable[Draft]) -> None:
    """Queue a notification of every draft that waits for each of its recipients."""
    rows = [
        {
            "comment_id": draft.id,
            "moderator_id": recipient.moderator_id,
            "revision": 1,
            "site_id": draft.page.site_id,
            "person_id": recipient.person_id,
            "state": NotificationState.WAITING if draft.network_sealed is None else NotificationState.HELD,
            "created_at": draft.created_at,
            "quiet": draft.assessment.is_suspect,
            "push": _push_for(recipient),
        }
        for draft in drafts
        if draft.status is Status.PENDING
        for recipient in draft.recipients
    ]
    if rows:
        await insert_rows(connection, notifications, rows)


async def enqueue_revision(
    connection: Connection, revision: Revision, *, site_id: str, number: int, of_published: bool
) -> None:
    """Queue a notification of a comment's new text that waits, its revision `number`, for each of its recipients.

    Of a comment that was not published none waits that a rule files as spam.

    Those of its older texts that wait are taken out before the next message is made (`drop_decided`).
    """
    rows: list[dict[str, object]] = [
        {
            "comment_id": revision.comment_id,
            "moderator_id": recipient.moderator_id,
            "revision": number,
            "site_id": site_id,
            "person_id": recipient.person_id,
            "state": NotificationState.WAITING,
            "created_at": revision.at,
            "quiet": revision.assessment.is_suspect,
            "push": _push_for(recipient),
        }
        for recipient in revision.recipients
        if of_published or revision.status is Status.PENDING
    ]
    if rows:
        await insert_rows(connection, notifications, rows)


async def enqueue_again(
    connection: Connection,
    comment: QueuedComment,
    recipients: Iterable[Recipient],
    *,
    quiet: bool,
    at: datetime,
) -> None:
    """Queue again, or for the first time, that recipients are notified of a comment.

    Readers reported it, or its author objects to its rejection.

    What waits already is only made worth a message by itself, and what is parked stays so.
    """
    rows = [
        {
            "comment_id": comment.id,
            "moderator_id": recipient.moderator_id,
            "revision": comment.newest_revision,
            "site_id": comment.site_id,
            "person_id": recipient.person_id,
            "state": NotificationState.WAITING,
            "created_at": at,
            "quiet": quiet,
            "push": _push_for(recipient),
        }
        for recipient in recipients
    ]
    if not rows:
        return
    await insert_rows(connection, notifications, rows, new_only=True)
    theirs = (notifications.c.comment_id == comment.id, notifications.c.revision == comment.newest_revision)
    seen_before = notifications.c.state.in_([NotificationState.NOTIFIED, NotificationState.SUPERSEDED])
    await connection.execute(
        update(notifications)
        .where(*theirs, seen_before)
        .values(state=NotificationState.WAITING, message_id=None, quiet=quiet, reminders=0, push=PUSH_AGAIN)
    )
    if not quiet:
        await unquiet(connection, comment.id)


async def release(connection: Connection, comment_id: str, *, quiet: bool) -> None:
    """Let moderators be notified of a comment that was held; a `quiet` one with the next message only."""
    await connection.execute(
        update(notifications)
        .where(notifications.c.comment_id == comment_id, notifications.c.state == NotificationState.HELD)
        .values(state=NotificationState.WAITING, quiet=quiet)
    )


async def unquiet(connection: Connection, comment_id: str) -> None:
    """Let what waits of a comment be worth a message by itself: it is no suspect any more."""
    await connection.execute(
        update(notifications)
        .where(notifications.c.comment_id == comment_id, IS_WAITING, notifications.c.quiet)
        .values(quiet=False)
    )


async def tell_afterwards(connection: Connection, comment_id: str) -> None:
    """Let moderators be told with their next message that a comment, about to be published by itself, was."""
    waits = notifications.c.state.in_([NotificationState.WAITING, NotificationState.HELD])
    await connection.execute(
        update(notifications)
        .where(notifications.c.comment_id == comment_id, waits)
        .values(state=NotificationState.WAITING, quiet=True, afterwards=True)
    )


async def renew(connection: Connection, comment_ids: Sequence[str]) -> None:
    """Queue again what nobody was notified of before it was decided: the decision was taken back."""
    await connection.execute(
        update(notifications)
        .where(notifications.c.comment_id.in_(comment_ids), notifications.c.state == NotificationState.SUPERSEDED)
        .values(state=NotificationState.WAITING, message_id=None)
    )
    await connection.execute(
        update(notifications)
        .where(notifications.c.comment_id.in_(comment_ids), notifications.c.push == PushState.SUPERSEDED)
        .values(push=PushState.WAITING)
    )
    await connection.execute(
        update(notifications)
        .where(notifications.c.comment_id.in_(comment_ids), notifications.c.afterwards)
        .values(afterwards=False, quiet=False)
    )


def is_next(person_id: str, most: int) -> ColumnElement[bool]:
    """Return the condition for notifications that a person's next message can hold.

    What is due is among it however much probable spam waits longer. Who writes many rows keeps everybody else from
    writing, so a message never holds all of a million.
    """
    mine = notifications.alias()
    waits = select(mine.c.comment_id).where(mine.c.person_id == person_id, mine.c.state == WAITING)
    due = waits.where(mine.c.quiet == false()).limit(most).subquery()
    oldest = waits.order_by(mine.c.comment_id).limit(most).subquery()
    return notifications.c.comment_id.in_(union(select(due), select(oldest)))


async def drop_decided(connection: Connection, person_id: str, *, most: int = MOST_IN_A_MESSAGE) -> None:
    """Take out of the message that is next, made or not, what was decided or edited meanwhile."""
    made = select(deliveries.c.id).where(
        deliveries.c.person_id == person_id,
        deliveries.c.kind == MODERATION,
        deliveries.c.state == DeliveryState.WAITING,
    )
    for concerned in (is_next(person_id, most), notifications.c.message_id.in_(made)):
        await connection.execute(
            update(notifications)
            .where(notifications.c.person_id == person_id, IS_WAITING, concerned, CHANGED)
            .values(state=NotificationState.SUPERSEDED)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A notification that waits, as a message needs it."""

    person_id: str
    comment_id: str
    page_url: str
    site_id: str
    moderator_id: str
    revision: int
    message_id: str | None
    held_back: bool
    reminders: int
    is_probable_spam: bool
    afterwards: bool


async def drop_decided_of(connection: Connection, person_ids: Collection[str]) -> None:
    """Take out what was decided or edited meanwhile of all that waits for people for whom little does."""
    await connection.execute(
        update(notifications)
        .where(notifications.c.person_id.in_(person_ids), IS_WAITING, CHANGED)
        .values(state=NotificationState.SUPERSEDED)
    )


async def waiting_of(connection: Connection, person_ids: Collection[str]) -> dict[str, list[Waiting]]:
    """Return all that waits for each of some people for whom little does, as a message shows it: spam last."""
    is_spam = comments.c.suspicion >= assessment.SUSPECT_FROM
    names = [name for name in Waiting.__dataclass_fields__ if name in notifications.c]
    rows = await connection.execute(
        select(
            *(notifications.c[name] for name in names),
            notifications.c.quiet.label("held_back"),
            pages.c.url.label("page_url"),
            is_spam.label("is_probable_spam"),
        )
        .join(comments, comments.c.id == notifications.c.comment_id)
        .join(pages, pages.c.id == comments.c.page_id)
        .where(notifications.c.person_id.in_(person_ids), IS_WAITING)
        .order_by(notifications.c.afterwards, is_spam, notifications.c.comment_id, notifications.c.moderator_id)
    )
    found: dict[str, list[Waiting]] = {}
    for row in rows:
        found.setdefault(row.person_id, []).append(Waiting(**row._mapping))  # noqa: SLF001
    return found


async def put_into(connection: Connection, placed: Collection[tuple[Waiting, str | None]]) -> None:
    """Put notifications that wait into messages, each with the id of its own, or with None out of any."""
    if placed:
        await connection.execute(
            update(notifications)
            .where(
                notifications.c.comment_id == bindparam("of_comment"),
                notifications.c.moderator_id == bindparam("for_moderator"),
                notifications.c.revision == bindparam("of_revision"),
                IS_WAITING,
            )
            .values(message_id=bindparam("into")),
            [
                {
                    "of_comment": one.comment_id,
                    "for_moderator": one.moderator_id,
                    "of_revision": one.revision,
                    "into": message_id,
                }
                for one, message_id in placed
            ],
        )


async def pages_in(connection: Connection, message_id: str, site_id: str, moderator_id: str) -> dict[str, str]:
    """Return the pages, URLs by id, of which a message tells a moderator."""
    query = (
        select(pages.c.id, pages.c.url)
        .distinct()
        .join(comments, comments.c.page_id == pages.c.id)
        .join(notifications, notifications.c.comment_id == comments.c.id)
        .where(*_of_moderator(message_id, site_id, moderator_id))
    )
    return {row.id: row.url for row in await connection.execute(query)}


async def take_out(
    connection: Connection, message_id: str, site_id: str, moderator_id: str, page_ids: Collection[str]
) -> None:
    """Let what a message would tell a moderator of some pages wait outside any message."""
    there = select(comments.c.id).where(comments.c.page_id.in_(page_ids)).scalar_subquery()
    await connection.execute(
        update(notifications)
        .where(*_of_moderator(message_id, site_id, moderator_id), notifications.c.comment_id.in_(there))
        .values(message_id=None)
    )


def _of_moderator(message_id: str, site_id: str, moderator_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        notifications.c.message_id == message_id,
        notifications.c.site_id == site_id,
        notifications.c.moderator_id == moderator_id,
        IS_WAITING,
    )


async def anything_due(connection: Connection, person_id: str) -> bool:
    """Tell whether something waits that is worth a message by itself."""
    query = select(notifications.c.comment_id).where(notifications.c.person_id == person_id, IS_DUE).limit(1)
    return (await connection.execute(query)).first() is not None


async def counts(connection: Connection, person_ids: Sequence[str]) -> dict[tuple[str, NotificationState], int]:
    """Return how many comments wait and how many are parked for each person."""
    query = (
        select(notifications.c.person_id, notifications.c.state, func.count(notifications.c.comment_id.distinct()))
        .where(or_(IS_WAITING, IS_PARKED), notifications.c.person_id.in_(person_ids))
        .group_by(notifications.c.person_id, notifications.c.state)
    )
    return {(row[0], NotificationState(row[1])): row[2] for row in await connection.execute(query)}


async def cancel(connection: Connection, most: int, *, person_ids: Sequence[str]) -> int:
    """Give up to `most` of what waits or is parked for people up; return how many notifications that were."""
    key = (notifications.c.comment_id, notifications.c.moderator_id, notifications.c.revision)
    open_ones = select(*key).where(or_(IS_WAITING, IS_PARKED), notifications.c.person_id.in_(person_ids))
    result = await connection.execute(
        update(notifications)
        .where(tuple_(*key).in_(open_ones.limit(most)))
        .values(state=NotificationState.SUPERSEDED)
    )
    return result.rowcount
