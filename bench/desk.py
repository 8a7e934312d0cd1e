"""How long a moderator waits at the desk while 100,000 comments wait, on both engines."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from statistics import median

from bench import servers
from bench.databases import databases
from bench.table import Table
from moderation_service import config
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation.decisions import Decision, Request
from moderation_service.domain.moderation.queue_order import Order, Place
from moderation_service.runtime import container
from moderation_service.services.moderation import desk_counts
from moderation_service.services.moderation.queue import Filter
from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database
from moderation_service.storage.moderation import queue
from moderation_service.storage.moderation.queue import Stream
from tests.support.long_queue import LIMIT, MANY, PAGE, fill, nth

_ROUNDS = 50
_STREAMS = {
    "all that waits": Stream(site_id="coop", status=Status.PENDING, order=Order.QUEUE),
    "what waits of one page": Stream(site_id="coop", status=Status.PENDING, order=Order.QUEUE, page_id=nth(7)),
    "what waits with a rare word": Stream(site_id="coop", status=Status.PENDING, order=Order.QUEUE, words="rara"),
}


def measure(folder: Path, table: Table) -> None:
    """Fill the table."""
    for engine, database_url in databases(folder):
        asyncio.run(_measure(engine, database_url, table))
        settings = servers.environ(folder, database_url, servers.free_port())
        sites = Path(settings["MODERATION_SITES"])
        sites.write_text(sites.read_text(encoding="utf-8").replace('"bench"', '"coop"'), encoding="utf-8")
        asyncio.run(_measure_desk(engine, settings, table))


async def _measure(engine: str, database_url: str, table: Table) -> None:
    async with Database.open(database_url) as database:
        await migrations.upgrade(database)
        await fill(database, MANY)
        for what, stream in _STREAMS.items():
            first = median([await _once(database, stream, None) for _ in range(_ROUNDS)])
            far = median([await _once(database, stream, Place(0, nth(999 * PAGE))) for _ in range(_ROUNDS)])
            name = f"desk, {engine}: {what}, 1,000th page"
            table.note(name, f"{far:.1f} ms", beside=f"first page {first:.1f} ms")


async def _once(database: Database, stream: Stream, after: Place | None) -> float:
    """Return the milliseconds that one page takes."""
    started = time.perf_counter()
    async with database.read() as connection:
        await queue.look(connection, stream, after=after, limit=LIMIT)
    return (time.perf_counter() - started) * 1e3


async def _measure_desk(engine: str, settings: dict[str, str], table: Table) -> None:
    """Measure what one press at the desk takes in the service, all of its queries and the writing included."""
    async with container.opened(config.read(settings)) as opened:
        person_id = opened.directory.person_of("anna@example.org")
        assert person_id is not None
        memberships = opened.directory.memberships_of(person_id)
        numbers = iter(range(MANY))

        async def page(wanted: Filter) -> None:
            found = await opened.web.desk.queue_page(
                memberships, wanted, site_id=None, after=None, limit=PAGE, suspects_apart=True
            )
            assert found.items

        async def count(wanted: Filter) -> None:
            async with opened.database.read() as connection:
                await desk_counts.overview(
                    connection, opened.keys, memberships, wanted, site_id=None, with_search=True
                )

        async def decide(many: int) -> None:
            requests = [
                Request(comment_id=nth(next(numbers)), decision=Decision.REJECT, expected=Status.PENDING)
                for _ in range(many)
            ]
            results = await opened.web.desk.decide(memberships, requests)
            assert {one.status for one in results} == {Status.REJECTED}

        for what, ask in {
            "first page": partial(page, Filter(order=Order.QUEUE, suspects=False)),
            "first page of a search for a rare word": partial(page, Filter(order=Order.QUEUE, words="rara")),
            "its numbers": partial(count, Filter(order=Order.QUEUE, suspects=False)),
            "numbers of that search": partial(count, Filter(words="rara")),
            "one decision": partial(decide, 1),
            f"{PAGE} decisions": partial(decide, PAGE),
        }.items():
            took = sorted([await _timed(ask) for _ in range(_ROUNDS)])
            table.note(f"desk, {engine}: {what}", f"{median(took):.1f} ms", beside=f"slowest {took[-1]:.1f} ms")


async def _timed(ask: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await ask()
    return (time.perf_counter() - started) * 1e3
