"""What the desk asks for is found by an index: its first page, a search for words, its numbers, many decisions."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from moderation_service.domain.accounts.sites import Membership
from moderation_service.domain.comments import pages
from moderation_service.domain.comments.comment import Status
from moderation_service.domain.moderation.decisions import Actor, Channel, Decision, Request
from moderation_service.domain.moderation.queue_order import Order
from moderation_service.runtime.container import Container
from moderation_service.services.moderation import decisions, desk_counts, queue
from moderation_service.services.moderation.queue import Filter
from moderation_service.storage.engine.database import Database
from moderation_service.storage.moderation import authors, counts
from moderation_service.storage.moderation import decisions as history
from moderation_service.storage.moderation import queue as stored
from moderation_service.storage.moderation.queue import Stream
from tests.conftest import Start
from tests.support.cases import one_engine
from tests.support.factories import PAGE
from tests.support.plans import COMMENTS, PAGES, filled, plans
from tests.support.time_limits import PATIENT

_MANY = COMMENTS // 4
PAGE_ON = pages.page("coop", f"{PAGE}/{PAGES - 1}").id
HONEST = Filter(order=Order.QUEUE, suspects=False)
_LARGE = ("comments", "contacts", "decisions", "notifications", "deliveries", "pages")


def memberships(container: Container) -> Sequence[Membership]:
    person_id = container.directory.person_of("anna@example.org")
    assert person_id is not None
    return container.directory.memberships_of(person_id)


async def first_page(container: Container, connection: AsyncConnection, wanted: Filter) -> None:
    streams = wanted.streams("coop", container.keys)
    found, behind = await queue.look(connection, streams, after=None, limit=20)
    found, behind = await queue.cut(connection, found, behind)
    assert (await queue.load(connection, container.keys, found, behind)).comments
    recent = await stored.recently_decided(connection, "coop", 50)
    assert await history.newest(connection, [one.id for one in recent])


async def numbers(container: Container, connection: AsyncConnection, wanted: Filter) -> None:
    found = await desk_counts.overview(
        connection, container.keys, memberships(container), wanted, site_id="coop", with_search=True
    )
    assert found.shown is not None
    assert found.shown.number
    await counts.decided_since(connection, ["coop"], container.clock(), limit=10_000)


async def decide_many(container: Container, connection: AsyncConnection) -> None:
    site = container.directory.sites.get("coop")
    assert site is not None
    waiting = await stored.look(connection, Stream(site_id="coop", status=Status.PENDING), after=None, limit=_MANY)
    wanted = [
        Request(comment_id=one.id, decision=Decision.APPROVE, expected=Status.PENDING) for one in waiting.found
    ]
    actor = Actor(channel=Channel.DESK, moderator_id="anna", name="Anna")
    taken = await decisions.decide_within(connection, site, wanted, actor=actor, now=container.clock())
    assert len(taken.numbers) == _MANY


QUESTIONS: dict[str, Callable[[Container, AsyncConnection], Awaitable[None]]] = {
    "the first page": lambda c, connection: first_page(c, connection, Filter()),
    "the newest first": lambda c, connection: first_page(c, connection, Filter(order=Order.NEWEST)),
    "the first page of the queue": lambda c, connection: first_page(c, connection, HONEST),
    "the first page of one page": lambda c, connection: first_page(c, connection, Filter(page_id=PAGE_ON)),
    "reports by arrival": lambda c, connection: first_page(c, connection, Filter(reported=True)),
    "reports in the queue": lambda c, connection: first_page(c, connection, replace(HONEST, reported=True)),
    "the queue of one page": lambda c, connection: first_page(c, connection, replace(HONEST, page_id=PAGE_ON)),
    "what came behind the newest": lambda c, connection: first_page(c, connection, Filter(suspects=False)),
    "a search for words": lambda c, connection: first_page(c, connection, Filter(words="ommento 9")),
    "the numbers": lambda c, connection: numbers(c, connection, HONEST),
    "the numbers by arrival": lambda c, connection: numbers(c, connection, Filter()),
    "the numbers of a search": lambda c, connection: numbers(c, connection, Filter(words="ommento 9")),
    "many decisions": decide_many,
}


def whole_tables(plan: str) -> list[str]:
    """The lines of a plan by which all of a table is read, of comments also by way of an index."""
    lines = [line.strip() for line in plan.splitlines()]
    return [
        line
        for line, below in zip(lines, [*lines[1:], ""], strict=True)
        if any(f"SCAN {name}" in line or f"Seq Scan on {name}" in line for name in _LARGE)
        or ("Scan using" in line and " on comments " in line and "Index Cond" not in below)
    ]


async def test_nothing_that_the_desk_asks_reads_a_whole_table(start: Start, database_url: str) -> None:
    container = await filled(start)
    read_whole: dict[str, list[list[str]]] = {}
    for name, question in QUESTIONS.items():
        # A connection that was open before may plan by the statistics of then.
        async with Database.open(database_url, limits=PATIENT) as anew, anew.write() as connection:
            if connection.dialect.name == "postgresql":
                await connection.execute(text("SET LOCAL enable_seqscan = off"))
            found = [plan for plan in await plans(connection, partial(question, container)) if plan]
            assert found, name
            read_whole[name] = [lines for plan in found if (lines := whole_tables(plan))]
            await connection.rollback()
    assert {name: lines for name, lines in read_whole.items() if lines} == {}


@one_engine
async def test_what_is_known_of_authors_begins_at_them_also_without_statistics(database: Database) -> None:
    """Nobody gathers statistics of a SQLite file, so the order of the joins has to be ours."""
    two = ["one", "another"]
    async with database.read() as connection:
        found = await plans(connection, partial(authors.decided, site_ids=["coop"], address_hashes=two))
        found += await plans(connection, partial(authors.decided_of_proved, site_id="coop", address_hashes=two))
    looked_up = [line for plan in found for line in plan.splitlines() if re.match("(SEARCH|SCAN) comments ", line)]
    assert len(looked_up) == 2
    assert [line for line in looked_up if "id=?)" not in line.replace("(site_id=?)", "")] == []
