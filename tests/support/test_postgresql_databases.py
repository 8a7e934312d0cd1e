"""A database that one test leaves is lent to the next without its rows, and not at all if it was changed."""

from collections.abc import Callable

import asyncpg

from tests.conftest import TEMPLATE, create_database, drop_databases
from tests.support.postgresql_databases import PostgresqlDatabases

_FILL = """
INSERT INTO keys_in_use SELECT 'key ' || n, now() FROM generate_series(1, {few}) AS n;
INSERT INTO people (id, address_hash, attempts)
    SELECT gen_random_uuid(), 'hash', 0 FROM generate_series(1, {many});
"""
_CHANGES = (
    "ALTER TABLE people ADD COLUMN one_more integer",
    "ALTER TABLE people SET (fillfactor = 50)",
    "CREATE INDEX one_more ON people (attempts)",
    "CREATE FUNCTION one_more() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "INSERT INTO keys_in_use VALUES ('key', now()); ANALYZE keys_in_use",
    "UPDATE schema_compatibility SET oldest = 'another'",
    "DELETE FROM alembic_version",
    "DROP TABLE sessions",
)


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


async def test_a_database_is_lent_again_without_rows_unless_it_was_changed(
    postgresql: Callable[[str], str],
) -> None:
    databases = PostgresqlDatabases(postgresql, TEMPLATE, create_database, drop_databases)
    name = await databases.lend()
    await execute(postgresql(name), _FILL.format(few=5, many=5_000))
    left_open = await asyncpg.connect(postgresql(name))
    await left_open.execute("BEGIN; LOCK TABLE people IN ACCESS EXCLUSIVE MODE")
    await databases.take_back(name)
    assert await databases.lend() == name
    assert left_open.is_closed()
    connection = await asyncpg.connect(postgresql(name))
    for table in ("keys_in_use", "people"):
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0  # noqa: S608 - a name of ours
    for table in ("alembic_version", "schema_compatibility"):
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 1  # noqa: S608
    await connection.close()
    for statement in _CHANGES:
        await execute(postgresql(name), statement)
        await databases.take_back(name)
        assert await databases.lend() != name, statement
        name = await databases.lend()
    await databases.take_back(name)
