"""All that lies in a database, to compare before and after."""

from typing import Any

from sqlalchemy import select

from moderation_service.storage.database import Database
from moderation_service.storage.tables import metadata


async def all_rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, in an order of its own."""
    found = {}
    async with database.read() as connection:
        for table in metadata.sorted_tables:
            rows = await connection.execute(select(table))
            found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found
