"""Jobs over many rows: in stretches, each a transaction of its own, with others free to write between two."""

from collections.abc import Awaitable, Callable

from moderation_service.storage.database import Connection, Database

MOST_ROWS = 1_000
"""How many rows one transaction of a long job may find; who writes more keeps everybody else from writing."""


async def in_stretches(database: Database, work: Callable[[Connection, int], Awaitable[int]]) -> int:
    """Run `work(connection, most)` until it changed fewer than `most` rows; return how many it changed in all.

    Each run is committed by itself, so that a job that is killed has done what it did, and goes on from there when
    it is run again.
    """
    total = 0
    while True:
        async with database.write() as connection:
            changed = await work(connection, MOST_ROWS)
        total += changed
        if changed < MOST_ROWS:
            return total
