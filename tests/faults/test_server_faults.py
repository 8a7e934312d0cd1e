"""A PostgreSQL that ends sessions, turns read-only or lets nobody in: "not now", and soon all is well."""

from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import text

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.engine.database import Connection, Database
from tests.conftest import ENGINES

pytestmark = pytest.mark.parametrize("place", [ENGINES[1]], indirect=True)

Admin = Callable[[str], Awaitable[object]]
_END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[Admin]:
    """Say something to the server from outside the database, which `{name}` stands for."""
    name = urlsplit(database_url).path.removeprefix("/")
    connection = await asyncpg.connect(database_url.replace(f"/{name}?", "/postgres?"))

    async def say(statement: str) -> None:
        await connection.execute(statement.format(name=name))

    yield say
    await connection.close()


async def write(connection: Connection) -> None:
    await connection.execute(text("UPDATE keys_in_use SET since = since"))


async def fill_the_pool(database: Database) -> None:
    async with database.read() as one, database.read() as two, database.read() as three:
        for connection in (one, two, three):
            await connection.execute(text("SELECT 1"))


async def is_refused(work: Callable[[], Awaitable[object]]) -> bool:
    try:
        await work()
    except UnavailableError:
        return True
    return False


async def test_sessions_ended_while_idle_cost_one_answer_at_most(database: Database, admin: Admin) -> None:
    await fill_the_pool(database)
    await admin(_END_ALL)
    assert [await is_refused(lambda: database.transact(write)) for _ in range(4)].count(True) <= 1
    await fill_the_pool(database)


@pytest.mark.parametrize("statements", [0, 1])
async def test_a_session_that_is_ended_in_a_transaction_is_not_now(
    database: Database, admin: Admin, statements: int
) -> None:
    async def ended_before_the_commit(connection: Connection) -> None:
        await write(connection)
        await admin(_END_ALL)
        for _ in range(statements):
            await write(connection)

    assert await is_refused(lambda: database.transact(ended_before_the_commit))
    await database.transact(write)


async def test_a_session_that_is_ended_under_a_reader_is_not_now(database: Database, admin: Admin) -> None:
    async def read() -> None:
        async with database.read() as connection:
            await connection.execute(text("SELECT 1"))
            await admin(_END_ALL)
            await connection.execute(text("SELECT 1"))

    assert await is_refused(read)
    await fill_the_pool(database)


async def test_a_server_that_was_read_only_is_found_again_without_a_new_start(
    database: Database, admin: Admin
) -> None:
    await admin('ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    await fill_the_pool(database)
    assert await is_refused(lambda: database.transact(write))
    await admin('ALTER DATABASE "{name}" RESET default_transaction_read_only')
    await database.transact(write)


async def test_a_server_that_lets_nobody_in_is_not_now(database: Database, admin: Admin) -> None:
    await admin('ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    await admin(_END_ALL)
    for _ in range(2):
        assert await is_refused(lambda: database.transact(write))
        assert await is_refused(lambda: fill_the_pool(database))
    await admin('ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    await database.transact(write)
