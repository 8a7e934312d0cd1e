"""What is set on every connection to a SQLite file, and how its transactions begin."""

import sqlite3
import time
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection

from moderation_service.storage.engine import sqlite_errands
from moderation_service.storage.engine.limits import DatabaseLimits
from moderation_service.storage.engine.sqlite_files import OVERWRITE, SqliteFiles

_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    OVERWRITE,
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 2000",
    "PRAGMA wal_autocheckpoint = 4000",
)


_SWITCHED_WITHIN = 5.0
_BETWEEN_SWITCHES = 0.02
_PRIMARY_CODE = 0xFF

_OPENS_THE_LOG = "SELECT count(*) FROM sqlite_schema"
"""The first thing to be read makes the companions of the file, if they are not there."""


async def connect(path: Path) -> sqlite_errands.Connection:
    """Open a connection by which nothing is begun unasked; raises `sqlite3.Error` when its thread has ended.

    The thread reports its end to the loop, too, and prints a traceback where a command has given up by then.
    """
    connection = sqlite_errands.Connection(path)
    thread = connection._thread  # noqa: SLF001 - aiosqlite names no other handle, and SQLAlchemy takes this one
    thread.daemon = True
    try:
        await connection
    except sqlite3.Error:
        thread.join()
        raise
    return connection


def prepare(engine: Engine, files: SqliteFiles, limits: DatabaseLimits, *, begin: str, cache_kib: int) -> None:
    """Let an engine's connections keep the log, hold their files, and begin transactions by a statement."""
    pragmas = (*_pragmas(limits), f"PRAGMA cache_size = -{cache_kib}", _OPENS_THE_LOG)
    event.listen(engine, "connect", _keep_a_log)
    event.listen(engine, "connect", partial(_set_pragmas, pragmas))
    event.listen(engine, "connect", files.connected)
    event.listen(engine, "close", files.disconnected)
    event.listen(engine, "begin", partial(_begin, begin))


def prepare_to_look(engine: Engine, limits: DatabaseLimits) -> None:
    """Let an engine's connections read, and change nothing."""
    event.listen(engine, "connect", partial(_set_pragmas, (*_pragmas(limits), "PRAGMA query_only = ON")))
    event.listen(engine, "begin", partial(_begin, "BEGIN"))


def _pragmas(limits: DatabaseLimits) -> tuple[str, ...]:
    return (*_PRAGMAS, f"PRAGMA journal_size_limit = {limits.largest_log}")


def _keep_a_log(connection: DBAPIConnection, _: object) -> None:
    """Switch a file to its write-ahead log, or see that it is.

    Of several processes that switch a new file at the same moment SQLite tells all but one at once that it is
    locked: it does not wait there, as two that wait for each other would do so for ever.
    """
    until = time.monotonic() + _SWITCHED_WITHIN
    cursor = connection.cursor()
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY_CODE != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_BETWEEN_SWITCHES)
        else:
            break
    cursor.close()


def _set_pragmas(pragmas: tuple[str, ...], connection: DBAPIConnection, _: object) -> None:
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(pragma)
    cursor.close()


def _begin(statement: str, connection: Connection) -> None:
    connection.exec_driver_sql(statement)
