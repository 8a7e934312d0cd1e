"""Two replicas on one database, which know of each other by the database only."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack

import pytest
from aiohttp import ClientSession
from sqlalchemy import func, select, text

from moderation_service.domain.comments.comment import Draft
from moderation_service.runtime.intervals import Intervals
from moderation_service.storage.comments import comments as stored_comments
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.schema import comments, decisions
from tests.conftest import Start
from tests.support.contract import client_of
from tests.support.factories import PAGE, a_submission, bearer
from tests.support.rows import settled
from tests.support.running import until
from tests.support.smtp import MailServer

Pair = tuple[ClientSession, ClientSession]

ROUNDS = int(os.environ.get("MODERATION_TEST_ROUNDS", "15"))
"""How often two replicas decide on one comment; 200 times in `make soak`."""

only_postgresql = pytest.mark.parametrize("place", ["postgresql"], indirect=True)


@pytest.fixture
async def pair(start: Start) -> AsyncIterator[Pair]:
    """Clients of two replicas."""
    async with AsyncExitStack() as stack:
        services = [await start(screening="off") for _ in range(2)]
        clients = [await stack.enter_async_context(client_of(service.url)) for service in services]
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
    assert Intervals().changes <= 1


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
    ids = [await submitted(pair[0], body=f"Commento {number}") for number in range(ROUNDS)]
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
        forth: list[dict[str, object]] = [{"id": comment_id, "decision": decision} for comment_id in ids]
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
        async with client_of(service.url) as http:
            assert (await http.get("/health/ready")).status == 200


@pytest.fixture
async def strict(start: Start) -> AsyncIterator[Pair]:
    """Clients of two replicas that screen."""
    async with AsyncExitStack() as stack:
        services = [await start(trusted_proxies="127.0.0.1/32") for _ in range(2)]
        clients = [await stack.enter_async_context(client_of(service.url)) for service in services]
        yield clients[0], clients[1]


class Halted:
    """Halts the first batch that has judged its drafts, before it writes them; others go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.has_judged, self.go_on = asyncio.Event(), asyncio.Event()
        self._real = stored_comments.add
        monkeypatch.setattr(stored_comments, "add", self._add)

    async def _add(self, connection: Connection, drafts: Sequence[Draft], roots: Mapping[str, str | None]) -> None:
        is_first = not self.has_judged.is_set()
        self.has_judged.set()
        if is_first:
            await self.go_on.wait()
        await self._real(connection, drafts, roots)


async def until_it_waits_or_is_done(database: Database, task: asyncio.Task[int]) -> None:
    async def it_does() -> bool:
        async with database.read() as connection:
            found = await connection.execute(
                text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            )
            return task.done() or found.scalar_one() > 0

    await until(it_does)


async def status(http: ClientSession, client: str = "192.0.2.1", **changed: object) -> int:
    headers = {"X-Forwarded-For": client}
    return (await http.post("/api/v1/comments", json=a_submission(**changed), headers=headers)).status


@only_postgresql
async def test_the_same_comment_at_both_replicas_at_one_moment_is_stored_once(
    strict: Pair, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    halted = Halted(monkeypatch)
    first = asyncio.create_task(status(strict[0]))
    await halted.has_judged.wait()
    second = asyncio.create_task(status(strict[1]))
    await until_it_waits_or_is_done(database, second)
    halted.go_on.set()
    assert (await first, await second) == (202, 409)


@only_postgresql
async def test_a_limit_holds_over_both_replicas_at_one_moment(
    strict: Pair, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(19):
        assert await status(strict[number % 2], body=f"numero {number}") == 202
    halted = Halted(monkeypatch)
    first = asyncio.create_task(status(strict[0], body="uno"))
    await halted.has_judged.wait()
    second = asyncio.create_task(status(strict[1], body="due"))
    await until_it_waits_or_is_done(database, second)
    halted.go_on.set()
    assert (await first, await second) == (202, 429)


@only_postgresql
async def test_other_comments_of_other_networks_do_not_wait(strict: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their classes differ from those of the halted one."""
    halted = Halted(monkeypatch)
    first = asyncio.create_task(status(strict[0]))
    await halted.has_judged.wait()
    assert await status(strict[1], client="198.51.100.1", body="altro", page_url=f"{PAGE}/altro") == 202
    halted.go_on.set()
    assert await first == 202


async def test_screened_comments_in_shuffled_order_do_not_deadlock(strict: Pair, database: Database) -> None:
    before = await deadlocks(database)
    shuffle = random.Random(20261125)  # noqa: S311 - an order, not a secret
    for round_number in range(4):
        work = [(http, number) for http in strict for number in range(40)]
        shuffle.shuffle(work)
        found = await asyncio.gather(
            *(
                status(http, client=f"10.{number}.0.1", body=f"{round_number}", page_url=f"{PAGE}/{number}")
                for http, number in work
            )
        )
        assert sorted(found) == [202] * 40 + [409] * 40
    assert await deadlocks(database) == before
