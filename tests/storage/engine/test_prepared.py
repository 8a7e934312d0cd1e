"""Prepared questions answer as SQLAlchemy does, through a pooler too, and outlive a connection that went away."""

import asyncio
from dataclasses import replace
from sqlite3 import OperationalError

import pytest
from sqlalchemy import bindparam, select, text

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.comments import public
from moderation_service.storage.engine import postgresql_server
from moderation_service.storage.engine.database import Database
from moderation_service.storage.engine.prepared import PostgresqlReads, Question
from moderation_service.storage.schema import comments
from tests.conftest import ENGINES, Clock, Start
from tests.support.office import Office
from tests.support.time_limits import PATIENT

STATED = Question(
    select(comments).where(
        comments.c.id == bindparam("wanted", type_=comments.c.id.type), comments.c.revision == 1
    )
)


@pytest.fixture
async def office(start: Start, clock: Clock) -> Office:
    service = (await start(clock=clock, screening="off")).container
    return Office(container=service, clock=clock, interval=service.settings.mail_interval)


async def test_a_question_gives_what_the_same_statement_gives(office: Office) -> None:
    [comment_id] = await office.post(body='àèì "quoted" \\ and 🦆\nnext')
    await office.decide([comment_id])
    async with office.database.read() as connection:
        expected = (await connection.execute(STATED.statement, {"wanted": comment_id})).all()
    assert await office.database.reads.rows(STATED, {"wanted": comment_id}) == [tuple(row) for row in expected]
    one = await public.one(office.database.reads, comment_id)
    [same] = (
        await public.page_slice(
            office.database.reads,
            expected[0].page_id,
            after=None,
            limit=5,
            newest_first=True,
            largest=10,
            is_settled=True,
        )
    ).comments
    assert one is not None
    assert one[0] == same
    assert same.created_at == expected[0].created_at


@pytest.mark.parametrize("place", [ENGINES[1]], indirect=True)
async def test_without_names_for_statements_the_answers_are_the_same(office: Office, database: Database) -> None:
    [comment_id] = await office.post()
    engine = database._reader
    server = await postgresql_server.reach(office.container.settings.database_url, lock_timeout=1)
    nameless = PostgresqlReads(
        lambda: server.connect(statement_cache_size=0), engine.dialect, names_statements=False
    )
    try:
        found = await nameless.rows(STATED, {"wanted": comment_id})
        assert found == await office.database.reads.rows(STATED, {"wanted": comment_id})
        assert len(found) == 1
    finally:
        await nameless.close()


@pytest.mark.parametrize("place", [ENGINES[1]], indirect=True)
async def test_a_connection_that_went_away_is_replaced(office: Office) -> None:
    [comment_id] = await office.post()
    values = {"wanted": comment_id}
    before = await office.database.reads.rows(STATED, values)
    async with office.database.read() as connection:
        ended = await connection.execute(
            text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND datname = current_database()"
            )
        )
        assert ended.scalar_one() > 0
    assert await office.database.reads.rows(STATED, values) == before


@pytest.mark.parametrize("place", [ENGINES[0]], indirect=True)
async def test_with_too_many_before_it_a_question_is_refused_at_once(database_url: str) -> None:
    async with Database.open(database_url, limits=replace(PATIENT, waiting_reads=0)) as database:
        with pytest.raises(UnavailableError):
            await database.reads.rows(STATED, {"wanted": "00000000-0000-0000-0000-000000000000"})


@pytest.mark.parametrize("place", [ENGINES[0]], indirect=True)
async def test_questions_of_one_moment_are_answered_each_by_itself(office: Office) -> None:
    ids = await office.post(), await office.post(body="altro"), await office.post(body="ancora")
    wrong = Question(select(comments.c.id).where(comments.c.id == text("no_such_function()")))
    wanted = [*(one for [one] in ids), "00000000-0000-0000-0000-000000000000"]
    reads = office.database.reads
    asked = [reads.rows(STATED, {"wanted": one}) for one in wanted * 5]
    asked.insert(7, reads.rows(wrong, {}))
    found = await asyncio.gather(*asked, return_exceptions=True)
    failed = found.pop(7)
    assert isinstance(failed, OperationalError)
    expected = [[one] for one in wanted[:3]] + [[]]
    assert [[row[0] for row in rows] for rows in found if not isinstance(rows, BaseException)] == expected * 5
