"""Jobs over many rows: in batches, each a transaction of its own, with others free to write between two."""

from collections.abc import Awaitable, Callable

from moderation_service.storage.engine.database import Connection, Database


async def in_batches(database: Database, work: Callable[[Connection, int], Awaitable[int]]) -> int:
    """Run `work(connection, most)` until it changed fewer than `most` rows; return how many it changed in all.

    Each run is committed by itself, so that a job that is killed has done what it did, and goes on from there when
    it is run again.
    """
    most = database.limits.batch_rows
    total = 0
    while True:
        async with database.write() as connection:
            changed = await work(connection, most)
        total += changed
        if changed < most:
            return total
