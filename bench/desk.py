"""How long a moderator waits for the first and the 1,000th page of 100,000 comments, on both engines."""

import asyncio
import time
from pathlib import Path
from statistics import median

from bench.databases import databases
from bench.table import Table
from moderation_service.domain.comments import Status
from moderation_service.storage import migrations, queue
from moderation_service.storage.database import Database
from moderation_service.storage.queue import Stream
from tests.test_queue import LIMIT, MANY, PAGE, fill, nth

_ROUNDS = 50
_STREAMS = {
    "all that waits": Stream(site_id="coop", status=Status.PENDING),
    "what waits of one page": Stream(site_id="coop", status=Status.PENDING, page_id=nth(7)),
    "what waits with a rare word": Stream(site_id="coop", status=Status.PENDING, words="rara"),
}


def measure(folder: Path, table: Table) -> None:
    """Fill the table."""
    for engine, database_url in databases(folder):
        asyncio.run(_measure(engine, database_url, table))


async def _measure(engine: str, database_url: str, table: Table) -> None:
    async with Database.open(database_url) as database:
        await migrations.upgrade(database)
        await fill(database, MANY)
        for what, stream in _STREAMS.items():
            first = median([await _once(database, stream, None) for _ in range(_ROUNDS)])
            far = median([await _once(database, stream, nth(999 * PAGE)) for _ in range(_ROUNDS)])
            name = f"desk, {engine}: {what}, 1,000th page"
            table.note(name, f"{far:.1f} ms", beside=f"first page {first:.1f} ms")


async def _once(database: Database, stream: Stream, after: str | None) -> float:
    """Return the milliseconds that one page takes."""
    started = time.perf_counter()
    async with database.read() as connection:
        await queue.look(connection, stream, after=after, limit=LIMIT)
    return (time.perf_counter() - started) * 1e3
