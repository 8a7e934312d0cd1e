"""Many comments in a database whose statistics are known, and how it would answer the statements of a function."""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from moderation_service.domain.comments import pages
from moderation_service.domain.moderation.decisions import Actor, Channel, Decision, Request
from moderation_service.runtime.container import Container
from moderation_service.services.comments import intake
from moderation_service.services.comments.drafting import Submission
from moderation_service.storage.engine.database import Connection
from tests.conftest import Start
from tests.support.factories import ADDRESS, PAGE

PAGES, COMMENTS = 200, 1_000
PAGE_ID = pages.page("coop", f"{PAGE}/7").id

Ask = Callable[[Connection], Awaitable[object]]


async def filled(start: Start) -> Container:
    """Start a service with comments on many pages, the first half of them approved."""
    container = (await start(screening="off")).container
    site = container.directory.sites.get("coop")
    assert site is not None
    drafts = [
        container.drafter.draft(
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
    async with container.database.write() as connection:
        await intake.accept(connection, drafts, again=False)
    wanted = [
        Request(comment_id=one.id, decision=Decision.APPROVE, expected=None) for one in drafts[: COMMENTS // 2]
    ]
    await container.moderation.decide(site, wanted, actor=Actor(channel=Channel.API))
    async with container.database.write() as connection:
        await connection.execute(text("ANALYZE"))
    return container


async def plans(connection: AsyncConnection, ask: Ask) -> list[str]:
    """Return the plan of every statement that a function sends, without those that only add rows."""
    sent: list[tuple[str, Any]] = []

    def note(sender: object, _: object, statement: str, parameters: Any, *rest: object) -> None:
        is_for_many = rest[-1]
        if sender is connection.sync_connection:
            sent.append((statement, parameters[0] if is_for_many else parameters))

    engine = connection.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await ask(connection)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    found = []
    for statement, parameters in sent:
        if statement.startswith("INSERT"):
            continue
        rows = (await connection.exec_driver_sql(f"{explain} {statement}", parameters)).all()
        found.append("\n".join(str(row[-1]) for row in rows))
    return found
