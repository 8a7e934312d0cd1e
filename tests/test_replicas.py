"""Two replicas on one database, which know of each other by the database only."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from aiohttp import ClientSession
from sqlalchemy import func, select, text

from moderation_service import workers
from moderation_service.storage.database import Database
from moderation_service.storage.tables import comments, decisions
from tests.conftest import Start
from tests.factories import PAGE, a_submission, bearer
from tests.rows import settled
from tests.running import until
from tests.smtp import MailServer

Pair = tuple[ClientSession, ClientSession]


@pytest.fixture
async def pair(start: Start) -> AsyncIterator[Pair]:
    """Clients of two replicas."""
    async with AsyncExitStack() as stack:
        services = [await start(screening="off") for _ in range(2)]
        clients = [await stack.enter_async_context(ClientSession(service.url)) for service in services]
        yield clients[0], clients[1]


async def submitted(http: ClientSession, **changed: object) -> str:
    answer = await http.post("/api/v1/comments", json=a_submission(**changed))
    assert answer.status == 202, await answer.text()
    comment_id: str = (await answer.json())["id"]
    return comment_id


async def decide(http: ClientSession, *wanted: dict[str, object]) -> list[dict[str, str]]:
    answer = await http.post("/api/v1/moderation/decisions", json={"decisions": wanted}, headers=bearer())
    assert answer.status == 200, await answer.text()
    results: list[dict[str, str]] = (await answer.json())["results"]
    return results


async def count(http: ClientSession) -> int:
    answer = await (await http.get("/api/v1/comments", params={"page_url": PAGE})).json()
    number: int = answer["count"]
    return number


async def until_it_counts(http: ClientSession, expected: int) -> None:
    async def it_counts() -> bool:
        return await count(http) == expected

    await until(it_counts)


def test_replicas_look_often_enough_to_show_a_decision_within_two_seconds() -> None:
    assert workers.LOOK_FOR_CHANGES_EVERY <= 1


async def test_a_decision_shows_at_its_replica_at_once_and_at_the_other_soon(pair: Pair) -> None:
    here, there = pair
    comment_id = await submitted(here)
    assert (await count(here), await count(there)) == (0, 0)
    await decide(here, {"id": comment_id, "decision": "approve"})
    assert await count(here) == 1
    await until_it_counts(there, 1)
    await decide(there, {"id": comment_id, "decision": "reject"})
    assert await count(there) == 0
    await until_it_counts(here, 0)


async def test_a_key_that_arrives_ten_times_at_once_at_two_replicas_makes_one_comment(
    pair: Pair, smtp: MailServer, database: Database
) -> None:
    for round_number in range(5):
        headers = {"Idempotency-Key": f"key {round_number}"}
        body = a_submission(body=f"Commento {round_number}")
        answers = await asyncio.gather(
            *(pair[number % 2].post("/api/v1/comments", json=body, headers=headers) for number in range(10))
        )
        assert [answer.status for answer in answers] == [202] * 10
        assert len({await answer.text() for answer in answers}) == 1
    async with database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(comments))).scalar_one() == 5
    await settled(database)
    assert sum(int(mail.message["X-Comments"]) for mail in smtp.to("anna@example.org")) == 5


async def test_two_replicas_that_decide_one_comment_at_the_same_moment_take_one_decision(
    pair: Pair, database: Database
) -> None:
    rounds = 200
    ids = [await submitted(pair[0], body=f"Commento {number}") for number in range(rounds)]
    for comment_id in ids:
        results = await asyncio.gather(
            decide(pair[0], {"id": comment_id, "decision": "approve", "expected_status": "pending"}),
            decide(pair[1], {"id": comment_id, "decision": "reject", "expected_status": "pending"}),
        )
        assert sorted(result["outcome"] for [result] in results) == ["conflict", "done"]
    async with database.read() as connection:
        taken = (
            await connection.execute(select(decisions.c.comment_id, func.count()).group_by(decisions.c.comment_id))
        ).all()
    assert sorted(comment_id for comment_id, _ in taken) == sorted(ids)
    assert {number for _, number in taken} == {1}


async def deadlocks(database: Database) -> int:
    """Return how many deadlocks PostgreSQL ever broke; SQLite's writers are serial and have none to break."""
    async with database.read() as connection:
        if connection.dialect.name == "sqlite":
            return 0
        await connection.execute(text("SELECT pg_stat_force_next_flush()"))
        found = await connection.execute(text("SELECT sum(deadlocks) FROM pg_stat_database"))
        return int(found.scalar_one())


async def test_overlapping_bulk_decisions_in_opposite_order_do_not_deadlock(
    pair: Pair, database: Database
) -> None:
    before = await deadlocks(database)
    ids: list[str] = []
    for start_at in range(0, 500, 100):
        ids += await asyncio.gather(
            *(submitted(pair[number % 2], body=f"Commento {number}") for number in range(start_at, start_at + 100))
        )
    for decision in ("approve", "reject", "approve"):
        forth = [{"id": comment_id, "decision": decision} for comment_id in ids]
        results = await asyncio.gather(decide(pair[0], *forth), decide(pair[1], *reversed(forth)))
        outcomes = [result["outcome"] for some in results for result in some]
        assert outcomes.count("done") == 500
        assert outcomes.count("unchanged") == 500
    assert await deadlocks(database) == before


async def test_the_same_pages_and_keys_in_shuffled_order_do_not_deadlock(pair: Pair, database: Database) -> None:
    before = await deadlocks(database)
    shuffle = random.Random(20261122)  # noqa: S311 - an order, not a secret
    for round_number in range(4):
        work = [(http, number) for http in pair for number in range(50)]
        shuffle.shuffle(work)
        answers = await asyncio.gather(
            *(
                http.post(
                    "/api/v1/comments",
                    json=a_submission(page_url=f"{PAGE}/{round_number}/{number}"),
                    headers={"Idempotency-Key": f"{round_number}/{number}"},
                )
                for http, number in work
            )
        )
        assert {answer.status for answer in answers} == {202}
    async with database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(comments))).scalar_one() == 200
    assert await deadlocks(database) == before


async def test_four_replicas_that_start_together_on_an_empty_database_all_come_up(
    empty_database_url: str, start: Start
) -> None:
    services = await asyncio.gather(*(start(database_url=empty_database_url) for _ in range(4)))
    for service in services:
        async with ClientSession(service.url) as http:
            assert (await http.get("/health/ready")).status == 200
