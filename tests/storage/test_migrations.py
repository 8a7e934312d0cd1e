import asyncio
from importlib.resources import files

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from moderation_service.storage import migrations
from moderation_service.storage.database import Database
from moderation_service.storage.tables import metadata


def test_the_newest_revision_is_the_one_that_alembic_ends_at() -> None:
    scripts = ScriptDirectory(str(files("moderation_service.storage.migrations")))
    assert scripts.get_current_head() == migrations.NEWEST


async def test_the_migrated_schema_is_the_one_that_the_tables_say(database: Database) -> None:
    async with database.read() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
    assert differences == []


async def test_several_processes_migrate_an_empty_database_once(empty_database_url: str) -> None:
    async def migrate() -> bool:
        async with Database.open(empty_database_url) as database:
            await migrations.upgrade(database)
            return await migrations.is_current(database)

    assert await asyncio.gather(*(migrate() for _ in range(4))) == [True] * 4
