"""Prepared questions answer as SQLAlchemy does, through a pooler too, and outlive a connection that went away."""

import pytest
from sqlalchemy import bindparam, select, text

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage import database as storage
from moderation_service.storage import prepared, public
from moderation_service.storage.database import Database
from moderation_service.storage.prepared import PostgresqlReads, Question
from moderation_service.storage.tables import comments
from tests.conftest import ENGINES, Clock, Start
from tests.office import Office

STATED = Question(
    select(comments).where(
        comments.c.id == bindparam("wanted", type_=comments.c.id.type), comments.c.revision == 1
    )
)


@pytest.fixture
async def office(start: Start, clock: Clock) -> Office:
    service = (await start(clock=clock, screening="off")).service
    return Office(service=service, clock=clock, interval=service.settings.mail_interval)


async def test_a_question_gives_what_the_same_statement_gives(office: Office) -> None:
    [comment_id] = await office.post(body='àèì "quoted" \\ and 🦆\nnext')
    await office.decide([comment_id])
    async with office.database.read() as connection:
        expected = (await connection.execute(STATED.statement, {"wanted": comment_id})).all()
    assert await office.database.reads.rows(STATED, {"wanted": comment_id}) == [tuple(row) for row in expected]
    one = await public.one(office.database.reads, comment_id)
    [same] = (
        await public.stretch(
            office.database.reads, expected[0].page_id, after=None, limit=5, newest_first=True, largest=10
        )
    ).comments
    assert one == same
    assert one is not None
    assert one.created_at == expected[0].created_at


@pytest.mark.parametrize("place", [ENGINES[1]], indirect=True)
async def test_without_names_for_statements_the_answers_are_the_same(office: Office, database: Database) -> None:
    [comment_id] = await office.post()
    engine = database._reader
    server = await storage.postgresql_server.reach(office.service.settings.database_url, lock_patience=1)
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
async def test_with_too_many_before_it_a_question_is_refused_at_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "_MOST_WAITING", 0)
    with pytest.raises(UnavailableError):
        await office.database.reads.rows(STATED, {"wanted": "00000000-0000-0000-0000-000000000000"})
