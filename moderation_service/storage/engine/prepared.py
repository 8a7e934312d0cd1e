"""Questions that readers ask all the time, put to the drivers directly.

SQLAlchemy writes their SQL, once for each database; running them costs no more than the drivers do: on SQLite one
errand to a reading thread, on PostgreSQL one round trip (docs/decisions/0013-prepared-reads.md).
"""

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from sqlalchemy import Dialect, Select

from moderation_service.domain.errors import UnavailableError
from moderation_service.storage.engine.faults import GONE, code_of, in_our_words
from moderation_service.storage.engine.sqlite_files import SqliteFiles

if TYPE_CHECKING:
    import asyncpg

Row = tuple[Any, ...]
Values = Mapping[str, Any]

_CONNECTION_WITHIN = 2.0
_THREADS = 2
"""More than one, for a long question is not to hold up all others; more of them get in each other's way."""
_CONNECTIONS = 4
_FIRST = (
    "PRAGMA query_only = ON",
    "PRAGMA busy_timeout = 2000",
    "PRAGMA cache_size = -4000",
    "SELECT count(*) FROM sqlite_schema",
)
"""What a connection begins with; what it reads makes the companions of the file, if they are not there."""


_log = structlog.stdlib.get_logger(__name__)


class Reads(Protocol):
    """Runs questions, each in its own transaction; raises UnavailableError when no answer is to be had."""

    async def rows(self, question: "Question", values: Values) -> list[Row]:
        """Return a question's rows, as the program knows their columns."""

    async def close(self) -> None:
        """Close every connection."""


class Question:
    """A SELECT whose parameters are named by `bindparam`."""

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def compiled(self, dialect: Dialect) -> "_Compiled":
        """Return the SQL in a dialect, made when it is first asked for."""
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = _compile(self.statement, dialect)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compiled:
    """SQL with the parameters and columns in their order, and what translates the values of each."""

    sql: str
    parameters: list[tuple[str, Callable[[Any], Any] | None]]
    fixed: Values
    columns: list[tuple[int, Callable[[Any], Any]]]

    def bound(self, values: Values) -> list[Any]:
        """Return values as the driver takes them."""
        given = {**self.fixed, **values}
        return [
            given[name] if write is None or given[name] is None else write(given[name])
            for name, write in self.parameters
        ]

    def read(self, row: Any) -> Row:
        """Return a row as the program knows it."""
        if not self.columns:
            return tuple(row)
        read = list(row)
        for place, convert in self.columns:
            read[place] = convert(read[place])
        return tuple(read)


def _compile(statement: Select[Any], dialect: Dialect) -> _Compiled:
    compiled = statement.compile(dialect=dialect)
    names: list[str] = compiled.positiontup or []
    types = {name: bind.type for bind, name in compiled.bind_names.items()}
    columns = [column.type for column in statement.selected_columns]
    reading = [kind.dialect_impl(dialect).result_processor(dialect, None) for kind in columns]
    return _Compiled(
        sql=str(compiled),
        parameters=[(name, types[name].dialect_impl(dialect).bind_processor(dialect)) for name in names],
        fixed={name: value for name, value in compiled.params.items() if value is not None},
        columns=[(place, convert) for place, convert in enumerate(reading) if convert is not None],
    )


class SqliteReads:
    """Reads a file by two threads, each with a connection of its own.

    Questions of one turn of the event loop go to the threads together, and each thread answers its share at once:
    the interpreter changes hands a few times a turn then, and not for every question.
    """

    def __init__(
        self, path: Path, dialect: Dialect, files: SqliteFiles | None = None, *, most_waiting: int
    ) -> None:
        """Prepare threads that start when they are first needed; `files` counts their connections."""
        self._most_waiting = most_waiting
        self._path = path
        self._files = files
        self._dialect = dialect
        self._shares: SimpleQueue[_Share | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._gathered: list[_Job] = []
        self._waiting = 0

    async def rows(self, question: Question, values: Values) -> list[Row]:
        """Return a question's rows, found in one errand to a thread; with too many before it, say so at once."""
        if self._waiting >= self._most_waiting:
            _log.warning("storage.unavailable", error="TooManyReaders")
            raise UnavailableError(reason="too many wait to read")
        if not self._threads:
            self._begin()
        asked = question.compiled(self._dialect)
        loop = asyncio.get_running_loop()
        job = _Job(asked.sql, asked.bound(values), loop.create_future())
        if not self._gathered:
            loop.call_soon(self._reassign, loop)
        self._gathered.append(job)
        self._waiting += 1
        try:
            with in_our_words():
                found = await job.done
        finally:
            self._waiting -= 1
        return [asked.read(row) for row in found]

    def _reassign(self, loop: asyncio.AbstractEventLoop) -> None:
        jobs, self._gathered = self._gathered, []
        for number in range(min(_THREADS, len(jobs))):
            self._shares.put(_Share(loop, jobs[number::_THREADS]))

    def _begin(self) -> None:
        self._threads = [
            threading.Thread(target=self._work, name=f"reader-{number}", daemon=True) for number in range(_THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        """Answer questions until there is none any more; connect when needed, and anew after a failure."""
        connection: sqlite3.Connection | None = None
        while (share := self._shares.get()) is not None:
            for job in share.jobs:
                try:
                    if connection is None:
                        connection = self._connect()
                    job.found = connection.execute(job.sql, job.values).fetchall()
                except Exception as error:
                    job.found = error
                    if connection is not None:
                        self._close(connection)
                        connection = None
            share.tell()
        if connection is not None:
            self._close(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None)
        for statement in _FIRST:
            connection.execute(statement)
        if self._files is not None:
            self._files.connected()
        return connection

    def _close(self, connection: sqlite3.Connection) -> None:
        connection.close()
        if self._files is not None:
            self._files.disconnected()

    async def close(self) -> None:
        """End the threads, which close their connections."""
        for _ in self._threads:
            self._shares.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        self._threads = []


class _Job:
    """A question on its way to a thread, what came of it, and who waits for that."""

    __slots__ = ("done", "found", "sql", "values")

    def __init__(self, sql: str, values: list[Any], done: asyncio.Future[list[Row]]) -> None:
        self.sql = sql
        self.values = values
        self.done = done
        self.found: list[Row] | Exception = []

    def tell(self) -> None:
        """Answer; whoever has left is not missed."""
        if self.done.done():
            return
        if isinstance(self.found, Exception):
            self.done.set_exception(self.found)
        else:
            self.done.set_result(self.found)


@dataclass(frozen=True, slots=True)
class _Share:
    """Questions that one thread answers together."""

    loop: asyncio.AbstractEventLoop
    jobs: list[_Job]

    def tell(self) -> None:
        """Answer all from the thread."""
        with suppress(RuntimeError):  # the loop ended while the file was read
            self.loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        for job in self.jobs:
            job.tell()


class _GoneError(UnavailableError):
    """The server went away, or is about to."""


class PostgresqlReads:
    """Reads through a few connections.

    With `names_statements` each connection keeps what it prepared, and a question is one round trip. Behind a
    pooler that hands a connection on after each transaction nothing can be kept, and a question is a transaction.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable["asyncpg.Connection[Any]"]],
        dialect: Dialect,
        *,
        names_statements: bool = True,
    ) -> None:
        self._connect = connect
        self._dialect = dialect
        self._names_statements = names_statements
        self._idle: list[asyncpg.Connection[Any]] = []
        self._free = asyncio.Semaphore(_CONNECTIONS)

    async def rows(self, question: Question, values: Values) -> list[Row]:
        """Return a question's rows; a connection that went away while it was idle is replaced."""
        asked = question.compiled(self._dialect)
        bound = asked.bound(values)
        await self._take_turn()
        try:
            with in_our_words():
                while self._idle:
                    with suppress(_GoneError):
                        return await self._ask(self._idle.pop(), asked, bound)
                return await self._ask(await self._connect(), asked, bound)
        finally:
            self._free.release()

    async def _take_turn(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(_CONNECTION_WITHIN):
                await self._free.acquire()
        except TimeoutError as error:
            _log.warning("storage.unavailable", error="TooManyReaders")
            raise UnavailableError(reason="too many wait to read") from error

    async def _ask(self, connection: "asyncpg.Connection[Any]", asked: _Compiled, values: list[Any]) -> list[Row]:
        """Ask, and keep the connection where nothing went wrong; raise _GoneError where it is of no use."""
        try:
            if self._names_statements:
                found = await connection.fetch(asked.sql, *values)
            else:
                async with connection.transaction(readonly=True):
                    found = await connection.fetch(asked.sql, *values)
        except BaseException as error:
            is_gone = connection.is_closed() or code_of(error) in GONE
            connection.terminate()
            if is_gone:
                raise _GoneError(reason="the connection broke") from error
            raise
        self._idle.append(connection)
        return [asked.read(row) for row in found]

    async def close(self) -> None:
        """Close every connection."""
        while self._idle:
            await self._idle.pop().close(timeout=_CONNECTION_WITHIN)
