"""Which comments have waited so long that their moderators are to be reminded of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    or_,
    select,
    update,
)

from moderation_service.domain import clocks
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.notifications.states import NotificationState
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.engine.moments import is_until
from moderation_service.storage.notifications.outbox import PUSH_AGAIN, STILL_PENDING
from moderation_service.storage.schema import (
    IS_WAITING,
    comments,
    deliveries,
    notifications,
    pages,
)


async def sites_with_old(
    connection: Connection, site_ids: Sequence[str], *, before: datetime, now: datetime
) -> set[str]:
    """Return those of the sites where something has been pending since `before`.

    What came in the future stands last, and counts as old.
    """
    found = set()
    for site_id in site_ids:
        pending = select(comments.c.created_at).where(
            comments.c.site_id == site_id, comments.c.status == Status.PENDING
        )
        for at_one_end in (comments.c.id.asc(), comments.c.id.desc()):
            created_at = (await connection.execute(pending.order_by(at_one_end).limit(1))).scalar_one_or_none()
            if created_at is not None and clocks.waited(created_at, now) >= now - before:
                found.add(site_id)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """Of what a person is reminded: what is pending in a site, sent long ago or never worth a message by itself.

    What was never reminded of must have been sent before `notified_before`, the rest before `again_before`; what
    was sent in the future was sent long ago.
    """

    person_id: str
    site_id: str
    moderator_id: str
    notified_before: datetime
    again_before: datetime
    now: datetime

    def is_old(self) -> ColumnElement[bool]:
        """Return the condition for the notifications that were sent long ago."""
        notified_at = (
            select(deliveries.c.sent_at).where(deliveries.c.id == notifications.c.message_id).scalar_subquery()
        )
        long_ago = case((notifications.c.reminders == 0, self.notified_before), else_=self.again_before)
        return and_(
            self._is_theirs(),
            notifications.c.state == NotificationState.NOTIFIED,
            is_until(notified_at, long_ago, self.now),
        )

    def is_held_back(self) -> ColumnElement[bool]:
        """Return the condition for the notifications that are held back until something else is due."""
        return and_(self._is_theirs(), IS_WAITING, notifications.c.quiet)

    def _is_theirs(self) -> ColumnElement[bool]:
        return and_(
            notifications.c.person_id == self.person_id,
            notifications.c.site_id == self.site_id,
            notifications.c.moderator_id == self.moderator_id,
        )


async def to_remind(
    connection: Connection, wanted: Reminder, *, after: str | None, most: int
) -> list[tuple[str, str]]:
    """Return the first `most` comments behind `after` of which to remind a person, with their pages."""
    query = (
        select(comments.c.id, pages.c.url)
        .join(notifications, notifications.c.comment_id == comments.c.id)
        .join(pages, pages.c.id == comments.c.page_id)
        .where(
            comments.c.site_id == wanted.site_id,
            comments.c.status == Status.PENDING,
            is_until(comments.c.created_at, wanted.notified_before, wanted.now),
            notifications.c.revision == comments.c.revision,
            or_(wanted.is_old(), wanted.is_held_back()),
        )
        .distinct()
        .order_by(comments.c.id)
        .limit(most)
    )
    if after is not None:
        query = query.where(comments.c.id > after)
    return [(row.id, row.url) for row in await connection.execute(query)]


async def remind(connection: Connection, wanted: Reminder, comment_ids: Sequence[str]) -> int:
    """Queue again what is pending still of these comments; return how many notifications that were."""
    theirs = (notifications.c.comment_id.in_(comment_ids), STILL_PENDING)
    sent = await connection.execute(
        update(notifications)
        .where(*theirs, wanted.is_old())
        .values(
            state=NotificationState.WAITING,
            message_id=None,
            quiet=False,
            reminders=notifications.c.reminders + 1,
            push=PUSH_AGAIN,
        )
    )
    held_back = await connection.execute(
        update(notifications).where(*theirs, wanted.is_held_back()).values(quiet=False)
    )
    return sent.rowcount + held_back.rowcount
