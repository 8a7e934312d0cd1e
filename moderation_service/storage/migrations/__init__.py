"""Alembic migrations, run from inside the package."""

from importlib.resources import as_file, files

from sqlalchemy import Connection, inspect, text

from moderation_service.storage.database import Database

NEWEST = "0006"
"""The revision that this version was written for. Alembic, eleven megabytes of it, is loaded only to get there."""


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
    from alembic import command  # noqa: PLC0415 - see NEWEST
    from alembic.config import Config  # noqa: PLC0415

    with as_file(files(__name__)) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == NEWEST
