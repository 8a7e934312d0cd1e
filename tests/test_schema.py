"""The migrations make exactly the tables that the queries are written for."""

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from moderation_service.storage.database import Database
from moderation_service.storage.tables import metadata


async def test_the_migrated_schema_is_that_of_the_tables(database: Database) -> None:
    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, metadata))

    async with database.write() as connection:
        assert await connection.run_sync(differences) == []


async def test_what_is_due_is_found_by_its_partial_index(database: Database, database_url: str) -> None:
    """Both engines must recognise in the queries what the partial indexes hold."""
    explain = "EXPLAIN QUERY PLAN" if database_url.startswith("sqlite:") else "EXPLAIN"
    query = "SELECT 1 FROM promises WHERE person_id = '{}' AND state = 'waiting' AND quiet = {}"
    nobody = "00000000-0000-0000-0000-000000000000"
    quiet = "0" if explain.endswith("PLAN") else "false"
    async with database.write() as connection:
        if explain == "EXPLAIN":
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = str((await connection.execute(text(f"{explain} {query.format(nobody, quiet)}"))).all())
    assert "ix_promises_due" in plan
