"""Which keys something is stored under."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select, update

from moderation_service.domain.keys import KeyNotListedError, KeyRing
from moderation_service.storage.engine.database import Connection, insert
from moderation_service.storage.schema import keys_in_use


async def unlisted(connection: Connection, keys: KeyRing) -> list[str]:
    """Return the ids of keys that something is stored under and that are not listed."""
    return [key_id for key_id in await in_use(connection) if key_id not in keys.ids]


async def in_use(connection: Connection) -> list[str]:
    """Return the ids of all keys that something is noted to be stored under, the oldest first."""
    rows = await connection.execute(select(keys_in_use.c.key_id).order_by(keys_in_use.c.since))
    return list(rows.scalars())


async def end_use(connection: Connection, key_ids: Collection[str]) -> None:
    """Note that nothing is stored any more under some keys."""
    await connection.execute(delete(keys_in_use).where(keys_in_use.c.key_id.in_(key_ids)))


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
