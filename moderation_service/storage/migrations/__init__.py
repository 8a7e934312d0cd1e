"""Alembic migrations, run from inside the package."""

from importlib.resources import as_file, files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from moderation_service.storage.database import Database


async def upgrade(database: Database) -> None:
    """Bring the schema up to date, one process at a time; where it is, nothing is written."""
    if await is_current(database):
        return
    async with database.exclusive() as connection:
        await connection.run_sync(_upgrade)


async def is_current(database: Database) -> bool:
    """Tell whether the schema is the one that this version was written for."""
    async with database.read() as connection:
        return await connection.run_sync(_is_current)


def _upgrade(connection: Connection) -> None:
    with as_file(files(__name__)) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _is_current(connection: Connection) -> bool:
    with as_file(files(__name__)) as folder:
        head = ScriptDirectory(str(folder)).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == head
