"""What the public and the feed ask for is found by an index, however many comments there are."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import Text, cast, event, func, select, text, update

from moderation_service.domain import pages
from moderation_service.domain.comments import Status
from moderation_service.domain.decisions import Actor, Decision, Means, Request
from moderation_service.domain.notices import PromiseState
from moderation_service.services import moderation, submission
from moderation_service.services.submission import Submission
from moderation_service.storage import changes, comments, counts, figures, messages, public, queue, unheard
from moderation_service.storage.database import Connection, Database
from moderation_service.storage.queue import Stream
from moderation_service.storage.tables import comments as comments_table
from moderation_service.storage.tables import contacts, people, promises
from tests.conftest import Start
from tests.factories import ADDRESS, PAGE

PAGES, COMMENTS = 200, 1_000
PAGE_ID = pages.page("coop", f"{PAGE}/7").id


async def stretch(connection: Connection, *, is_first: bool, newest_first: bool) -> None:
    question = public.stretch_question(is_first=is_first, newest_first=newest_first)
    values = {"page_id": PAGE_ID, "after": PAGE_ID, "most": 21, "largest": 1_000_000}
    if is_first:
        del values["after"]
    await connection.execute(question.statement, values)


Ask = Callable[[Connection], Awaitable[object]]
QUESTIONS: dict[str, Ask] = {
    "the list": lambda c: stretch(c, is_first=True, newest_first=False),
    "the list behind a comment": lambda c: stretch(c, is_first=False, newest_first=False),
    "the newest first": lambda c: stretch(c, is_first=True, newest_first=True),
    "the newest first behind a comment": lambda c: stretch(c, is_first=False, newest_first=True),
    "one comment": lambda c: c.execute(public.one_question().statement, {"comment_id": PAGE_ID}),
    "the count": lambda c: comments.count_approved(c, PAGE_ID),
    "the feed": lambda c: changes.after(c, "coop", 400, limit=10, largest=1_000_000),
    "the tail": lambda c: changes.pages_after(c, "coop", 490),
}


async def fill(start: Start) -> Any:
    service = (await start(screening="off")).service
    site = service.directory.sites.get("coop")
    assert site is not None
    drafts = [
        service.context.intake.draft(
            Submission(
                page_url=f"{PAGE}/{number % PAGES}",
                page_title=None,
                author_name="Giuliana",
                author_email=ADDRESS,
                author_url=None,
                body=f"Commento {number}",
                parent_id=None,
            ),
            site,
            body_html="<p>Commento</p>",
            network="127.0.0.0/24",
            key=None,
        )
        for number in range(COMMENTS)
    ]
    async with service.context.database.write() as connection:
        await submission.accept(connection, drafts, again=False)
    wanted = [
        Request(comment_id=one.id, decision=Decision.APPROVE, expected=None) for one in drafts[: COMMENTS // 2]
    ]
    await moderation.decide(
        service.context.database,
        site,
        wanted,
        actor=Actor(means=Means.API),
        now=service.context.clock(),
        announce=service.context.tail.catch_up,
    )
    async with service.context.database.write() as connection:
        await connection.execute(text("ANALYZE"))
    return service.context.database


async def plans(connection: Connection, ask: Ask) -> list[str]:
    """Return the plan of every statement that a function sends."""
    sent: list[tuple[str, Any]] = []

    def note(sender: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        if sender is connection.sync_connection:
            sent.append((statement, parameters))

    engine = connection.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await ask(connection)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    found = []
    for statement, parameters in sent:
        rows = (await connection.exec_driver_sql(f"{explain} {statement}", parameters)).all()
        found.append("\n".join(str(row[-1]) for row in rows))
    return found


async def test_no_question_of_readers_scans_the_comments(start: Start) -> None:
    database = await fill(start)
    async with database.read() as connection:
        for name, ask in QUESTIONS.items():
            for plan in await plans(connection, ask):
                assert "SCAN comments" not in plan, f"{name}: {plan}"
                assert "Seq Scan on comments" not in plan, f"{name}: {plan}"
                # The sizes of one list are sorted, never more; they were found by the index.
                sorts = plan.replace("SCAN sized\nUSE TEMP B-TREE FOR ORDER BY", "")
                assert "TEMP B-TREE" not in sorts, f"{name}: {plan}"


async def test_the_figures_of_the_metrics_are_read_from_indexes(start: Start, database_url: str) -> None:
    database = await fill(start)
    async with database.write() as connection:
        waits = select(comments_table.c.id).order_by(comments_table.c.id.desc()).limit(20)
        told = update(promises).where(promises.c.comment_id.not_in(waits))
        await connection.execute(told.values(state=PromiseState.TOLD))
        await connection.execute(text("ANALYZE"))
    # A connection that was open before may plan by the statistics of then.
    async with Database.open(database_url) as anew, anew.read() as connection:
        everybody = list((await connection.execute(select(people.c.id))).scalars())
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        for ask in (
            figures.waiting,
            lambda c: figures.pending(c, ["coop", "altro"]),
            lambda c: messages.parked(c, everybody),
            lambda c: unheard.count(c, everybody),
            lambda c: unheard.first(c, everybody, 20, site_ids=["coop"]),
            lambda c: unheard.among(c, everybody, [PAGE_ID]),
        ):
            for plan in await plans(connection, ask):
                assert "Seq Scan" not in plan, plan
                large = ("SCAN promises", "SCAN comments", "SCAN messages")
                scans = [line for line in plan.splitlines() if line.startswith(large)]
                assert [line for line in scans if " INDEX ix_promises_" not in line] == [], plan


async def test_a_search_by_a_whole_address_begins_at_the_addresss_index(start: Start, database_url: str) -> None:
    database = await fill(start)
    async with database.write() as connection:
        theirs = contacts.c.address_hash
        await connection.execute(
            update(contacts).values({theirs: func.substr(cast(contacts.c.comment_id, Text), 5, 32)})
        )
        await connection.execute(text("ANALYZE"))
    async with Database.open(database_url) as anew, anew.read() as connection:
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


async def test_a_scan_would_be_noticed(start: Start) -> None:
    database = await fill(start)

    async def scanning(connection: Connection) -> None:
        await connection.execute(text("SELECT * FROM comments WHERE body = 'nobody indexes this'"))

    async with database.read() as connection:
        plan = (await plans(connection, scanning))[-1]
    assert "SCAN comments" in plan or "Seq Scan on comments" in plan
