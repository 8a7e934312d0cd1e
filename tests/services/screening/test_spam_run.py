"""A spam run at two replicas: people keep their place in the queue, and bots do not reach the moderators' mail."""

import asyncio
import os
from collections import Counter

import pytest
from aiohttp import ClientSession
from sqlalchemy import select

from moderation_service.runtime.intervals import Intervals
from moderation_service.storage.schema import comments, notifications
from tests.conftest import ENGINES, Clock, Start
from tests.support.contract import client_of
from tests.support.desk import logged_in
from tests.support.factories import bearer
from tests.support.posting import decide, post
from tests.support.proofs import proof_of
from tests.support.running import Running, until
from tests.support.smtp import MailServer
from tests.support.spam_run import BOTS, Kind, Visitor, visitors

SIZE = int(os.environ.get("MODERATION_TEST_SPAM_RUN", "250"))
"""How many bots come, and a twenty-fifth as many people; 5,000 in `make soak`."""

TAUGHT = 100
"""How many bots the moderators of the site have seen before, and as many people."""

_AT_ONCE = 16
_LEARNED_WITHIN = 60.0


async def came(http: ClientSession, one: Visitor) -> str:
    """Let somebody post, and change the text where that is what they do; the comment's id."""
    headers = {"X-Forwarded-For": one.network}
    receipt = await post(http, headers=headers, page_url=one.page, author_name=one.author_name, body=one.body)
    if one.later is not None:
        path = f"/api/v1/receipts/{receipt['receipt_url'].rsplit('/', 1)[1]}"
        answer = await http.patch(path, json={"body": one.later}, headers=headers)
        assert answer.status == 200, await answer.text()
    if one.kind is Kind.HONEST and "challenge" in receipt:
        path = f"/api/v1/receipts/{receipt['receipt_url'].rsplit('/', 1)[1]}/proof"
        answer = await http.post(path, json={"proof": proof_of(receipt["challenge"])}, headers=headers)
        assert answer.status == 200, await answer.text()
    comment_id: str = receipt["id"]
    return comment_id


async def teach(http: ClientSession, replicas: list[Running]) -> None:
    """Let moderators decide on what came some time ago, and the replicas learn from it."""
    ids: dict[str, list[str]] = {"approve": [], "spam": []}
    for one in visitors(1, bots=TAUGHT, honest=TAUGHT):
        ids["approve" if one.kind is Kind.HONEST else "spam"].append(await came(http, one))
    for decision, theirs in ids.items():
        await decide(http, decision, *theirs)
    for replica in replicas:

        async def has_learned(learned: Running = replica) -> bool:
            model = await learned.container.learned.model("coop")
            return model.spam == model.harmless == TAUGHT

        async with asyncio.timeout(_LEARNED_WITHIN):
            while not await has_learned():
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("place", ENGINES if SIZE > 1_000 else [ENGINES[0]], indirect=True)
async def test_a_spam_run_hides_no_honest_comment_and_hardly_reaches_the_mail(
    start: Start, clock: Clock, smtp: MailServer
) -> None:
    intervals = Intervals(traffic=0.2, changes=0.2)
    replicas = [
        await start(clock=clock, trusted_proxies="127.0.0.1/32", intervals=intervals, mail_interval="60")
        for _ in range(2)
    ]
    async with client_of(replicas[0].url) as http, client_of(replicas[1].url) as elsewhere:
        await teach(http, replicas)
        clock.advance(hours=2)
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def come(number: int, one: Visitor) -> tuple[str, Kind]:
            async with at_once:
                return await came((http, elsewhere)[number % 2], one), one.kind

        run = visitors(2, bots=SIZE, honest=SIZE // 25)
        kinds = dict(await asyncio.gather(*(come(*one) for one in enumerate(run))))
        await until(lambda: all(one.container.traffic.attacks for one in replicas))
        async with replicas[0].container.database.read() as connection:
            told = await connection.execute(
                select(notifications.c.comment_id)
                .distinct()
                .join(comments, comments.c.id == notifications.c.comment_id)
                .where(notifications.c.revision == comments.c.revision, ~notifications.c.quiet)
            )
            at_once_told = set(told.scalars())
            statuses = dict((await connection.execute(select(comments.c.id, comments.c.status))).all())
            reasons = dict((await connection.execute(select(comments.c.id, comments.c.spam_reasons))).all())
        told_of = Counter(kind for comment_id, kind in kinds.items() if comment_id in at_once_told)
        why = Counter(
            code for one, codes in reasons.items() if kinds.get(one) is Kind.HONEST for code in codes.split()
        )
        anna = await logged_in(elsewhere, smtp)
        first_page = Counter(kinds.get(one) for one in await anna.shown())
        print(f"told at once: {told_of}; on the first page: {first_page}; held against people: {why}")  # noqa: T201 - shown when the test fails
        assert {statuses[one] for one, kind in kinds.items() if kind is Kind.HONEST} == {"pending"}
        assert told_of[Kind.HONEST] == SIZE // 25
        assert sum(told_of[kind] for kind in BOTS) <= SIZE / 100
        assert sum(first_page[kind] for kind in BOTS) <= SIZE / 20
        assert (await http.get("/health/ready")).status == 200
        assert (await http.get("/api/v1/moderation/comments", headers=bearer())).status == 200
