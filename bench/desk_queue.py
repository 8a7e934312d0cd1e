"""How long the first and the 1,000th page of 100,000 comments take: `python bench/desk_queue.py DATABASE_URL`.

The database must be empty; it is filled and left so.
"""

import asyncio
import statistics
import sys
import time

from moderation_service.domain.comments import Status
from moderation_service.storage import migrations, queue
from moderation_service.storage.database import Database
from moderation_service.storage.queue import Stream
from tests.test_queue import LIMIT, MANY, PAGE, fill, nth

ROUNDS = 50
STREAMS = {
    "all that waits": Stream(site_id="coop", status=Status.PENDING),
    "of one page": Stream(site_id="coop", status=Status.PENDING, page_id=nth(7)),
    "with a rare word": Stream(site_id="coop", status=Status.PENDING, words="rara"),
}


async def main(url: str) -> None:
    async with Database.open(url) as database:
        await migrations.upgrade(database)
        await fill(database, MANY)
        for name, stream in STREAMS.items():
            for place, after in (("first", None), ("1,000th", nth(999 * PAGE))):
                took = sorted([await once(database, stream, after) for _ in range(ROUNDS)])
                print(f"{name:18} {place:8} median {statistics.median(took):7.2f} ms, worst {took[-1]:7.2f} ms")


async def once(database: Database, stream: Stream, after: str | None) -> float:
    started = time.perf_counter()
    async with database.read() as connection:
        await queue.look(connection, stream, after=after, limit=LIMIT)
    return (time.perf_counter() - started) * 1e3


asyncio.run(main(sys.argv[1]))
