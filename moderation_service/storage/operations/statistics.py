"""How much waits and since when: what the metrics tell of the tables, read from their indexes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select

from moderation_service.domain.comments.comment import Status
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import IS_DUE, IS_WAITING, comments, notifications


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Notifications that wait: due ones, those held back for the next digest, and the oldest of the due ones.

    What was sent once and waits again as a reminder does not count as old.
    """

    due: int
    held_back: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Comments of a site that nobody has decided yet."""

    site_id: str
    count: int
    oldest: datetime | None


async def waiting(connection: Connection) -> Waiting:
    """Return how much mail is still to be sent."""
    all_of_it = (
        await connection.execute(select(func.count()).select_from(notifications).where(IS_WAITING))
    ).scalar_one()
    never_notified = case((notifications.c.reminders == 0, notifications.c.created_at))
    due, oldest = (
        await connection.execute(
            select(func.count(), func.min(never_notified)).select_from(notifications).where(IS_DUE)
        )
    ).one()
    return Waiting(due=due, held_back=max(all_of_it - due, 0), oldest=oldest)


async def pending(connection: Connection, site_ids: Collection[str]) -> list[Pending]:
    """Return what waits for a decision in each of the sites."""
    others = comments.alias()
    oldest = (
        select(others.c.created_at)
        .where(others.c.site_id == comments.c.site_id, others.c.status == Status.PENDING)
        .order_by(others.c.id)
        .limit(1)
        .scalar_subquery()
    )
    rows = await connection.execute(
        select(comments.c.site_id, func.count(), oldest)
        .where(comments.c.site_id.in_(site_ids), comments.c.status == Status.PENDING)
        .group_by(comments.c.site_id)
    )
    found = {site_id: (count, first) for site_id, count, first in rows}
    return [
        Pending(site_id=site_id, count=count, oldest=first)
        for site_id in site_ids
        for count, first in [found.get(site_id, (0, None))]
    ]
