"""A thousand reports of one comment, by as many people or by one network: one short entry, no harm to others."""

import asyncio
import os
from collections import Counter
from ipaddress import IPv4Address

from babel.numbers import format_decimal
from sqlalchemy import func, select

from moderation_service.domain.accounts.sites import Site
from moderation_service.domain.comments.comment import QueuedComment
from moderation_service.domain.errors import TooManyCommentsError
from moderation_service.domain.moderation.reports import MOST_KEPT, MOST_OF_NETWORK, NewReport
from moderation_service.services.operations import consistency
from moderation_service.services.screening.client_networks import Client
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import reports
from tests.conftest import Clock, Start
from tests.support.contract import client_of
from tests.support.desk import logged_in, text_of
from tests.support.factories import bearer
from tests.support.posting import decide, post, published
from tests.support.rows import assessed
from tests.support.running import Running, until
from tests.support.smtp import MailServer

READERS = int(os.environ.get("MODERATION_TEST_REPORTS", "250"))
"""How many report one comment: more than a page gets without looking busy; 1,000 in `make soak`."""

REASONS = ("insult", "illegal", "other")


def a_reader(number: int) -> Client:
    """Somebody in a network of their own."""
    address = f"{11 + number % 200}.{number // 200}.7"
    return Client(address=IPv4Address(f"{address}.1"), network=f"{address}.0/24")


async def report(service: Running, found: tuple[Site, QueuedComment], number: int, reader: Client) -> None:
    site, comment = found
    said = NewReport(
        reason=REASONS[number % 3],
        explanation=f"Questo commento mi offende, e non solo me: {number}. " * 10,
        reporter_name=None,
        reporter_email=None,
    )
    await service.container.web.reports.submit(comment, site, said, client=reader)


async def kept(database: Database, comment_id: str) -> int:
    async with database.read() as connection:
        query = select(func.count()).where(reports.c.comment_id == comment_id)
        return int((await connection.execute(query)).scalar_one())


async def test_a_thousand_people_are_one_entry_and_one_mail_and_hurt_nobody(
    start: Start, smtp: MailServer, clock: Clock, database: Database
) -> None:
    service = await start(clock=clock, mail_interval="60")
    async with client_of(service.url) as http:
        comment_id = await published(http)
        clock.advance(minutes=70)
        found = await service.container.web.reports.find(comment_id)
        for first in range(0, READERS, 50):
            readers = range(first, first + 50)
            await asyncio.gather(*(report(service, found, one, a_reader(one)) for one in readers))
        assert await kept(database, comment_id) <= MOST_KEPT + len(REASONS)

        honest = (await post(http, body="Un commento come ogni altro.", author_email="olaf@example.org"))["id"]
        assert (await assessed(database))[honest] == ("pending", [])
        queue = await http.get("/api/v1/moderation/comments", params={"order": "queue"}, headers=bearer())
        [entry, other] = (await queue.json())["comments"]
        assert (entry["id"], other["id"]) == (comment_id, honest)
        assert entry["reports"]["count"] == READERS
        assert sum(entry["reports"]["reasons"].values()) == READERS
        assert len(entry["reports"]["explanations"]) <= MOST_KEPT + len(REASONS)
        assert not [one for one in await service.container.health.degraded() if "attack" in one]

        await until(lambda: [one for one in smtp.to("anna@example.org") if "segnala" in one.text()])
        anna = await logged_in(http, smtp)
        page = await (await anna.get("/desk")).text()
        assert f"Segnalato {format_decimal(READERS, locale='it')} volte" in text_of(page)
        assert len(page) < 100_000
        clock.advance(minutes=2)
        await decide(http, "approve", comment_id)
        told = [one for one in smtp.to("anna@example.org") if "segnala" in one.text()]
        assert len(told) <= 2, "one of the first report, and one more at most"
        assert max(len(one.raw) for one in told) < 30_000
        differences = await consistency.differences(database)
        assert not any(differences.values()), differences


async def test_a_thousand_by_one_network_are_refused_before_they_cost_anything(
    start: Start, clock: Clock, database: Database
) -> None:
    service = await start(clock=clock, trusted_proxies="127.0.0.0/8")
    async with client_of(service.url) as http:
        comment_id = await published(http)
        found = await service.container.web.reports.find(comment_id)
        came = Counter[str]()
        for number in range(1_000):
            try:
                await report(service, found, number, a_reader(0))
                came["taken"] += 1
            except TooManyCommentsError:
                came["refused"] += 1
        assert came == {"taken": 20, "refused": 980}
        assert await kept(database, comment_id) == MOST_OF_NETWORK
        await post(http, body="da un’altra rete", headers={"X-Forwarded-For": "10.9.9.9"})
        await report(service, found, 0, a_reader(1))
        assert await kept(database, comment_id) == MOST_OF_NETWORK + 1
