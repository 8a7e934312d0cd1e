"""The queue at 100,000 comments: the first page and the 1,000th read the same number of rows."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientSession
from sqlalchemy import insert, text
from sqlalchemy.dialects import postgresql

from moderation_service.domain.comments import Status
from moderation_service.storage import queue
from moderation_service.storage.database import Connection, Database
from moderation_service.storage.queue import Stream
from moderation_service.storage.tables import comments, pages
from tests.desk import a_comment
from tests.factories import ADDRESS, bearer

MANY = 100_000
PAGE = 50
LIMIT = PAGE + 1
_AT = datetime(2026, 1, 1, tzinfo=UTC)


def nth(number: int) -> str:
    return str(UUID(int=(7 << 76) | (2 << 62) | (number << 80)))


async def fill(database: Database, count: int) -> None:
    """Store comments that wait, on a hundred pages; every thousandth has a rare word."""
    common = {"site_id": "coop", "status": Status.PENDING, "revision": 1, "author_name": "Giuliana"}
    common |= {"body_html": "", "renderer": 1, "spam_score": 0, "spam_reasons": ""}
    common |= {"created_at": _AT, "changed_at": _AT}
    addresses = [f"https://www.example.org/{number}" for number in range(100)]
    async with database.write() as connection:
        await connection.execute(
            insert(pages),
            [
                {"id": nth(number), "site_id": "coop", "url": url, "created_at": _AT}
                for number, url in enumerate(addresses)
            ],
        )
        await connection.execute(
            insert(comments),
            [
                common
                | {
                    "id": nth(number),
                    "page_id": nth(number % 100),
                    "body": "interessante…" if number % 1_000 else "una parola rara",
                }
                for number in range(count)
            ],
        )
    async with database.write() as connection:
        await connection.execute(text("ANALYZE"))


STREAMS = [
    Stream(site_id="coop", status=Status.PENDING),
    Stream(site_id="coop", status=Status.PENDING, newest_first=True),
    Stream(site_id="coop", status=Status.PENDING, page_id=nth(7)),
    Stream(site_id="coop", status=Status.PENDING, words="rara"),
    Stream(site_id="coop", status=Status.PENDING, author="nobody"),
]


async def test_every_page_of_a_long_queue_costs_the_same_and_goes_on_where_the_last_ended(
    database: Database,
) -> None:
    await fill(database, MANY)
    for stream in STREAMS:
        start, thousandth = (nth(MANY), nth(MANY - 999 * PAGE)) if stream.newest_first else (None, nth(999 * PAGE))
        async with database.read() as connection:
            if connection.dialect.name == "postgresql":
                first, later = [await rows_read(connection, stream, one) for one in (start, thousandth)]
                assert later <= first <= (queue.WINDOW if stream.is_search else LIMIT), stream
            else:
                first, later = [await steps_taken(connection, stream, one) for one in (start, thousandth)]
                assert later <= first * 1.02 + 10, stream
                assert first < (queue.WINDOW if stream.is_search else LIMIT) * 60, stream
    async with database.read() as connection:
        page = await queue.look(connection, STREAMS[0], after=nth(999 * PAGE - 1), limit=PAGE)
    assert [one.id for one in page.found] == [nth(999 * PAGE + number) for number in range(PAGE)]


async def rows_read(connection: Connection, stream: Stream, after: str | None) -> int:
    """Comments that PostgreSQL reads for a look, those thrown away included."""
    query = queue._query(stream, after, LIMIT)
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


async def steps_taken(connection: Connection, stream: Stream, after: str | None) -> int:
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


async def test_a_search_that_finds_little_says_where_it_stopped_and_goes_on_there(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "WINDOW", 700)
    await fill(database, 3_500)
    stream = Stream(site_id="coop", status=Status.PENDING, words="rara")
    found: list[str] = []
    after: str | None = None
    looks = 0
    async with database.read() as connection:
        while looks == 0 or after is not None:
            stretch = await queue.look(connection, stream, after=after, limit=LIMIT)
            found += [one.id for one in stretch.found]
            after = stretch.until
            looks += 1
    assert found == [nth(number) for number in range(0, 3_500, 1_000)]
    assert looks == 3_500 // 700 + 1


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
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
    ],
)
async def test_programs_filter_the_queue_as_the_desk_does(
    http: ClientSession, asked: dict[str, str], expected: list[int]
) -> None:
    ids = [
        await a_comment(http, body="una torta"),
        await a_comment(http),
        await a_comment(http, author_name="Nadia", author_email="nadia@example.org"),
    ]
    decisions = {"decisions": [{"id": ids[0], "decision": "reject"}]}
    await http.post("/api/v1/moderation/decisions", json=decisions, headers=bearer())
    answer = await http.get("/api/v1/moderation/comments", params=asked, headers=bearer())
    queued = await answer.json()
    assert [one["id"] for one in queued["comments"]] == [ids[number] for number in expected]
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
