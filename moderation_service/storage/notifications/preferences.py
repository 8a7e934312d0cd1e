"""What people have chosen: when and by what means they are told."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, func, or_, select, update

from moderation_service.domain.notifications.preferences import Preferences, Schedule, Ways
from moderation_service.domain.notifications.pushes import PUSH
from moderation_service.domain.notifications.states import DeliveryState
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.notifications.outbox import STILL_PENDING
from moderation_service.storage.schema import (
    IS_DUE,
    IS_TO_PUSH,
    deliveries,
    notification_settings,
    notifications,
    people,
)

_NAMES = tuple(Preferences.__dataclass_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What a person has chosen and when, and when they were told last by each means."""

    person_id: str
    preferences: Preferences
    changed_at: datetime
    last_message_at: datetime | None
    pushed_at: datetime | None


async def everybody(connection: Connection) -> list[Chosen]:
    """Return what all people have chosen who have chosen something."""
    query = select(notification_settings, people.c.last_message_at, people.c.pushed_at).join(
        people, people.c.id == notification_settings.c.person_id
    )
    return [
        Chosen(
            person_id=row.person_id,
            preferences=_preferences(row),
            changed_at=row.changed_at,
            last_message_at=row.last_message_at,
            pushed_at=row.pushed_at,
        )
        for row in await connection.execute(query.order_by(notification_settings.c.person_id))
    ]


async def get(connection: Connection, person_id: str) -> Preferences:
    """Return what a person has chosen, the defaults where that is nothing."""
    query = select(notification_settings).where(notification_settings.c.person_id == person_id)
    row = (await connection.execute(query)).first()
    return Preferences() if row is None else _preferences(row)


async def keep(connection: Connection, person_id: str, chosen: Preferences, *, at: datetime) -> None:
    """Keep what a person has chosen in place of what was chosen before."""
    day = None if chosen.away_until is None else chosen.away_until.isoformat()
    values = {name: getattr(chosen, name) for name in _NAMES} | {"away_until": day, "changed_at": at}
    await insert_rows(connection, notification_settings, [{"person_id": person_id, **values}], new_only=True)
    await connection.execute(
        update(notification_settings).where(notification_settings.c.person_id == person_id).values(values)
    )


async def failing(connection: Connection, person_ids: Collection[str], *, before: datetime) -> set[str]:
    """Return those of some people to whom a push is parked, or waits since before a time."""
    query = select(deliveries.c.person_id).where(
        deliveries.c.kind == PUSH,
        deliveries.c.person_id.in_(person_ids),
        or_(
            deliveries.c.state == DeliveryState.PARKED,
            and_(deliveries.c.state == DeliveryState.WAITING, deliveries.c.created_at < before),
        ),
    )
    return set((await connection.execute(query.distinct())).scalars())


async def oldest_waiting(connection: Connection, site_id: str, person_ids: Collection[str]) -> dict[str, datetime]:
    """Return since when something of a site waits for each of some people, by mail or push, that is undecided."""
    query = (
        select(notifications.c.person_id, func.min(notifications.c.created_at).label("since"))
        .where(
            notifications.c.person_id.in_(person_ids),
            notifications.c.site_id == site_id,
            or_(IS_DUE, IS_TO_PUSH),
            STILL_PENDING,
        )
        .group_by(notifications.c.person_id)
    )
    return {row.person_id: row.since for row in await connection.execute(query)}


def _preferences(row: Any) -> Preferences:
    values = {name: getattr(row, name) for name in _NAMES}
    return Preferences(
        **values
        | {
            "schedule": Schedule(row.schedule),
            "ways": Ways(row.ways),
            "away_until": None if row.away_until is None else date.fromisoformat(row.away_until),
        }
    )
