"""The database: opening it, reading, writing. The only file that tells SQLite from PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Table, create_engine, event, exc, func, select, text, type_coerce
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from moderation_service.domain.errors import ModerationError, UnavailableError
from moderation_service.storage.tables import UtcDateTime
from moderation_service.storage.writer_thread import WriterThread
from moderation_service.storage.writers_lock import WritersLock

Connection = AsyncConnection
"""What the functions of this package work on: a connection, in a transaction."""

Result = TypeVar("Result")

_log = structlog.stdlib.get_logger(__name__)
_PATIENCE = 2.0
_EXCLUSIVE_PATIENCE = 60.0
_LOCK_PATIENCE = 5.0
_READERS = 4
_POSTGRESQL_CONNECTIONS = 10
_ADVISORY_LOCK = 0x6D6F6465726174
_PROGRAM_FAULTS = (exc.IntegrityError, exc.ProgrammingError, exc.DataError, exc.NotSupportedError)
_SQLITE_PROGRAM_FAULT = "SQLITE_ERROR"
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 2000",
    "PRAGMA wal_autocheckpoint = 4000",
)


class ConnectionLostError(UnavailableError):
    """The connection broke; whether the transaction was kept is not known."""


class Database:
    """One database of either engine. Reads never wait for writes."""

    def __init__(
        self,
        reader: AsyncEngine,
        writer: AsyncEngine,
        lock: WritersLock | None = None,
        thread: WriterThread | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._lock = lock
        self._thread = thread

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator["Database"]:
        """Open `sqlite:///path` or any of libpq's `postgresql://` forms, and close it at the end."""
        database = _open_sqlite(url) if url.startswith("sqlite:") else _open_postgresql(url)
        try:
            yield database
        finally:
            await database.close()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """Lend a connection that sees what was committed; raise UnavailableError when none is to be had."""
        with _in_our_words():
            async with self._reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Connection]:
        """Run a transaction: committed at the end, rolled back on any error, on disk when it returns."""
        async with self._transaction(_PATIENCE) as connection:
            yield connection

    async def transact(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Run a transaction as `write` does, in the shortest time; `work` may wait for its connection alone.

        On SQLite all of it runs in the writer's thread, so `work` must not touch what belongs to the event loop.
        """
        if self._thread is None:
            async with self.write() as connection:
                return await work(connection)
        with _in_our_words():
            async with self._turn(_PATIENCE):
                return await self._thread.transact(work)

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[Connection]:
        """Run a transaction that no other process runs beside its own; for migrations and the like."""
        async with self._transaction(_EXCLUSIVE_PATIENCE) as connection:
            if self._lock is None:
                await connection.execute(text(f"SET LOCAL lock_timeout = '{int(_EXCLUSIVE_PATIENCE)}s'"))
                await connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
            yield connection

    @asynccontextmanager
    async def _transaction(self, patience: float) -> AsyncIterator[Connection]:
        """Run a transaction; after trouble with the disk, the next one begins on a new connection."""
        with _in_our_words():
            async with self._turn(patience), self._writer.connect() as connection:
                try:
                    async with connection.begin():
                        yield connection
                except exc.OperationalError as error:
                    await connection.invalidate(error)
                    raise

    def _turn(self, patience: float) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._lock is None else self._lock.held(patience)

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(self._reader.dispose(), self._writer.dispose())
        if self._thread is not None:
            await self._thread.close()
        if self._lock is not None:
            self._lock.close()


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that knows ON CONFLICT, in the connection's dialect."""
    return sqlite.insert(table) if _is_sqlite(connection) else postgresql.insert(table)


async def now(connection: Connection) -> datetime:
    """Return the time by the database's clock, the only one that all replicas share."""
    clock = func.strftime("%Y-%m-%d %H:%M:%f000", "now") if _is_sqlite(connection) else func.clock_timestamp()
    return (await connection.execute(select(type_coerce(clock, UtcDateTime)))).scalar_one()


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _open_sqlite(url: str) -> Database:
    path = Path(url.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = {
        "hide_parameters": True,
        "max_overflow": 0,
        "pool_timeout": _PATIENCE,
        "connect_args": {"isolation_level": None},
    }
    make = partial(create_async_engine, f"sqlite+aiosqlite:///{path}", **options)
    reader, writer = make(pool_size=_READERS), make(pool_size=1, pool_reset_on_return=None)
    batches = create_engine(f"sqlite:///{path}", pool_size=1, pool_reset_on_return=None, **options)
    for engine, begin, cache in (
        (reader.sync_engine, "BEGIN", 2_000),
        (writer.sync_engine, "BEGIN IMMEDIATE", 2_000),
        (batches, "BEGIN IMMEDIATE", 8_000),
    ):
        event.listen(engine, "connect", partial(_set_pragmas, cache))
        event.listen(engine, "begin", partial(_begin, begin))
    lock = WritersLock(path.with_name(f"{path.name}.writers"))
    return Database(reader, writer, lock, WriterThread(batches))


def _set_pragmas(cache_kib: int, connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    for pragma in (*_PRAGMAS, f"PRAGMA cache_size = -{cache_kib}"):
        cursor.execute(pragma)
    cursor.close()


def _begin(statement: str, connection: Any) -> None:
    connection.exec_driver_sql(statement)


def _open_postgresql(url: str) -> Database:
    import asyncpg  # noqa: PLC0415 - an optional extra

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=partial(
            asyncpg.connect,
            url,
            timeout=5,
            command_timeout=30,
            server_settings={
                "application_name": "moderation-service",
                "lock_timeout": f"{_LOCK_PATIENCE * 1_000:.0f}ms",
            },
        ),
        hide_parameters=True,
        pool_size=_POSTGRESQL_CONNECTIONS,
        max_overflow=0,
        pool_timeout=_PATIENCE,
        isolation_level="READ COMMITTED",
    )
    return Database(engine, engine)


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Turn the drivers' many ways to say "not now" into one; their texts hold data and are not passed on."""
    try:
        yield
    except (ModerationError, *_PROGRAM_FAULTS):
        raise
    except exc.DBAPIError as error:
        code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None)
        if code == _SQLITE_PROGRAM_FAULT:
            raise
        _log.warning("storage.unavailable", error=type(error.orig).__name__, code=code)
        if error.connection_invalidated:
            raise ConnectionLostError from error
        raise UnavailableError from error
    except (OSError, TimeoutError, exc.TimeoutError) as error:
        _log.warning("storage.unavailable", error=type(error).__name__)
        raise UnavailableError from error
    except Exception as error:
        if not type(error).__module__.startswith("asyncpg."):
            raise
        _log.warning("storage.unavailable", error=type(error).__name__, code=getattr(error, "sqlstate", None))
        raise UnavailableError from error
