"""A long queue: the first page and one in the middle read the same number of rows."""

import os
from collections.abc import Iterable
from typing import Any

from aiohttp import ClientSession
from sqlalchemy import text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation.queue_order import Order, Place
from moderation_service.domain.screening.assessment import SUSPECT_FROM
from moderation_service.services.moderation import queue as services
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.moderation import counts, queue
from moderation_service.storage.moderation.queue import Stream
from moderation_service.storage.schema import comments
from tests.support.desk import a_comment
from tests.support.factories import ADDRESS, bearer
from tests.support.long_queue import LIMIT, MANY, PAGE, PAGES, fill, nth

FEWER = int(os.environ.get("MODERATION_TEST_QUEUE", "15000"))
"""How many comments wait in SQLite, which reads few and many alike; PostgreSQL plans by how many there are."""

STREAMS = [
    Stream(site_id="coop", status=Status.PENDING),
    Stream(site_id="coop", status=Status.PENDING, order=Order.NEWEST),
    Stream(site_id="coop", status=Status.PENDING, order=Order.QUEUE),
    Stream(site_id="coop", status=Status.PENDING, order=Order.QUEUE, suspects=False),
    Stream(site_id="coop", status=Status.PENDING, order=Order.QUEUE, page_id=nth(7)),
    Stream(site_id="coop", status=Status.PENDING, page_id=nth(7)),
    Stream(site_id="coop", status=Status.PENDING, words="rara"),
    Stream(site_id="coop", status=Status.PENDING, author="nobody"),
]


async def test_every_page_of_a_long_queue_costs_the_same_and_goes_on_where_the_last_ended(
    database: Database,
) -> None:
    async with database.read() as connection:
        many = MANY if connection.dialect.name == "postgresql" else FEWER
    before_middle = many // 2 - PAGE
    await fill(database, many)
    for stream in STREAMS:
        start, middle = None, Place(0, nth(before_middle))
        if stream.order is Order.NEWEST:
            start, middle = Place(0, nth(many)), Place(0, nth(many - before_middle))
        elif stream.order is Order.QUEUE:
            start = Place(0, nth(PAGE))
        async with database.read() as connection:
            if connection.dialect.name == "postgresql":
                first, later = [await rows_read(connection, stream, one) for one in (start, middle)]
                assert first <= (queue.WINDOW if stream.is_search else LIMIT), stream
                assert later <= (LIMIT * PAGES if in_either_way(stream) else first), stream
            else:
                first, later = [await steps_taken(connection, stream, one) for one in (start, middle)]
                assert later <= first * 1.02 + 10, stream
                assert first < (queue.WINDOW if stream.is_search else LIMIT) * 60, stream
    async with database.read() as connection:
        page = await queue.look(connection, STREAMS[0], after=Place(0, nth(before_middle - 1)), limit=PAGE)
    assert [one.id for one in page.found] == [nth(before_middle + number) for number in range(PAGE)]


def in_either_way(stream: Stream) -> bool:
    """Whether PostgreSQL may as well walk along the queue of the site: every hundredth comment is of the page."""
    return stream.order is Order.QUEUE and stream.page_id is not None


async def rows_read(connection: Connection, stream: Stream, after: Place | None) -> int:
    """Comments that PostgreSQL reads for a look, those thrown away included."""
    query = queue._query(stream, after, LIMIT, queue.WINDOW)
    statement = query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    plan = await connection.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}".replace(":", "\\:")))
    [root] = plan.scalar_one()
    return sum(read_by(root["Plan"]))


def read_by(node: dict[str, Any]) -> Iterable[int]:
    if node.get("Relation Name") == "comments":
        assert node["Node Type"] in ("Index Scan", "Index Only Scan"), node
        yield round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
    for child in node.get("Plans", ()):
        yield from read_by(child)


async def steps_taken(connection: AsyncConnection, stream: Stream, after: Place | None) -> int:
    """Steps of SQLite's virtual machine for a look; it keeps no count of rows."""
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    await driver.set_progress_handler(count, 1)
    await queue.look(connection, stream, after=after, limit=LIMIT)
    await driver.set_progress_handler(None, 1)
    return steps


async def test_the_queue_of_two_sites_is_one_by_suspicion_then_arrival_and_leaves_nothing_out(
    database: Database,
) -> None:
    suspicions = [0, 40, 1_500, 40, 999, 1_000, 0, 1_999, 7, 40, 1_000]
    await fill(database, len(suspicions))
    async with database.write() as connection:
        for number, suspicion in enumerate(suspicions):
            changed = {"suspicion": suspicion, "site_id": "other" if number % 2 else "coop"}
            await connection.execute(update(comments).where(comments.c.id == nth(number)).values(changed))
    expected = sorted(Place(suspicion, nth(number)) for number, suspicion in enumerate(suspicions))
    for suspects in (None, False, True):
        streams = [
            Stream(site_id=site_id, status=Status.PENDING, order=Order.QUEUE, suspects=suspects)
            for site_id in ("coop", "other")
        ]
        for sees in (None, lambda *_: True):
            met: list[Place] = []
            after: Place | None = None
            async with database.read() as connection:
                while not met or after is not None:
                    found, after = await services.look(connection, streams, after=after, limit=2, sees=sees)
                    met += found
                counted = sum([await counts.count(connection, one, limit=100) for one in streams])
            wanted = [one for one in expected if suspects is None or (one.suspicion >= SUSPECT_FROM) is suspects]
            assert met == wanted
            assert counted == len(wanted)


async def test_a_search_that_finds_little_says_where_it_stopped_and_goes_on_there(database: Database) -> None:
    await fill(database, 3_500)
    stream = Stream(site_id="coop", status=Status.PENDING, words="rara")
    found: list[str] = []
    after: Place | None = None
    looks = 0
    async with database.read() as connection:
        while looks == 0 or after is not None:
            looked_at = await queue.look(connection, stream, after=after, limit=LIMIT, window=700)
            found += [one.id for one in looked_at.found]
            after = looked_at.until
            looks += 1
    assert found == [nth(number) for number in range(0, 3_500, 1_000)]
    assert looks == 3_500 // 700 + 1


FILTERS: list[tuple[dict[str, str], list[int]]] = [
    ({}, [0, 1, 2]),
    ({"status": "pending"}, [1, 2]),
    ({"status": "rejected"}, [0]),
    ({"status": "approved"}, []),
    ({"author": "nad"}, [2]),
    ({"author": "nadia@example.org"}, [2]),
    ({"author": ADDRESS}, [0, 1]),
    ({"author": "giuliana", "status": "pending"}, [1]),
    ({"q": "torta", "status": "rejected"}, [0]),
    ({"q": "torta", "author": "nadia"}, []),
    ({"page_url": "https://www.example.org/chi-siamo", "limit": "2"}, [0, 1]),
]
"""What a program asks for, and which of three comments it is shown."""


async def test_programs_filter_the_queue_as_the_desk_does(http: ClientSession) -> None:
    ids = [
        await a_comment(http, body="una torta"),
        await a_comment(http),
        await a_comment(http, author_name="Nadia", author_email="nadia@example.org"),
    ]
    decisions = {"decisions": [{"id": ids[0], "decision": "reject"}]}
    await http.post("/api/v1/moderation/decisions", json=decisions, headers=bearer())
    for asked, expected in FILTERS:
        answer = await http.get("/api/v1/moderation/comments", params=asked, headers=bearer())
        queued = await answer.json()
        assert [one["id"] for one in queued["comments"]] == [ids[number] for number in expected], asked
        assert ADDRESS not in await answer.text()


async def test_cursors_of_the_queue_lead_through_all_states_in_order(http: ClientSession) -> None:
    ids = [await a_comment(http, body=f"numero {n}") for n in range(5)]
    decisions = {"decisions": [{"id": ids[1], "decision": "spam"}, {"id": ids[4], "decision": "approve"}]}
    await http.post("/api/v1/moderation/decisions", json=decisions, headers=bearer())
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        params = {"limit": "2", "cursor": cursor}
        page = await (await http.get("/api/v1/moderation/comments", params=params, headers=bearer())).json()
        seen += [one["id"] for one in page["comments"]]
        cursor = page["next_cursor"]
    assert seen == ids
