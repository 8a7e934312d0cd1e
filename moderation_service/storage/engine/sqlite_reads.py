"""Questions to a SQLite file, answered by threads with a connection each."""

import asyncio
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from sqlalchemy import Dialect

from moderation_service.storage.engine.questions import Batch, Gathering, Question, Row, Values
from moderation_service.storage.engine.sqlite_files import SqliteFiles

_THREADS = 2
"""More than one, for a long question is not to hold up all others; more of them get in each other's way."""
_FIRST = (
    "PRAGMA query_only = ON",
    "PRAGMA busy_timeout = 2000",
    "PRAGMA cache_size = -4000",
    "PRAGMA temp_store = MEMORY",
    "SELECT count(*) FROM sqlite_schema",
)
"""What a connection begins with; what it reads makes the companions of the file, if they are not there.

To prepare a file for each table of a statement, and none is ever written, takes longer than most statements.
"""


class SqliteReads:
    """Reads a file by two threads, each with a connection of its own.

    A batch is one step of SQLite, in which others have the interpreter: question by question, it changed hands
    three times for each.
    """

    def __init__(
        self, path: Path, dialect: Dialect, files: SqliteFiles | None = None, *, most_waiting: int
    ) -> None:
        """Prepare threads that start when they are first needed; `files` counts their connections."""
        self._path = path
        self._files = files
        self._batches: SimpleQueue[Batch | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._gathering = Gathering(dialect, self._batches.put, most_running=_THREADS, most_waiting=most_waiting)

    async def rows(self, question: Question, values: Values) -> list[Row]:
        """Return a question's rows; with too many before it, say so at once."""
        if not self._threads:
            self._begin()
        return await self._gathering.rows(question, values)

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._threads = [
            threading.Thread(target=self._work, args=[loop], name=f"reader-{number}", daemon=True)
            for number in range(_THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer questions until there is none any more; connect when needed, and anew after a failure."""
        connection: sqlite3.Connection | None = None
        while (batch := self._batches.get()) is not None:
            found: str | Exception | None
            try:
                if connection is None:
                    connection = self._connect()
                [[found]] = connection.execute(batch.sql, batch.values).fetchall()
            except Exception as error:
                found = error
                if connection is not None:
                    self._close(connection)
                    connection = None
            with suppress(RuntimeError):  # the loop ended while the file was read
                if isinstance(found, Exception):
                    loop.call_soon_threadsafe(batch.fail, found)
                else:
                    loop.call_soon_threadsafe(batch.answer, found)
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
            self._batches.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        self._threads = []
