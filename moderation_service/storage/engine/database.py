"""The database: opening it, reading, writing. What the engines do differently stands here and beside it."""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import datetime
from enum import StrEnum, auto
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from sqlalchemy import ColumnElement, Table, create_engine, event, exc, func, select, text, type_coerce
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from moderation_service.config import causes
from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.engine import connection as statements
from moderation_service.storage.engine import postgresql_server, sqlite_connections
from moderation_service.storage.engine.faults import GONE, code_of, in_our_words
from moderation_service.storage.engine.limits import DatabaseLimits
from moderation_service.storage.engine.postgresql_reads import PostgresqlReads
from moderation_service.storage.engine.questions import Reads
from moderation_service.storage.engine.sqlite_files import Checkpoints, SqliteFiles, build_anew, cut_log_off
from moderation_service.storage.engine.sqlite_reads import SqliteReads
from moderation_service.storage.engine.writer_thread import WriterThread
from moderation_service.storage.engine.writers_lock import WritersLock
from moderation_service.storage.schema import UtcDateTime

Connection = statements.Connection
"""What the functions of this package work on, in a transaction."""

Result = TypeVar("Result")

_READERS = 4
_BETWEEN_PURGES = 0.1
_POSTGRESQL_CONNECTIONS = 10
_ADVISORY_LOCK = 0x6D6F6465726174

_CLASSES_OF_POSTS = 0x706F7374
_LOCK_CLASSES = text(
    "SELECT pg_advisory_xact_lock(CAST(:kind AS integer), one) FROM unnest(CAST(:classes AS integer[])) AS one"
)
_FROM_INDEXES = text("SELECT set_config('enable_seqscan', 'off', true)")
_NOW_OF_SQLITE = select(type_coerce(func.strftime("%Y-%m-%d %H:%M:%f000", "now"), UtcDateTime))
_NOW_OF_POSTGRESQL = select(type_coerce(func.clock_timestamp(), UtcDateTime))
_SHOWN = frozenset({"host", "port", "dbname", "target_session_attrs"})


class Opening(StrEnum):
    """For what a database is opened."""

    CREATE = auto()
    """To read and write; where there is no file yet, it is made."""

    EXISTING = auto()
    """To read and write what is there."""

    READ = auto()
    """To read; nothing is made or changed, on SQLite not even the lock file."""


class NoDatabaseError(UnavailableError):
    """There is no file at the path yet, and none was to be made."""


class Database:
    """One database of either engine. Reads never wait for writes."""

    def __init__(
        self,
        reader: AsyncEngine,
        writer: AsyncEngine,
        *,
        reads: Reads,
        limits: DatabaseLimits,
        patient: AsyncEngine | None = None,
        lock: WritersLock | None = None,
        thread: WriterThread | None = None,
        files: SqliteFiles | None = None,
        checkpoints: Checkpoints | None = None,
        limits_itself: bool = False,
        inspector: WriterThread | None = None,
        path: Path | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._patient = patient or writer
        self.reads = reads
        """What readers ask all the time; it sees what was committed."""
        self.limits = limits
        self._lock = lock
        self._thread = thread
        self._files = files
        self._checkpoints = checkpoints
        self._limits_itself = limits_itself
        self._inspector = inspector
        self._path = path

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, opening: Opening = Opening.CREATE, *, limits: DatabaseLimits | None = None
    ) -> AsyncIterator["Database"]:
        """Open `sqlite:///path` or any of libpq's `postgresql://` forms, and close it at the end.

        Raise NoDatabaseError where nothing is to be made and nothing is there, UnavailableError where it cannot be
        opened. `limits` are given where they are not the usual ones.
        """
        limits = limits or DatabaseLimits()
        with in_our_words():
            is_file = url.startswith("sqlite:")
            database = _open_sqlite(url, opening, limits) if is_file else await _open_postgresql(url, limits)
        try:
            yield database
        finally:
            await database.close()

    @property
    def is_replaced(self) -> bool:
        """Whether the files at the path are not those that are open, so that what is written would be lost."""
        return self._files is not None and self._files.are_replaced

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection that sees what was committed; raise UnavailableError when none is to be had."""
        with in_our_words():
            async with self._reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Run a transaction: committed at the end, rolled back on any error, on disk when it returns."""
        async with self._transaction(self._writer, self.limits.turn) as connection:
            yield connection

    async def transact(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Run a transaction as `write` does, in the shortest time; `work` may wait for its connection alone.

        On SQLite all of it runs in the writer's thread, so `work` must not touch what belongs to the event loop.
        """
        if self._thread is None:
            async with self.write() as connection:
                return await work(connection)
        with in_our_words():
            self._check_files()
            async with self._turn(self.limits.turn):
                result = await self._thread.transact(work)
                self._check_files()
                return result

    async def inspect(self, work: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Run a transaction that only reads, in the shortest time; `work` may wait for its connection alone.

        It takes no writers' lock. On SQLite all of it runs in a thread of its own, as with `transact`.
        """
        if self._inspector is None:
            async with self.read() as connection:
                return await work(connection)
        with in_our_words():
            self._check_files()
            return await self._inspector.transact(work)

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[AsyncConnection]:
        """Run a transaction that no other process runs beside its own; for migrations and the like."""
        async with self._transaction(self._patient, self.limits.exclusive) as connection:
            if not _is_sqlite(connection):
                await _wait_for_locks(connection, self.limits.exclusive)
                await connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
            yield connection

    async def purge(self) -> bool | None:
        """Let what was deleted be gone from the database's files; None where they are a server's.

        It waits for readers that still need the log; False where some went on for a minute.
        """
        path = self._path
        if path is None:
            return None
        with in_our_words():
            until = time.monotonic() + self.limits.exclusive
            while not await asyncio.to_thread(_is_cut_off, path):
                if time.monotonic() > until:
                    return False
                await asyncio.sleep(_BETWEEN_PURGES)
        return True

    async def compact(self) -> float | None:
        """Write the file anew; return for how many seconds nobody could write, None where it is a server's."""
        path = self._path
        if path is None:
            return None
        with in_our_words():
            async with self._turn(self.limits.exclusive):
                began = time.monotonic()
                await asyncio.to_thread(build_anew, path)
                return time.monotonic() - began

    async def keep_complete(self) -> None:
        """Keep a copy of a SQLite file alone from being far behind, until cancelled; else return at once."""
        if self._checkpoints is not None:
            await self._checkpoints.keep()

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine, seconds: float) -> AsyncIterator[AsyncConnection]:
        """Run a transaction; after a failure of the disk, the next one begins on a new connection."""
        with in_our_words():
            self._check_files()
            async with self._turn(seconds):
                async with engine.connect() as connection:
                    try:
                        async with connection.begin():
                            if self._limits_itself:
                                await _wait_for_locks(connection, self.limits.lock)
                            yield connection
                    except exc.OperationalError as error:
                        await connection.invalidate(error)
                        raise
                self._check_files()

    def _turn(self, seconds: float) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._lock is None else self._lock.held(seconds)

    def _check_files(self) -> None:
        if self._files is not None:
            self._files.check()

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.gather(*(engine.dispose() for engine in (self._reader, self._writer, self._patient)))
        await self.reads.close()
        for thread in (self._thread, self._inspector):
            if thread is not None:
                await thread.close()
        if self._checkpoints is not None:
            await self._checkpoints.close()
        if self._lock is not None:
            self._lock.close()


def location(url: str) -> str:
    """Return where a database is, for an operator's log: a path, or a server without user and password."""
    if url.startswith("sqlite:"):
        return os.path.abspath(url.removeprefix("sqlite:///"))  # noqa: PTH100 - a link is named as it is
    parts = urlsplit(url)
    shown = urlencode([one for one in parse_qsl(parts.query) if one[0] in _SHOWN], safe="/:,")
    server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return f"{server}?{shown}" if shown else server


def file_of(url: str) -> Path | None:
    """Return the file of a database, None where it lives on a server."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:") else None


def url_of(file: Path) -> str:
    """Return the URL of the database in a file."""
    return f"sqlite:///{file}"


def without_password(url: str) -> str:
    """Return the URL of a database on a server as it may be shown."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    options = urlencode([one for one in parse_qsl(parts.query) if one[0] != "password"], safe="/:,")
    shown = parts._replace(netloc=f"{user.partition(':')[0]}{at}{hosts}", query=options)
    return (
        shown.geturl() if shown.netloc else f"{parts.scheme}://{parts.path}" + (f"?{options}" if options else "")
    )


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that knows ON CONFLICT, in the connection's dialect."""
    return sqlite.insert(table) if _is_sqlite(connection) else postgresql.insert(table)


async def lock_classes(connection: Connection, classes: Iterable[int]) -> None:
    """Hold each of some classes until the transaction ends; who else wants one waits.

    SQLite's writers are serial, so there is nothing to hold. Classes are numbered alike in every process, and
    taken in rising order by one statement, so that nobody waits for somebody who waits for them.
    """
    wanted = sorted(set(classes))
    if not wanted or _is_sqlite(connection):
        return
    await connection.execute(_LOCK_CLASSES, {"kind": _CLASSES_OF_POSTS, "classes": wanted})


async def answer_from_indexes(connection: Connection) -> None:
    """Let the rest of a transaction be answered from indexes where there are any, however few rows a table has.

    PostgreSQL keeps the plan of a statement that is asked again and again. One that was made while a table held
    next to nothing reads it from end to end, and goes on so as it grows, until its statistics are gathered anew.
    SQLite chooses by the indexes alone where it knows no statistics.
    """
    if not _is_sqlite(connection):
        await connection.execute(_FROM_INDEXES)


async def now(connection: Connection) -> datetime:
    """Return the time by the database's clock, the only one that all replicas share."""
    query = _NOW_OF_SQLITE if _is_sqlite(connection) else _NOW_OF_POSTGRESQL
    found: datetime = (await connection.execute(query)).scalar_one()
    return found


def position(connection: Connection, text: ColumnElement[str], part: str) -> ColumnElement[int]:
    """Return where a part stands in a text, the first character being 1; 0 where it does not."""
    return func.instr(text, part) if _is_sqlite(connection) else func.strpos(text, part)


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


async def lock_tables(connection: Connection, names: list[str], within: float, *, later: float) -> None:
    """Keep everybody else out of tables until the commit; give up after `within` seconds.

    Locks that the transaction needs `later` are waited for as many seconds. `within` is shorter than the second
    after which PostgreSQL looks for deadlocks, so that none of those who write is ended for the sake of who locks.
    On SQLite writers are serial as they are.
    """
    if _is_sqlite(connection) or not names:
        return
    quote = connection.dialect.identifier_preparer.quote
    await _wait_for_locks(connection, within)
    await connection.execute(text(f"LOCK TABLE {', '.join(map(quote, names))} IN ACCESS EXCLUSIVE MODE"))
    await _wait_for_locks(connection, later)


async def count_roughly(connection: Connection, table: Table, most: int) -> tuple[int, bool]:
    """Return how many rows a table has, and whether that is exact: beyond `most` it is an estimate."""
    some = select(text("1")).select_from(table).limit(most + 1).subquery()
    counted = (await connection.execute(select(func.count()).select_from(some))).scalar_one()
    if counted <= most:
        return counted, True
    query = f"SELECT max(rowid) FROM {table.name}"  # noqa: S608 - a name of ours
    if not _is_sqlite(connection):
        query = f"SELECT reltuples::bigint FROM pg_class WHERE oid = '{table.name}'::regclass"  # noqa: S608
    return max((await connection.execute(text(query))).scalar_one(), counted), False


async def _wait_for_locks(connection: Connection, seconds: float) -> None:
    await connection.execute(text(f"SET LOCAL lock_timeout = '{seconds * 1_000:.0f}ms'"))


def _is_cut_off(path: Path) -> bool:
    """Try to cut the log off; not now is as good as not yet."""
    try:
        return cut_log_off(path)
    except sqlite3.OperationalError:
        return False


def _open_sqlite(url: str, opening: Opening, limits: DatabaseLimits) -> Database:
    path = Path(url.removeprefix("sqlite:///"))
    files = SqliteFiles(path)
    if opening is Opening.CREATE:
        try:
            files.create()
        except PermissionError as error:
            raise UnavailableError(reason=causes.forbidden(url) or f"{path}: {causes.why(error)}") from error
    elif not path.exists():
        raise NoDatabaseError(reason=f"there is no file {path} yet")
    options: dict[str, Any] = {
        "hide_parameters": True,
        "max_overflow": 0,
        "pool_timeout": limits.turn,
    }
    make = partial(
        create_async_engine,
        f"sqlite+aiosqlite:///{path}",
        async_creator=partial(sqlite_connections.connect, path),
        **options,
    )
    reader = make(pool_size=_READERS)
    if opening is Opening.READ:
        sqlite_connections.prepare_to_look(reader.sync_engine, limits)
        reads = SqliteReads(path, reader.dialect, most_waiting=limits.waiting_reads)
        return Database(reader, reader, reads=reads, limits=limits, files=files)
    writer = make(pool_size=1, pool_reset_on_return=None)
    batches, looks = (
        create_engine(
            f"sqlite:///{path}",
            pool_size=1,
            pool_reset_on_return=None,
            connect_args={"isolation_level": None},
            **options,
        )
        for _ in range(2)
    )
    for engine, begin, cache in (
        (reader.sync_engine, "BEGIN", 2_000),
        (writer.sync_engine, "BEGIN IMMEDIATE", 2_000),
        (batches, "BEGIN IMMEDIATE", 8_000),
        (looks, "BEGIN", 2_000),
    ):
        sqlite_connections.prepare(engine, files, limits, begin=begin, cache_kib=cache)
    lock = WritersLock(path.with_name(f"{path.name}.writers"))
    return Database(
        reader,
        writer,
        reads=SqliteReads(path, reader.dialect, files, most_waiting=limits.waiting_reads),
        limits=limits,
        lock=lock,
        thread=WriterThread(batches),
        inspector=WriterThread(looks, name="inspector"),
        files=files,
        checkpoints=Checkpoints(path, files, limits),
        path=path,
    )


async def _open_postgresql(url: str, limits: DatabaseLimits) -> Database:
    server = await postgresql_server.reach(url, lock_timeout=limits.lock)
    options: dict[str, Any] = {
        "hide_parameters": True,
        "isolation_level": "READ COMMITTED",
        "connect_args": server.statement_options,
    }
    make = partial(create_async_engine, "postgresql+asyncpg://", **options)
    engine = make(
        async_creator=server.connect,
        pool_size=_POSTGRESQL_CONNECTIONS,
        max_overflow=0,
        pool_timeout=limits.turn,
    )
    patient = make(async_creator=partial(server.connect, command_timeout=limits.exclusive), poolclass=NullPool)
    for one in (engine, patient):
        event.listen(one.sync_engine, "handle_error", _let_go_of_a_server_that_is_gone)
    return Database(
        engine,
        engine,
        reads=PostgresqlReads(
            server.connect,
            engine.dialect,
            most_waiting=limits.waiting_reads,
            names_statements=not server.is_pooled,
        ),
        limits=limits,
        patient=patient,
        limits_itself=server.is_pooled,
    )


def _let_go_of_a_server_that_is_gone(context: ExceptionContext) -> None:
    """Close the connections to a server that stops or has become a standby: the next ones find the right one."""
    if code_of(context.original_exception) in GONE:
        context.is_disconnect = True
