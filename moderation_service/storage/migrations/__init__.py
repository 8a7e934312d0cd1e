"""Alembic migrations, run from inside the package."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum, auto
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection, delete, exc, insert, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.engine.database import Database, lock_tables
from moderation_service.storage.engine.faults import DEADLOCK, LOCK_NOT_FREE, code_of
from moderation_service.storage.schema import metadata, schema_compatibility

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST = "0038"
"""The revision that this version was written for. Alembic, eleven megabytes of it, is loaded only to get there."""

OLDEST_WAY_BACK = "0010"
"""The oldest revision to which `downgrade` leads: none of the earlier migrations can be undone."""

_FORMER_TABLES = frozenset({"messages"})

UPGRADED_WITHIN = 60.0
"""Seconds for which a migration tries to get its turn."""

_LOCKED_WITHIN = 0.3

_log = structlog.stdlib.get_logger(__name__)


class SchemaError(Exception):
    """This version cannot work on the database as it is; the text says why to whoever operates it."""


class State(StrEnum):
    """How a database stands to this version."""

    EMPTY = auto()
    """Without our tables."""

    OLDER = auto()
    CURRENT = auto()

    NEWER = auto()
    """Of a newer version, which lets this one run on it."""

    TOO_NEW = auto()


async def look(database: Database) -> tuple[State, str]:
    """Return how the schema stands to this version, and its revision."""
    async with database.read() as connection:
        return await connection.run_sync(_look)


async def require(database: Database) -> None:
    """Raise SchemaError unless this version can work on the database as it is."""
    state, revision = await look(database)
    if state is State.EMPTY:
        raise SchemaError(
            "has no tables of this service yet; `migrate` creates them, and so does `serve` when it starts"
        )
    if state is State.OLDER:
        raise SchemaError(
            f"has schema {revision}, older than {NEWEST}; `migrate` updates it, and so does `serve` when it starts"
        )
    if state is State.TOO_NEW:
        raise SchemaError(
            f"is of schema {revision}, made by a newer version, and this one knows {NEWEST}: install the newer "
            f"version, or restore a backup from before it"
        )


async def upgrade(database: Database, *, within: float = UPGRADED_WITHIN) -> None:
    """Bring the schema up to date, one process at a time; where it is, nothing is written.

    Raise SchemaError where that cannot be, also within so many seconds: the database is then as it was.
    """
    deadline = time.monotonic() + within
    while True:
        state, revision = await look(database)
        if state is State.NEWER:
            _log.warning("storage.newer_schema", schema=revision, known=NEWEST)
        if state not in {State.EMPTY, State.OLDER}:
            await require(database)
            return
        try:
            await _try_to_upgrade(database)
        except UnavailableError as error:
            is_busy = code_of(error) in {LOCK_NOT_FREE, DEADLOCK}
            if not is_busy or time.monotonic() >= deadline:
                reason = error.reason or "its turn did not come"
                raise SchemaError(f"could not be migrated from {revision or 'nothing'}: {reason}") from error
        except exc.DBAPIError as error:
            raise SchemaError(
                f"could not be migrated from {revision or 'nothing'}: {code_of(error)} from the database; "
                f"are the tables of another program in it?"
            ) from error
        else:
            return
        await asyncio.sleep(random.uniform(0.1, 0.5))  # noqa: S311 - so that replicas do not meet again


async def _try_to_upgrade(database: Database) -> None:
    """Lock all tables before the first is changed: who writes meanwhile never waits in a circle with this."""
    async with database.exclusive() as connection:
        await _lock_all(connection, later=database.limits.exclusive)
        await connection.run_sync(_upgrade)


async def downgrade(database: Database, revision: str) -> None:
    """Take the schema back to what an older version needs, with all that is due; everything must be stopped.

    Raise SchemaError where there is no way back, or the database is of another version: it is then as it was.
    """
    state, found = await look(database)
    if state is not State.CURRENT or not OLDEST_WAY_BACK <= revision < NEWEST:
        raise SchemaError(
            f"has schema {found or 'none'}: this version takes {NEWEST} back to {OLDEST_WAY_BACK} or later; "
            f"the way to an older one is a backup from before"
        )
    async with database.exclusive() as connection:
        await _lock_all(connection, later=database.limits.exclusive)
        await connection.run_sync(_downgrade, revision)


async def _lock_all(connection: AsyncConnection, *, later: float) -> None:
    there = set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))
    ours = sorted(there & (set(metadata.tables) | _FORMER_TABLES))
    await lock_tables(connection, ours, _LOCKED_WITHIN, later=later)


async def is_current(database: Database) -> bool:
    """Tell whether the schema is the one that this version was written for."""
    return (await look(database))[0] is State.CURRENT


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - see NEWEST
    from alembic.util import CommandError  # noqa: PLC0415

    with _configured(connection) as config:
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise SchemaError(f"could not be migrated: {error}") from error
        _say_which_may_run(connection, config, NEWEST)


def _downgrade(connection: Connection, revision: str) -> None:
    from alembic import command  # noqa: PLC0415 - see NEWEST
    from alembic.util import CommandError  # noqa: PLC0415

    with _configured(connection) as config:
        try:
            command.downgrade(config, revision)
        except CommandError as error:
            raise SchemaError(f"could not be taken back: {error}") from error
        _say_which_may_run(connection, config, revision)


@contextmanager
def _configured(connection: Connection) -> "Iterator[Config]":
    from alembic.config import Config  # noqa: PLC0415 - see NEWEST

    with as_file(files(__name__)) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        yield config


def _say_which_may_run(connection: Connection, config: "Config", revision: str) -> None:
    """Write the oldest revision whose version may run on this one: while each lets the one before."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see NEWEST

    oldest = revision
    for script in ScriptDirectory.from_config(config).walk_revisions(head=revision):
        oldest = script.revision
        if not getattr(script.module, "previous_version_may_run", False):
            break
    connection.execute(delete(schema_compatibility))
    connection.execute(insert(schema_compatibility).values(oldest=oldest))


def _look(connection: Connection) -> tuple[State, str]:
    tables = inspect(connection)
    if not tables.has_table("alembic_version"):
        return State.EMPTY, ""
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""
    if not revision:
        return State.EMPTY, ""
    if revision == NEWEST:
        return State.CURRENT, revision
    if revision < NEWEST:
        return State.OLDER, revision
    if tables.has_table(schema_compatibility.name):
        oldest = connection.execute(select(schema_compatibility.c.oldest)).scalar()
        if oldest is not None and oldest <= NEWEST:
            return State.NEWER, revision
    return State.TOO_NEW, revision
