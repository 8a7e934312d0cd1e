"""Prepared questions answer as SQLAlchemy does, through a pooler too, and outlive a connection that went away."""

import asyncio
import json
from dataclasses import replace
from sqlite3 import OperationalError

import pytest
from sqlalchemy import LargeBinary, bindparam, select, text
from sqlalchemy.dialects import sqlite

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.comments import public
from moderation_service.storage.engine import postgresql_server
from moderation_service.storage.engine.database import Database
from moderation_service.storage.engine.postgresql_reads import PostgresqlReads
from moderation_service.storage.engine.questions import WITHIN, Batch, Gathering, Question, Row
from moderation_service.storage.schema import comments
from tests.conftest import ENGINES, Clock, Start
from tests.support.office import Office
from tests.support.time_limits import PATIENT

_WANTED = bindparam("wanted", type_=comments.c.id.type)
_KNOWN = [column for column in comments.columns if not isinstance(column.type, LargeBinary)]
STATED = Question(select(*_KNOWN).where(comments.c.id == _WANTED, comments.c.revision == 1), "wanted")


@pytest.fixture
async def office(start: Start, clock: Clock) -> Office:
    service = (await start(clock=clock, screening="off")).container
    return Office(container=service, clock=clock, interval=service.settings.mail_interval)


async def test_a_question_gives_what_the_same_statement_gives(office: Office) -> None:
    [comment_id] = await office.post(body='àèì "quoted" \\ and 🦆\nnext')
    await office.decide([comment_id])
    async with office.database.read() as connection:
        expected = (await connection.execute(STATED.statement, {"wanted": comment_id})).all()
    assert await office.database.reads.rows(STATED, {"wanted": comment_id}) == [list(row) for row in expected]
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
        lambda: server.connect(statement_cache_size=0),
        engine.dialect,
        most_waiting=10,
        names_statements=False,
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


async def test_questions_of_one_moment_are_answered_each_by_itself(office: Office) -> None:
    ids = await office.post(), await office.post(body="altro"), await office.post(body="ancora")
    wrong = Question(select(comments.c.id).where(comments.c.id == text("no_such_function()")))
    wanted = [*(one for [one] in ids), "00000000-0000-0000-0000-000000000000"]
    reads = office.database.reads
    asked = [reads.rows(STATED, {"wanted": one}) for one in wanted * 5]
    asked.insert(7, reads.rows(wrong, {}))
    found = await asyncio.gather(*asked, return_exceptions=True)
    failed = found.pop(7)
    assert isinstance(failed, OperationalError | UnavailableError)
    expected = [[one] for one in wanted[:3]] + [[]]
    assert [[row[0] for row in rows] for rows in found if not isinstance(rows, BaseException)] == expected * 5


class Server:
    """Stands for a database that answers when it is told to: what was sent to it, and who waits for what."""

    def __init__(self, *, within: float = WITHIN) -> None:
        self.sent: list[Batch] = []
        self.gathering = Gathering(
            sqlite.dialect(), self.sent.append, most_running=2, most_waiting=100, within=within
        )

    def ask(self, *wanted: str) -> list[asyncio.Task[list[Row]]]:
        return [asyncio.create_task(self.gathering.rows(STATED, {"wanted": one})) for one in wanted]

    @staticmethod
    def asked_in(batch: Batch) -> list[str]:
        [asked] = [value for value in batch.values if isinstance(value, str) and value.startswith("[[")]
        return [one for _, [one] in json.loads(asked)]


async def until_asked() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_what_is_asked_while_others_are_answered_is_sent_together() -> None:
    server = Server()
    first = server.ask("a")
    await until_asked()
    second = server.ask("b")
    await until_asked()
    later = server.ask(*map(str, range(11)))
    await until_asked()
    assert [server.asked_in(one) for one in server.sent] == [["a"], ["b"]]
    server.sent[0].answer("[[0,[]]]")
    assert await first[0] == []
    assert [len(server.asked_in(one)) for one in server.sent] == [1, 1, 8]
    server.sent[1].fail(UnavailableError())
    with pytest.raises(UnavailableError):
        await second[0]
    assert [server.asked_in(one) for one in server.sent[2:]] == [list("01234567"), ["8", "9", "10"]]
    server.sent[3].answer("[[2,[]],[0,[]],[1,[]]]")
    server.sent[2].answer("[]")  # an answer in which those are missing who asked
    outcomes = await asyncio.gather(*later, return_exceptions=True)
    assert outcomes[8:] == [[], [], []]
    assert all(isinstance(one, KeyError) for one in outcomes[:8])


async def test_whoever_leaves_is_not_asked_for() -> None:
    server = Server()
    running = server.ask("a")
    await until_asked()
    running += server.ask("b")
    await until_asked()
    left, stayed = server.ask("left", "stayed")
    await until_asked()
    left.cancel()
    await until_asked()
    server.sent[0].answer("[[0,[]]]")
    assert server.asked_in(server.sent[2]) == ["stayed"]
    server.sent[1].answer("[[0,[]]]")
    server.sent[2].answer("[[0,[]]]")
    assert [await one for one in (*running, stayed)] == [[], [], []]


async def test_what_is_wrong_with_one_question_is_no_fault_of_another_s() -> None:
    server = Server()
    wrong, first, second = server.ask("\ud800", "a", "b")
    await until_asked()
    assert isinstance(wrong.exception(), TypeError)
    assert server.asked_in(server.sent[0]) == ["a", "b"]
    server.sent[0].answer('[[0,[["no time"]]],[1,[]]]')
    with pytest.raises(IndexError):
        await first
    assert await second == []
    [third] = server.ask("c")
    await until_asked()
    server.sent[1].answer("no JSON")
    with pytest.raises(ValueError, match="line 1"):
        await third


async def test_a_question_that_is_not_sent_in_time_is_given_up() -> None:
    server = Server(within=0.05)
    running = server.ask("a")
    await until_asked()
    running += server.ask("b")
    await until_asked()
    [late] = server.ask("late")
    with pytest.raises(UnavailableError):
        await late
    for one in server.sent:
        one.answer("[[0,[]]]")
    assert [await one for one in running] == [[], []]
    assert len(server.sent) == 2
