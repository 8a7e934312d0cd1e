"""When somebody last decided something on each site."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select

from moderation_service.storage.database import Connection, insert
from moderation_service.storage.tables import last_decisions


async def note(connection: Connection, site_id: str, at: datetime) -> None:
    """Write down that something was decided."""
    fresh = insert(connection, last_decisions).values(site_id=site_id, at=at)
    await connection.execute(fresh.on_conflict_do_update(index_elements=["site_id"], set_={"at": at}))


async def get_many(connection: Connection, site_ids: Collection[str]) -> dict[str, datetime]:
    """Return the times of sites on which anything was decided since they are noted."""
    rows = await connection.execute(select(last_decisions).where(last_decisions.c.site_id.in_(site_ids)))
    return {row.site_id: row.at for row in rows}
