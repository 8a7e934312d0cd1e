"""What the public and the feed ask for is found by an index, however many comments there are."""

import json
from datetime import timedelta

from sqlalchemy import Text, cast, func, select, text, update
from uuid_utils import uuid7

from moderation_service.domain.comments import pages
from moderation_service.domain.comments.comment import Status, Traces
from moderation_service.domain.notifications.states import NotificationState
from moderation_service.storage.comments import (
    change_feed,
    changes,
    overview,
    public,
    recent_posts,
    syndication,
    threads,
)
from moderation_service.storage.engine.database import Connection, Database
from moderation_service.storage.moderation import counts, queue
from moderation_service.storage.moderation.queue import Stream
from moderation_service.storage.notifications import deliveries, undeliverable
from moderation_service.storage.operations import statistics
from moderation_service.storage.schema import comments as comments_table
from moderation_service.storage.schema import contacts, notifications, people
from tests.conftest import Clock, Start
from tests.support.factories import PAGE
from tests.support.plans import PAGE_ID, Ask, filled, plans
from tests.support.time_limits import PATIENT


async def page_slice(connection: Connection, *, is_first: bool, newest_first: bool) -> None:
    question = public.page_question(is_first=is_first, newest_first=newest_first)
    values = {"page_id": PAGE_ID, "after": PAGE_ID, "most": 21, "largest": 1_000_000}
    if is_first:
        del values["after"]
    await connection.execute(question.statement, values)


async def of_threads(connection: Connection, *, is_first: bool, newest_first: bool) -> None:
    question = threads.threads_question(is_first=is_first, newest_first=newest_first)
    values = {"page_id": PAGE_ID, "after": PAGE_ID, "limit": 20, "most": 200, "largest": 1_000_000}
    if is_first:
        del values["after"]
    await connection.execute(question.statement, values)


async def of_thread(connection: Connection) -> None:
    values = {"page_id": PAGE_ID, "thread": PAGE_ID, "after": PAGE_ID, "most": 21, "largest": 1_000_000}
    await connection.execute(threads.thread_question(is_first=False).statement, values)


async def position(connection: Connection, *, by_threads: bool) -> None:
    question = threads.position_question(by_threads=by_threads, newest_first=False)
    await connection.execute(question.statement, {"page_id": PAGE_ID, "comment_id": PAGE_ID, "limit": 20})


async def counted(connection: Connection, *, is_settled: bool) -> None:
    page_ids = json.dumps([pages.page("coop", f"{PAGE}/{number}").id.replace("-", "") for number in range(50)])
    question = overview.counts_question(is_settled=is_settled)
    await connection.execute(question.statement, {"page_ids": page_ids})


async def pages_of_site(connection: Connection, *, is_settled: bool) -> None:
    values = {"site_id": "coop", "after": PAGE_ID, "most": 51}
    await connection.execute(overview.pages_question(is_settled=is_settled).statement, values)


async def newest(connection: Connection, *, is_settled: bool) -> None:
    values = {"site_id": "coop", "most": 5, "largest": 1_000_000}
    await connection.execute(overview.newest_question(is_settled=is_settled).statement, values)


async def syndicated(connection: Connection, *, is_of_page: bool) -> None:
    values = {"after": "f" * 8 + PAGE_ID[8:], "most": 5, "largest": 1_000_000}
    if is_of_page:
        question, place = syndication.page_question(is_first=False, is_settled=True), {"page_id": PAGE_ID}
    else:
        question, place = syndication.site_question(is_first=False, is_settled=True), {"site_id": "coop"}
    await connection.execute(question.statement, values | place)


async def feed(connection: Connection) -> None:
    values = {"site_id": "coop", "after": 400, "most": 10, "largest": 1_000_000}
    await connection.execute(change_feed.slice_question().statement, values)


QUESTIONS: dict[str, Ask] = {
    "the list": lambda c: page_slice(c, is_first=True, newest_first=False),
    "the list behind a comment": lambda c: page_slice(c, is_first=False, newest_first=False),
    "the newest first": lambda c: page_slice(c, is_first=True, newest_first=True),
    "the newest first behind a comment": lambda c: page_slice(c, is_first=False, newest_first=True),
    "one comment": lambda c: c.execute(public.one_question().statement, {"comment_id": PAGE_ID}),
    "the feed": feed,
    "the tail": lambda c: changes.pages_after(c, "coop", 490),
    "counts": lambda c: counted(c, is_settled=True),
    "a site's pages": lambda c: pages_of_site(c, is_settled=True),
    "a site's newest comments": lambda c: newest(c, is_settled=True),
    "a page's feed": lambda c: syndicated(c, is_of_page=True),
    "a site's feed": lambda c: syndicated(c, is_of_page=False),
}
OF_THREADS: dict[str, Ask] = {
    "threads": lambda c: of_threads(c, is_first=True, newest_first=False),
    "threads behind one": lambda c: of_threads(c, is_first=False, newest_first=True),
    "a thread": of_thread,
    "where a comment stands": lambda c: position(c, by_threads=False),
    "where a thread stands": lambda c: position(c, by_threads=True),
}
"""These sort what an index found: the comments of the threads that are shown."""


async def scanning(connection: Connection) -> None:
    await connection.execute(text("SELECT * FROM comments WHERE body = 'nobody indexes this'"))


async def test_no_question_of_readers_scans_the_comments_and_one_that_does_is_noticed(start: Start) -> None:
    database = (await filled(start)).database
    async with database.read() as connection:
        for name, ask in (QUESTIONS | OF_THREADS).items():
            for plan in await plans(connection, ask):
                assert "SCAN comments" not in plan, f"{name}: {plan}"
                assert "Seq Scan on comments" not in plan, f"{name}: {plan}"
                # The sizes of one list are sorted, never more; they were found by the index.
                sorts = plan.replace("SCAN sized\nUSE TEMP B-TREE FOR ORDER BY", "")
                assert "TEMP B-TREE" not in sorts or name in OF_THREADS, f"{name}: {plan}"
        plan = (await plans(connection, scanning))[-1]
    assert "SCAN comments" in plan or "Seq Scan on comments" in plan


async def test_the_figures_of_the_metrics_are_read_from_indexes(start: Start, database_url: str) -> None:
    database = (await filled(start)).database
    async with database.write() as connection:
        waits = select(comments_table.c.id).order_by(comments_table.c.id.desc()).limit(20)
        sent = update(notifications).where(notifications.c.comment_id.not_in(waits))
        await connection.execute(sent.values(state=NotificationState.NOTIFIED))
        await connection.execute(text("ANALYZE"))
    # A connection that was open before may plan by the statistics of then.
    async with Database.open(database_url, limits=PATIENT) as anew, anew.read() as connection:
        everybody = list((await connection.execute(select(people.c.id))).scalars())
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        for ask in (
            statistics.waiting,
            lambda c: statistics.pending(c, ["coop", "altro"]),
            lambda c: deliveries.parked(c, everybody),
            lambda c: undeliverable.count(c, everybody),
            lambda c: undeliverable.first(c, everybody, 20, site_ids=["coop"]),
            lambda c: undeliverable.among(c, everybody, [PAGE_ID]),
        ):
            for plan in await plans(connection, ask):
                assert "Seq Scan" not in plan, plan
                large = ("SCAN promises", "SCAN comments", "SCAN messages")
                scans = [line for line in plan.splitlines() if line.startswith(large)]
                assert [line for line in scans if " INDEX ix_promises_" not in line] == [], plan


async def test_a_search_by_a_whole_address_begins_at_the_addresss_index(start: Start, database_url: str) -> None:
    database = (await filled(start)).database
    async with database.write() as connection:
        theirs = contacts.c.address_hash
        await connection.execute(
            update(contacts).values({theirs: func.substr(cast(contacts.c.comment_id, Text), 5, 32)})
        )
        await connection.execute(text("ANALYZE"))
    async with Database.open(database_url, limits=PATIENT) as anew, anew.read() as connection:
        for page_id in (None, PAGE_ID):
            stream = Stream(site_id="coop", status=Status.PENDING, page_id=page_id, address_hashes=("a" * 32,))
            for ask in (
                lambda c, wanted=stream: queue.look(c, wanted, after=None, limit=51),
                lambda c, wanted=stream: counts.count(c, wanted, limit=51),
            ):
                asked = [plan for plan in await plans(connection, ask) if plan]
                assert asked
                for plan in asked:
                    assert "ix_contacts_address_hash" in plan, plan
                    assert "SCAN comments" not in plan, plan
                    assert "Seq Scan on comments" not in plan, plan


async def test_what_a_network_posted_is_read_from_indexes_however_few_posts_there_were(
    start: Start, clock: Clock
) -> None:
    """A plan of a small table is kept while the table grows, as it does fast when many post at once."""
    database = (await filled(start)).database
    traces = [
        Traces(
            networks=(f"{number:032x}",),
            wide_networks=(f"{number // 16:032x}",),
            fingerprints=(),
            most=2,
            window=timedelta(minutes=10),
            classes=(),
        )
        for number in range(32)
    ]
    async with database.write() as connection:
        for one in traces:
            await recent_posts.add_about(connection, one, PAGE_ID, post_id=str(uuid7()), at=clock())
        await connection.execute(text("ANALYZE"))
    since = clock() - timedelta(minutes=10)
    async with database.read() as connection:
        assert len(await recent_posts.times(connection, traces, since=since, now=clock())) == 2
        found = await plans(connection, lambda c: recent_posts.times(c, traces, since=since, now=clock()))
    counting, reading = [plan for plan in found if "recent_posts" in plan]
    assert counting.count("ix_recent_posts_networks") == 3
    assert "ix_recent_posts_networks" in reading
    assert "ix_recent_posts_created_at" not in counting + reading
    assert "Seq Scan on recent_posts" not in counting + reading
    assert "SCAN recent_posts" not in counting + reading
