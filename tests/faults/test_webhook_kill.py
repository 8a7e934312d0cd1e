"""The process is killed while it posts to a webhook: every event comes all the same, under one id."""

import os
import random
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

from aiohttp import ClientError, ClientSession
from sqlalchemy import select, update

from moderation_service.storage.engine.database import Database
from moderation_service.storage.engine.database import now as database_clock
from moderation_service.storage.notifications import webhooks
from moderation_service.storage.schema import deliveries
from tests.support.contract import client_of
from tests.support.factories import SITES, bearer
from tests.support.posting import post
from tests.support.processes import Process, served
from tests.support.running import until
from tests.support.time_limits import PATIENT
from tests.support.webhook_receiver import Receiver, Taken, list_webhooks, receiving

KILLS = int(os.environ.get("MODERATION_TEST_KILLS", "2"))
AT_ONCE = 6
"""How many comments one decision publishes."""


class Killer:
    """Kills a process when the receiver has one of the next POSTs, before it has answered."""

    def __init__(self, receiver: Receiver, chance: random.Random) -> None:
        self._chance = chance
        self._left = 0
        self._process: Process | None = None
        self.killed_by: list[int] = []
        receiver.answer = self._answer

    def aim(self, process: Process) -> None:
        self._process, self._left = process, self._chance.randrange(AT_ONCE)

    def _answer(self, taken: Taken) -> int:
        if self._process is not None and self._left <= 0:
            self._process.child.kill()
            self._process = None
            self.killed_by.append(taken.event["data"]["number"])
        self._left -= 1
        return 204


async def is_begun(database: Database) -> bool:
    """Whether a service has begun with the webhook: it tells of what changes from then on."""
    async with database.read() as connection:
        return await webhooks.get(connection, "coop/mirror") is not None


async def posted(http: ClientSession, number: int) -> list[str]:
    """Post some comments; return their ids."""
    return [(await post(http, body=f"commento {number}.{one}"))["id"] for one in range(AT_ONCE)]


async def approve(http: ClientSession, ids: list[str]) -> None:
    """Approve comments by one decision, which may be answered by a kill."""
    decided = {"decisions": [{"id": one, "decision": "approve"} for one in ids]}
    with suppress(ClientError):
        await http.post("/api/v1/moderation/decisions", json=decided, headers=bearer())


async def let_leases_pass(database: Database) -> None:
    """What the dead process had leased is another's after a minute at most; let that minute pass."""
    of_webhooks = deliveries.c.kind == "webhook"
    async with database.write() as connection:
        now = await database_clock(connection)
        held = (await connection.execute(select(deliveries.c.lease_until).where(of_webhooks))).scalars()
        assert all(one is None or one <= now + timedelta(seconds=60) for one in held)
        over = now - timedelta(milliseconds=1)
        leased = of_webhooks & deliveries.c.lease_until.is_not(None)
        await connection.execute(update(deliveries).where(leased).values(lease_until=over))


async def numbers(http: ClientSession) -> set[int]:
    """The numbers of all changes of the site."""
    answer = await http.get("/api/v1/changes", params={"site": "coop", "limit": "500"})
    return {one["number"] for one in (await answer.json())["changes"]}


def ids_by_number(posts: Iterable[Taken]) -> dict[int, set[str]]:
    """Under which ids each change was told."""
    found: dict[int, set[str]] = defaultdict(set)
    for one in posts:
        found[one.verified()["data"]["number"]].add(one.id)
    return found


async def test_every_event_comes_though_the_process_is_killed_while_it_posts(
    environ: dict[str, str], database_url: str
) -> None:
    seed = int(os.environ.get("MODERATION_TEST_SEED", "0")) or random.SystemRandom().randrange(10**9)
    print(f"seed {seed}: MODERATION_TEST_SEED={seed} repeats it")  # noqa: T201 - shown when the test fails
    async with receiving() as receiver, Database.open(database_url, limits=PATIENT) as database:
        list_webhooks(environ, SITES, {"id": "mirror", "url": receiver.url})
        environ["MODERATION_SCREENING"] = "off"
        killer = Killer(receiver, random.Random(seed))  # noqa: S311 - a moment, not a secret
        rounds: list[list[str]] = []
        for number in range(KILLS):
            async with served(environ) as process, client_of(process.url) as http:
                await until(lambda: is_begun(database))
                rounds.append(await posted(http, number))
                killer.aim(process)
                await approve(http, rounds[-1])
                await process.ended()
            await let_leases_pass(database)
        async with served(environ) as process, client_of(process.url) as http:
            for ids in rounds:  # what is still to be sent may have drawn the kill before the decision was stored
                await approve(http, ids)
            published = await numbers(http)
            assert len(published) == KILLS * AT_ONCE
            await until(lambda: published <= set(receiver.numbers))
            await until(lambda: all(receiver.numbers.count(one) > 1 for one in killer.killed_by))
            told = ids_by_number(receiver.posts)
            assert set(told) == published
            assert {number: len(ids) for number, ids in told.items()} == dict.fromkeys(published, 1)
            assert len({one for ids in told.values() for one in ids}) == len(published)
    assert len(killer.killed_by) == KILLS
