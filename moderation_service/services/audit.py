"""Balancing the books."""

from moderation_service.storage import books
from moderation_service.storage.database import Database


async def differences(database: Database) -> dict[str, int]:
    """Return, for each thing that must never be, how often it is."""
    async with database.read() as connection:
        return await books.differences(connection)
