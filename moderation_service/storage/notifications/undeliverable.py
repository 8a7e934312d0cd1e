"""Pending comments of which nobody can be notified by mail just now: all who are responsible are parked.

Each question reads only what is parked or waits for somebody who is, by the partial indexes of the notifications.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, or_, select, union_all

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.notifications.states import NotificationState
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import IS_PARKED, IS_WAITING, comments, notifications, people


async def count(connection: Connection, person_ids: Collection[str]) -> int:
    """Return how many there are; `person_ids` is everybody who moderates something."""
    query = select(func.count()).select_from(comments).where(*_is_undeliverable(person_ids))
    return (await connection.execute(query)).scalar_one()


async def first(
    connection: Connection, person_ids: Collection[str], limit: int, *, site_ids: Collection[str] | None = None
) -> list[str]:
    """Return the ids of the oldest up to `limit`, of some sites or of all."""
    query = select(comments.c.id).where(*_is_undeliverable(person_ids))
    if site_ids is not None:
        query = query.where(comments.c.site_id.in_(site_ids))
    return list((await connection.execute(query.order_by(comments.c.id).limit(limit))).scalars())


async def among(connection: Connection, person_ids: Collection[str], comment_ids: Collection[str]) -> set[str]:
    """Return those of some comments of which nobody can be notified."""
    query = select(comments.c.id).where(comments.c.id.in_(comment_ids), *_is_undeliverable(person_ids))
    return set((await connection.execute(query)).scalars())


def _is_undeliverable(person_ids: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    other = notifications.alias()
    unreachable = _unreachable(person_ids)
    stuck = union_all(
        select(notifications.c.comment_id).where(IS_PARKED),
        select(notifications.c.comment_id).where(IS_WAITING, notifications.c.person_id.in_(unreachable)),
    ).subquery()
    has_a_chance = exists().where(
        other.c.comment_id == comments.c.id,
        or_(
            other.c.state == NotificationState.NOTIFIED,
            and_(other.c.state == NotificationState.WAITING, other.c.person_id.not_in(unreachable)),
        ),
    )
    return (
        comments.c.id.in_(select(stuck.c.comment_id)),
        comments.c.status == Status.PENDING,
        not_(has_a_chance),
    )


def _unreachable(person_ids: Collection[str]) -> Select[Any]:
    return select(people.c.id).where(people.c.parked_since.is_not(None), people.c.id.in_(person_ids))
