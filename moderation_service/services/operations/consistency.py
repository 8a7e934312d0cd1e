"""Whether every accepted comment, and everything that is to be sent, is accounted for."""

from moderation_service.storage.engine.database import Database
from moderation_service.storage.operations import consistency


async def differences(database: Database) -> dict[str, int]:
    """Return, for each thing that must never be, how often it is; no reader stays open from one to the next."""
    found = {}
    for name in consistency.NAMES:
        async with database.read() as connection:
            found[name] = await consistency.count(connection, name)
    return found
