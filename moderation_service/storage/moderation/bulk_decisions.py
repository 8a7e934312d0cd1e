"""Decisions on all that a filter matches, on disk: how far each has come, and what it decided."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from moderation_service.domain.moderation.bulk_decisions import OPEN, Bulk, BulkState
from moderation_service.domain.moderation.decisions import Decision
from moderation_service.storage.engine.bulk_insert import insert_rows
from moderation_service.storage.engine.database import Connection
from moderation_service.storage.schema import bulk_items, bulks

_QUERY = select(bulks)


async def add(connection: Connection, bulk: Bulk) -> None:
    """Write a new one."""
    names = [column.name for column in bulks.columns]
    await connection.execute(insert(bulks).values({name: getattr(bulk, name) for name in names}))


async def get(connection: Connection, bulk_id: str, *, for_update: bool = False) -> Bulk | None:
    """Return a bulk; `for_update` keeps everybody else from going on with it until the transaction ends."""
    query = _QUERY.where(bulks.c.id == bulk_id)
    row = (await connection.execute(query.with_for_update() if for_update else query)).first()
    return None if row is None else _bulk(row)


async def next_open(connection: Connection) -> Bulk | None:
    """Return the oldest bulk that is not through."""
    query = _QUERY.where(bulks.c.state.in_(OPEN)).order_by(bulks.c.id).limit(1)
    row = (await connection.execute(query)).first()
    return None if row is None else _bulk(row)


async def of_person(connection: Connection, person_id: str, *, since: datetime, limit: int) -> list[Bulk]:
    """Return a person's newest bulks, the newest first."""
    query = _QUERY.where(bulks.c.person_id == person_id, bulks.c.created_at >= since)
    rows = await connection.execute(query.order_by(bulks.c.created_at.desc(), bulks.c.id.desc()).limit(limit))
    return [_bulk(row) for row in rows]


async def save(connection: Connection, bulk: Bulk) -> None:
    """Write how far a bulk has come: its state, its place, and what it has done and taken back of how many."""
    await connection.execute(
        update(bulks)
        .where(bulks.c.id == bulk.id)
        .values(
            state=bulk.state,
            site_id=bulk.site_id,
            position=bulk.position,
            total=bulk.total,
            done=bulk.done,
            undone=bulk.undone,
        )
    )


async def note(connection: Connection, bulk_id: str, site_id: str, numbers: Mapping[str, int]) -> None:
    """Keep which comments a bulk decided, and the number of that decision in each one's history."""
    rows: list[dict[str, object]] = [
        {"bulk_id": bulk_id, "site_id": site_id, "comment_id": comment_id, "number": number}
        for comment_id, number in numbers.items()
    ]
    if rows:
        await insert_rows(connection, bulk_items, rows)


async def items(
    connection: Connection, bulk_id: str, site_id: str, *, after: str | None, limit: int
) -> dict[str, int]:
    """Return what a bulk decided of a site behind a comment, by rising id."""
    query = select(bulk_items.c.comment_id, bulk_items.c.number).where(
        bulk_items.c.bulk_id == bulk_id, bulk_items.c.site_id == site_id
    )
    if after is not None:
        query = query.where(bulk_items.c.comment_id > after)
    rows = await connection.execute(query.order_by(bulk_items.c.comment_id).limit(limit))
    return {row.comment_id: row.number for row in rows}


async def forget(connection: Connection, most: int, *, before: datetime) -> int:
    """Delete up to `most` items of an old bulk, at last itself; return `most` where there may be more."""
    old = (
        await connection.execute(select(bulks.c.id).where(bulks.c.created_at < before).limit(1))
    ).scalar_one_or_none()
    if old is None:
        return 0
    some = select(bulk_items.c.comment_id).where(bulk_items.c.bulk_id == old).limit(most)
    found = (await connection.execute(some)).scalars().all()
    if found:
        theirs = (bulk_items.c.bulk_id == old, bulk_items.c.comment_id.in_(found))
        await connection.execute(delete(bulk_items).where(*theirs))
        return most
    await connection.execute(delete(bulks).where(bulks.c.id == old))
    return most


def _bulk(row: Row[Any]) -> Bulk:
    values = dict(row._mapping)  # noqa: SLF001
    return Bulk(**values | {"decision": Decision(values["decision"]), "state": BulkState(values["state"])})
