"""What moderators are still to be told: one promise for each comment and moderator."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, case, exists, false, func, not_, or_, select, union, update

from moderation_service.domain import screening
from moderation_service.domain.comments import Draft, Status
from moderation_service.domain.notices import MessageState, PromiseState
from moderation_service.storage.bulk import insert_rows
from moderation_service.storage.database import Connection
from moderation_service.storage.tables import (
    IS_DUE,
    IS_PARKED,
    IS_WAITING,
    WAITING,
    comments,
    messages,
    promises,
)

MOST_IN_A_MESSAGE = 10_000
"""About how many promises a message tells of; what is beyond waits for the next one."""

STILL_PENDING = (
    exists()
    .where(
        comments.c.id == promises.c.comment_id,
        comments.c.status == Status.PENDING,
        comments.c.revision == promises.c.revision,
    )
    .correlate(promises)
)
"""Whether a promise's comment is what it was when it was promised."""


async def promise(connection: Connection, drafts: Iterable[Draft]) -> None:
    """Promise to tell every recipient of every draft."""
    rows = [
        {
            "comment_id": draft.id,
            "moderator_id": recipient.moderator_id,
            "revision": 1,
            "site_id": draft.page.site_id,
            "person_id": recipient.person_id,
            "state": PromiseState.WAITING,
            "created_at": draft.created_at,
            "quiet": draft.spam_score >= screening.PROBABLE_SPAM,
        }
        for draft in drafts
        for recipient in draft.recipients
    ]
    if rows:
        await insert_rows(connection, promises, rows)


async def renew(connection: Connection, comment_ids: Sequence[str]) -> None:
    """Promise again what nobody was told of before it was decided: the decision was taken back."""
    await connection.execute(
        update(promises)
        .where(promises.c.comment_id.in_(comment_ids), promises.c.state == PromiseState.SUPERSEDED)
        .values(state=PromiseState.WAITING, message_id=None)
    )


def is_next(person_id: str) -> ColumnElement[bool]:
    """Return the condition for promises that a person's next message can hold.

    What is due is among it however much probable spam waits longer. Who writes many rows keeps everybody else from
    writing, so a message never holds all of a million.
    """
    mine = promises.alias()
    waits = select(mine.c.comment_id).where(mine.c.person_id == person_id, mine.c.state == WAITING)
    due = waits.where(mine.c.quiet == false()).limit(MOST_IN_A_MESSAGE).subquery()
    oldest = waits.order_by(mine.c.comment_id).limit(MOST_IN_A_MESSAGE).subquery()
    return promises.c.comment_id.in_(union(select(due), select(oldest)))


async def drop_decided(connection: Connection, person_id: str) -> None:
    """Take out of the message that is next, made or not, what was decided or edited meanwhile."""
    made = select(messages.c.id).where(messages.c.person_id == person_id, messages.c.state == MessageState.FIXED)
    for concerned in (is_next(person_id), promises.c.message_id.in_(made)):
        await connection.execute(
            update(promises)
            .where(promises.c.person_id == person_id, IS_WAITING, concerned, not_(STILL_PENDING))
            .values(state=PromiseState.SUPERSEDED)
        )


async def anything_due(connection: Connection, person_id: str) -> bool:
    """Tell whether something waits that is worth a message by itself."""
    query = select(promises.c.comment_id).where(promises.c.person_id == person_id, IS_DUE).limit(1)
    return (await connection.execute(query)).first() is not None


async def sites_with_old(connection: Connection, site_ids: Sequence[str], *, before: datetime) -> set[str]:
    """Return those of the sites where something has been pending since `before`."""
    found = set()
    for site_id in site_ids:
        oldest = (
            select(comments.c.created_at)
            .where(comments.c.site_id == site_id, comments.c.status == Status.PENDING)
            .order_by(comments.c.id)
            .limit(1)
        )
        created_at = (await connection.execute(oldest)).scalar_one_or_none()
        if created_at is not None and created_at <= before:
            found.add(site_id)
    return found


async def remind(
    connection: Connection,
    person_id: str,
    site_ids: Sequence[str],
    *,
    told_before: datetime,
    again_before: datetime,
) -> int:
    """Promise again what is pending still: told long ago, or probable spam that nothing gave occasion to tell.

    What was never reminded of must have been told before `told_before`, the rest before `again_before`.
    """
    old = select(comments.c.id).where(
        comments.c.site_id.in_(site_ids),
        comments.c.status == Status.PENDING,
        comments.c.created_at <= told_before,
    )
    revision = select(comments.c.revision).where(comments.c.id == promises.c.comment_id).scalar_subquery()
    told_at = select(messages.c.sent_at).where(messages.c.id == promises.c.message_id).scalar_subquery()
    mine = (
        promises.c.comment_id.in_(old),
        promises.c.person_id == person_id,
        promises.c.revision == revision,
    )
    told = await connection.execute(
        update(promises)
        .where(
            *mine,
            promises.c.state == PromiseState.TOLD,
            told_at <= case((promises.c.reminders == 0, told_before), else_=again_before),
        )
        .values(state=PromiseState.WAITING, message_id=None, quiet=False, reminders=promises.c.reminders + 1)
    )
    quiet = await connection.execute(
        update(promises).where(*mine, IS_WAITING, promises.c.quiet).values(quiet=False)
    )
    return told.rowcount + quiet.rowcount


async def counts(connection: Connection, person_ids: Sequence[str]) -> dict[tuple[str, PromiseState], int]:
    """Return how many comments wait and how many are parked for each person."""
    query = (
        select(promises.c.person_id, promises.c.state, func.count(promises.c.comment_id.distinct()))
        .where(or_(IS_WAITING, IS_PARKED), promises.c.person_id.in_(person_ids))
        .group_by(promises.c.person_id, promises.c.state)
    )
    return {(row[0], PromiseState(row[1])): row[2] for row in await connection.execute(query)}


async def cancel(connection: Connection, person_ids: Sequence[str]) -> int:
    """Give up what waits or is parked for people; return how many promises that were."""
    result = await connection.execute(
        update(promises)
        .where(or_(IS_WAITING, IS_PARKED), promises.c.person_id.in_(person_ids))
        .values(state=PromiseState.SUPERSEDED)
    )
    return result.rowcount
