import asyncio
from importlib.resources import files

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select

from moderation_service.storage import migrations
from moderation_service.storage.engine.database import Database
from moderation_service.storage.schema import metadata, schema_compatibility
from tests.support.time_limits import PATIENT


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
        async with Database.open(empty_database_url, limits=PATIENT) as database:
            await migrations.upgrade(database)
            return await migrations.is_current(database)

    assert await asyncio.gather(*(migrate() for _ in range(4))) == [True] * 4


def test_every_migration_says_whether_the_previous_version_may_run_on_it() -> None:
    scripts = ScriptDirectory(str(files("moderation_service.storage.migrations"))).walk_revisions()
    silent = [one.revision for one in scripts if not hasattr(one.module, "previous_version_may_run")]
    assert silent == ["0003", "0002", "0001"], "those from before it was asked"


async def test_the_database_keeps_which_versions_may_run_on_it(database: Database) -> None:
    async with database.read() as connection:
        [oldest] = (await connection.execute(select(schema_compatibility.c.oldest))).scalars()
    assert oldest == "0011", "the delivery queue is not known to the version before"
