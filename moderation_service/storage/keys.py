"""Which keys something is stored under."""

from datetime import datetime

from sqlalchemy import select, update

from moderation_service.domain.errors import KeyNotListedError
from moderation_service.domain.keys import KeyRing
from moderation_service.storage.database import Connection, insert
from moderation_service.storage.tables import keys_in_use


async def unlisted(connection: Connection, keys: KeyRing) -> list[str]:
    """Return the ids of keys that something is stored under and that are not listed."""
    rows = await connection.execute(select(keys_in_use.c.key_id).order_by(keys_in_use.c.since))
    return [key_id for key_id in rows.scalars() if key_id not in keys.ids]


async def check_listed(connection: Connection, keys: KeyRing) -> None:
    """Raise KeyNotListedError where something is stored under a key that is not listed."""
    if await unlisted(connection, keys):
        raise KeyNotListedError


async def is_in_use(connection: Connection, key_id: str) -> bool:
    """Tell whether it was noted that something is stored under a key."""
    found = await connection.execute(select(keys_in_use.c.key_id).where(keys_in_use.c.key_id == key_id))
    return found.first() is not None


async def begin_use(connection: Connection, keys: KeyRing, now: datetime) -> None:
    """Note that from now on the current key is used; raise KeyNotListedError where an older one is missing."""
    await check_listed(connection, keys)
    await connection.execute(
        insert(connection, keys_in_use).values(key_id=keys.current_id, since=now).on_conflict_do_nothing()
    )


async def touch(connection: Connection) -> None:
    """Write what stands there already: a probe that reaches the disk."""
    await connection.execute(update(keys_in_use).values(since=keys_in_use.c.since))
