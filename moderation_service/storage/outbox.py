"""What moderators are still to be told: one promise for each comment and moderator."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A promise that waits, as a message needs it."""

    person_id: str
    comment_id: str
    site_id: str
    moderator_id: str
    revision: int
    message_id: str | None
    quiet: bool
    reminders: int
    is_probable_spam: bool


async def drop_decided_of(connection: Connection, person_ids: Collection[str]) -> None:
    """Take out what was decided or edited meanwhile of all that waits for people for whom little does."""
    await connection.execute(
        update(promises)
        .where(promises.c.person_id.in_(person_ids), IS_WAITING, not_(STILL_PENDING))
        .values(state=PromiseState.SUPERSEDED)
    )


async def waiting_of(connection: Connection, person_ids: Collection[str]) -> dict[str, list[Waiting]]:
    """Return all that waits for each of some people for whom little does, as a message shows it: spam last."""
    is_spam = comments.c.spam_score >= screening.PROBABLE_SPAM
    names = [name for name in Waiting.__dataclass_fields__ if name != "is_probable_spam"]
    rows = await connection.execute(
        select(*(promises.c[name] for name in names), is_spam.label("is_probable_spam"))
        .join(comments, comments.c.id == promises.c.comment_id)
        .where(promises.c.person_id.in_(person_ids), IS_WAITING)
        .order_by(is_spam, promises.c.comment_id, promises.c.moderator_id)
    )
    found: dict[str, list[Waiting]] = {}
    for row in rows:
        found.setdefault(row.person_id, []).append(Waiting(**row._mapping))  # noqa: SLF001
    return found


async def put_into(connection: Connection, placed: Collection[tuple[Waiting, str]]) -> None:
    """Put promises that wait into messages, each with the id of its own."""
    if placed:
        await connection.execute(
            update(promises)
            .where(
                promises.c.comment_id == bindparam("of_comment"),
                promises.c.moderator_id == bindparam("for_moderator"),
                promises.c.revision == bindparam("of_revision"),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """Of what a person is reminded: what is pending in a site, told long ago or never worth a message by itself.

    What was never reminded of must have been told before `told_before`, the rest before `again_before`.
    """

    person_id: str
    site_id: str
    told_before: datetime
    again_before: datetime

    def is_old(self) -> ColumnElement[bool]:
        """Return the condition for the promises that were told long ago."""
        told_at = select(messages.c.sent_at).where(messages.c.id == promises.c.message_id).scalar_subquery()
        long_ago = case((promises.c.reminders == 0, self.told_before), else_=self.again_before)
        return and_(self._is_theirs(), promises.c.state == PromiseState.TOLD, told_at <= long_ago)

    def is_quiet(self) -> ColumnElement[bool]:
        """Return the condition for the promises that nothing gave occasion to tell."""
        return and_(self._is_theirs(), IS_WAITING, promises.c.quiet)

    def _is_theirs(self) -> ColumnElement[bool]:
        return and_(promises.c.person_id == self.person_id, promises.c.site_id == self.site_id)


async def to_remind(connection: Connection, wanted: Reminder, *, after: str | None, most: int) -> list[str]:
    """Return the first `most` comments behind `after` of which a person is to be reminded."""
    query = (
        select(comments.c.id)
        .join(promises, promises.c.comment_id == comments.c.id)
        .where(
            comments.c.site_id == wanted.site_id,
            comments.c.status == Status.PENDING,
            comments.c.created_at <= wanted.told_before,
            promises.c.revision == comments.c.revision,
            or_(wanted.is_old(), wanted.is_quiet()),
        )
        .distinct()
        .order_by(comments.c.id)
        .limit(most)
    )
    if after is not None:
        query = query.where(comments.c.id > after)
    return list((await connection.execute(query)).scalars())


async def remind(connection: Connection, wanted: Reminder, comment_ids: Sequence[str]) -> int:
    """Promise again what is pending still of these comments; return how many promises that were."""
    theirs = (promises.c.comment_id.in_(comment_ids), STILL_PENDING)
    told = await connection.execute(
        update(promises)
        .where(*theirs, wanted.is_old())
        .values(state=PromiseState.WAITING, message_id=None, quiet=False, reminders=promises.c.reminders + 1)
    )
    quiet = await connection.execute(update(promises).where(*theirs, wanted.is_quiet()).values(quiet=False))
    return told.rowcount + quiet.rowcount


async def counts(connection: Connection, person_ids: Sequence[str]) -> dict[tuple[str, PromiseState], int]:
    """Return how many comments wait and how many are parked for each person."""
    query = (
        select(promises.c.person_id, promises.c.state, func.count(promises.c.comment_id.distinct()))
        .where(or_(IS_WAITING, IS_PARKED), promises.c.person_id.in_(person_ids))
        .group_by(promises.c.person_id, promises.c.state)
    )
    return {(row[0], PromiseState(row[1])): row[2] for row in await connection.execute(query)}


async def cancel(connection: Connection, most: int, *, person_ids: Sequence[str]) -> int:
    """Give up to `most` of what waits or is parked for people up; return how many promises that were."""
    key = (promises.c.comment_id, promises.c.moderator_id, promises.c.revision)
    open_ones = select(*key).where(or_(IS_WAITING, IS_PARKED), promises.c.person_id.in_(person_ids))
    result = await connection.execute(
        update(promises).where(tuple_(*key).in_(open_ones.limit(most))).values(state=PromiseState.SUPERSEDED)
    )
    return result.rowcount
